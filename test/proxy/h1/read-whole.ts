/** Gives a reader bytes in pieces, and gathers what it tells of one response. */
import { ResponseReader } from '../../../proxy/h1/response-reader.ts'

export interface Whole {
  readonly end: 'whole' | 'open' | 'fault'
  readonly fault: string
  readonly status: number
  readonly phrase: string
  readonly headers: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
  readonly keepsAlive: boolean
  /** Bytes behind the response. */
  readonly left: number
}

export interface Reading {
  readonly method?: string
  /** Whether the connection ends behind the bytes. */
  readonly closes?: boolean
  readonly headBytesMax?: number
}

/** Everything up to the end of the first final response. */
export function readWhole(pieces: readonly Buffer[], reading: Reading = {}): Whole {
  const reader = new ResponseReader(reading.headBytesMax ?? 1024)
  reader.begin(reading.method ?? 'GET')
  const body: Buffer[] = []
  let end: Whole['end'] = 'open'
  let behind = 0
  for (const piece of pieces) {
    if (end !== 'open') {
      behind += piece.length
      continue
    }
    reader.feed(piece)
    let step = reader.step()
    while (step === 'head' || step === 'data') {
      if (step === 'data') body.push(Buffer.from(reader.data))
      step = reader.step()
    }
    if (step !== 'starved') end = step === 'end' ? 'whole' : 'fault'
  }
  const left = end === 'whole' ? reader.left + behind : 0
  if (end === 'open' && reading.closes === true) end = reader.finish() ? 'whole' : 'fault'
  const { fault, head, keepsAlive, trailers } = reader
  const { headers, phrase, status } = head
  const text = Buffer.concat(body).toString('latin1')
  return { body: text, end, fault, headers, keepsAlive, left, phrase, status, trailers }
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')
