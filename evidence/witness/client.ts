/** Asks one witness for its cosignature: `POST <prefix>/add-checkpoint`, and believes only what verifies. */
import { Failure } from '../../kernel/reasons.ts'
import type { After } from '../../ledger/deadline.ts'
import { parseNote } from '../../ledger/note.ts'
import { cosignedAt, parseWitnessKey, type WitnessKey } from './cosignature.ts'
import { type AddCheckpoint, requestText } from './request.ts'

/** A witness, as `--witness URL#VKEY` names it. */
export interface WitnessPlace {
  /** Submission prefix, without a slash at its end. */
  readonly url: string
  readonly key: WitnessKey
}

/** What ends a request before its answer. */
export interface Limits {
  readonly after: After
  readonly closed: AbortSignal
}

export type Reply =
  /** The note with the cosignature behind its own signatures. */
  | { readonly kind: 'cosigned'; readonly note: string; readonly atSeconds: number }
  /** It cosigned a tree of this size last: the old size must be this. */
  | { readonly kind: 'elsewhere'; readonly size: number }
  /** It will not: 403 key, 404 log, 422 proof, 400 form. */
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

const answerBytesMax = 16_384

const timeoutMs = 10_000

/** Reads `URL#VKEY`; a sentence where it is none. */
export function witnessPlace(text: string): WitnessPlace | string {
  const split = text.indexOf('#')
  const url = text.slice(0, split)
  const key = split < 0 ? null : parseWitnessKey(text.slice(split + 1))
  if (key === null) {
    return `a witness is URL#VKEY, as haltgate witness prints it, not '${text.slice(0, 200)}'`
  }
  const parsed = URL.canParse(url) ? new URL(url) : null
  const plain = parsed !== null && `${parsed.username}${parsed.password}${parsed.search}` === ''
  if (!plain || !/^https?:$/.test(parsed.protocol)) {
    return `the URL of the witness ${key.name} is http or https, without user, password and query`
  }
  return { url: url.replace(/\/+$/, ''), key }
}

/** errors  Failure where there is no answer, or one that no witness gives. */
export async function addCheckpoint(
  place: WitnessPlace,
  request: AddCheckpoint,
  limits: Limits,
): Promise<Reply> {
  const { body, status } = await posted(place, requestText(request), limits)
  if (status === 200) return cosigned(place, request.note, body)
  if (status === 409) {
    const size = /^(0|[1-9]\d{0,14})\n?$/.exec(body)?.[1]
    if (size === undefined) throw trouble(place, 'it answered 409 without a size')
    return { kind: 'elsewhere', size: Number(size) }
  }
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 429
  if (!isRefusal) throw trouble(place, `it answered ${status}`)
  const why = body.replaceAll(/[^\x20-\x7e]+/g, ' ').trim()
  return { kind: 'refused', status, why: why.slice(0, 200) }
}

/** Lines of keys that nobody named are left out. */
function cosigned(place: WitnessPlace, note: string, body: string): Reply {
  const { id, name } = place.key
  const lines = body.split('\n').filter((line) => line.startsWith(`\u2014 ${name} `))
  for (const line of lines) {
    const whole = `${note}${line}\n`
    const parsed = parseNote(whole)
    if (typeof parsed === 'string' || parsed.signatures.at(-1)?.id !== id) continue
    const atSeconds = cosignedAt(parsed, place.key)
    if (atSeconds !== null) return { kind: 'cosigned', note: whole, atSeconds }
  }
  throw trouble(place, 'it answered 200 without a cosignature of its key')
}

async function posted(
  place: WitnessPlace,
  text: string,
  { after, closed }: Limits,
): Promise<{ readonly status: number; readonly body: string }> {
  const ending = new AbortController()
  const cancel = after(timeoutMs, () => ending.abort())
  try {
    const response = await fetch(`${place.url}/add-checkpoint`, {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      redirect: 'manual',
      signal: AbortSignal.any([ending.signal, closed]),
    })
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of response.body ?? []) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > answerBytesMax) throw trouble(place, 'its answer is too long')
    }
    return { status: response.status, body: Buffer.concat(pieces).toString('utf8') }
  } catch (error) {
    if (error instanceof Failure) throw error
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const message = cause instanceof Error ? cause.message.slice(0, 200) : ''
    const why = ending.signal.aborted ? 'no answer in time' : `it cannot be reached (${message})`
    throw trouble(place, why)
  } finally {
    cancel()
  }
}

const trouble = ({ key, url }: WitnessPlace, why: string): Failure =>
  new Failure('ledger-unavailable', `the witness ${key.name} at ${url}: ${why}`)
