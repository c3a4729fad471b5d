/** Raw HTTP over one socket: what a client would never send can be sent, and every byte of the answer is read. */
import { connect, type Socket } from 'node:net'

export interface Answer {
  /** 0 where nothing that is HTTP came back. */
  readonly status: number
  readonly phrase: string
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

interface Sending {
  /** After this the answer is whatever has come. */
  readonly waitMs?: number
  /** Told of the socket, to be used for more than one answer. */
  readonly keep?: (socket: Socket) => void
}

const headEnd = '\r\n\r\n'

/** Reads an answer out of the bytes so far; null while it is not whole. Interim answers are passed over. */
export function readAnswer(text: string, ended: boolean): Answer | null {
  const end = text.indexOf(headEnd)
  if (end < 0) return ended ? { status: 0, phrase: '', headers: new Map(), body: text } : null
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const [, status = '0', phrase = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(statusLine) ?? []
  const rest = text.slice(end + headEnd.length)
  if (status === '100') return readAnswer(rest, ended)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  const answer = { status: Number(status), phrase, headers }
  if (status === '101' || (status === '200' && /established/i.test(phrase))) {
    return { ...answer, body: rest }
  }
  const length = Number(headers.get('content-length') ?? Number.NaN)
  if (Buffer.byteLength(rest, 'latin1') >= length) return { ...answer, body: rest.slice(0, length) }
  return ended ? { ...answer, body: rest } : null
}

/** Sends bytes to a port of this machine and reads one answer. */
export function send(port: number, bytes: string, sending: Sending = {}): Promise<Answer> {
  const { waitMs = 10_000, keep } = sending
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const finish = (answer: Answer | null): void => {
      clearTimeout(timer)
      socket.off('data', hear)
      if (keep === undefined) socket.destroy()
      resolve(answer ?? { status: 0, phrase: '', headers: new Map(), body: text })
    }
    const timer = setTimeout(() => finish(readAnswer(text, true)), waitMs)
    const hear = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const answer = readAnswer(text, false)
      if (answer !== null) finish(answer)
    }
    socket.on('data', hear)
    socket.on('end', () => finish(readAnswer(text, true)))
    socket.on('error', () => finish(readAnswer(text, true)))
    keep?.(socket)
    socket.write(bytes, 'latin1')
  })
}

interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly waitMs?: number
}

/** One absolute-form request through a proxy, on a connection of its own. */
export function ask(port: number, url: string, asking: Asking = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body = '', waitMs = 10_000 } = asking
  const { host } = new URL(url)
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
  const all = { Host: host, Connection: 'close', ...length, ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return send(port, `${method} ${url} HTTP/1.1\r\n${lines.join('')}\r\n${body}`, { waitMs })
}

/** `Proxy-Authorization` for a run of an agent; a listener that is bound to the agent asks for no token. */
export function asRun(agent: string, run: string, token = ''): Readonly<Record<string, string>> {
  const credentials = Buffer.from(`${agent}+${run}:${token}`).toString('base64')
  return { 'Proxy-Authorization': `Basic ${credentials}` }
}
