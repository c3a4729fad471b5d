/**
 * Reaches an upstream through another proxy, by CONNECT. The other proxy is named by the operator; unless they say
 * otherwise it is asked to connect to the address that the gate judged, so that it resolves nothing by itself and no
 * answer of its own name server leads elsewhere (I5).
 */
import type { Socket } from 'node:net'
import { writeHost } from './host.ts'
import { UpstreamError } from './tls/upstream-error.ts'

/** A proxy of the operator's. Its host is resolved by the system, and may be private. */
export interface ChainedProxy {
  /** As the policy names it; empty for that of `--upstream-proxy`. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Value of Proxy-Authorization, or null. Never recorded. */
  readonly authorization: string | null
  /** What it is asked for: judged addresses, or hosts, which it then resolves by itself. */
  readonly by: 'address' | 'name'
  /** Whether a listener of this gate answers there: its requests would go around in a circle. */
  isOurs(address: string, port: number): boolean
}

export interface ChainTarget {
  readonly host: string
  readonly port: number
  /** A judged address, literal. */
  readonly address: string
}

/** One connection to a proxy, and where it is to lead. */
export interface Chaining {
  readonly proxy: ChainedProxy
  readonly target: ChainTarget
}

interface NoWay {
  readonly code: 'policy-unavailable'
  readonly message: string
}

/** By which way a request leaves, by its classification: a proxy, or null for none. */
export function wayOf(
  sight: { chained(name: string): ChainedProxy | null },
  name: string,
): ChainedProxy | NoWay | null {
  if (name === 'direct') return null
  const proxy = sight.chained(name)
  if (proxy !== null || name === '') return proxy
  const message = `The upstream proxy ${name} cannot be used, its credential has no value: tell an operator.`
  return { code: 'policy-unavailable', message }
}

/** Which pool a connection belongs to: none is used on another way, or with other credentials. */
export function wayKey(proxy: ChainedProxy | null): string {
  if (proxy === null) return ''
  const { authorization, by, host, port } = proxy
  return ` ${host} ${port} ${by} ${authorization ?? ''}`
}

/** Where the connection is made to. */
export function hopOf(
  proxy: ChainedProxy | null,
  { address, port }: Omit<ChainTarget, 'host'>,
): { readonly host: string; readonly port: number } {
  return proxy === null ? { host: address, port } : { host: proxy.host, port: proxy.port }
}

/** An error of a connection to a proxy, in words that say whose it is. */
export function chainError(proxy: ChainedProxy, error: NodeJS.ErrnoException): UpstreamError {
  if (error instanceof UpstreamError) return error
  if (error.code === 'ETIMEDOUT')
    return trouble(proxy, 'did not answer in time', 'upstream-timeout')
  const why = /^E[A-Z0-9_]+$/.test(error.code ?? '') ? error.code : 'failed'
  return trouble(proxy, `cannot be reached: ${why}`)
}

/** Says that the other end is this gate itself; null where it is not. */
export function loopOf(proxy: ChainedProxy, socket: Socket): UpstreamError | null {
  const { remoteAddress, remotePort } = socket
  if (remoteAddress === undefined || remotePort === undefined) return null
  return proxy.isOurs(remoteAddress, remotePort) ? trouble(proxy, 'is this gate itself') : null
}

/** A proxy answered a request of ours with 407: the agent has nothing to show it. */
export function unwelcome(proxy: ChainedProxy): UpstreamError {
  return trouble(proxy, 'wants other credentials (407)')
}

export type Asked = (error: UpstreamError | null) => void

/**
 * Asks for a tunnel on a connected socket, and calls back once: with null where the tunnel stands. The socket is the
 * caller's, as it was, with nothing read of the tunnel; its errors and its time are the caller's, too.
 */
export function askByEvents(socket: Socket, chaining: Chaining, asked: Asked): void {
  let take: Take | null = null
  const read = (): void => {
    const piece: Buffer | null = socket.read()
    if (piece !== null) take?.(piece)
  }
  socket.on('readable', read)
  take = askByPieces(socket, chaining, (error) => {
    socket.off('readable', read)
    asked(error)
  })
}

/** Given what was read, as long as the answer is not whole. */
export type Take = (piece: Uint8Array) => void

/** The same for a socket that is read otherwise: what comes is given to the answer of this function. */
export function askByPieces(socket: Socket, { proxy, target }: Chaining, asked: Asked): Take {
  const answer = new Answer()
  let isOver = false
  const end = (error: UpstreamError | null): void => {
    if (isOver) return
    isOver = true
    socket.off('end', left)
    socket.off('close', left)
    asked(error)
  }
  const left = (): void => end(trouble(proxy, 'closed the connection'))
  const loop = loopOf(proxy, socket)
  if (loop !== null) {
    end(loop)
    return () => {}
  }
  socket.on('end', left)
  socket.on('close', left)
  socket.write(connectRequest(proxy, target), 'latin1')
  return (piece) => {
    if (isOver) return
    const said = answer.take(piece)
    if (said === null) return
    if (said.isTunnel) end(null)
    else {
      // Another address may fare better, where it was this one that was refused.
      const final = !said.isRefusal || proxy.by === 'name'
      end(new UpstreamError({ ...troubleOf(proxy, said.why), final }))
    }
  }
}

function connectRequest(proxy: ChainedProxy, { address, host, port }: ChainTarget): string {
  const authority = writeHost(proxy.by === 'name' ? host : address, port, -1)
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`]
  if (proxy.authorization !== null) lines.push(`Proxy-Authorization: ${proxy.authorization}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Of the answer to a CONNECT, status line included. */
const answerBytesMax = 16 * 1024

const headerEnd = Buffer.from('\r\n\r\n')
const begins = Buffer.from('HTTP/1.')
const statusLine = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: |\r)/
const statusLineBytes = 14

/** isRefusal  whether it speaks of this target, so that another address may fare better. */
type Said =
  | { readonly isTunnel: true }
  | { readonly isTunnel: false; readonly isRefusal: boolean; readonly why: string }

const wrong = (why: string): Said => ({ isTunnel: false, isRefusal: false, why })

/** Reads the answer to a CONNECT, piece by piece; each byte is looked at once. */
class Answer {
  readonly #bytes = Buffer.allocUnsafe(answerBytesMax)
  #length = 0
  /** Where the header section begins that is read: behind those of interim answers. */
  #from = 0

  /** Null as long as it is not whole. */
  take(piece: Uint8Array): Said | null {
    const before = this.#length
    if (before + piece.length > answerBytesMax) return wrong('answered with too much')
    this.#bytes.set(piece, before)
    this.#length += piece.length
    let searched = Math.max(this.#from, before - headerEnd.length + 1)
    for (;;) {
      const heard = this.#bytes.subarray(0, this.#length)
      const beginning = heard.subarray(this.#from, this.#from + begins.length)
      if (!beginning.equals(begins.subarray(0, beginning.length))) {
        return wrong('did not answer as an HTTP proxy does')
      }
      const end = heard.indexOf(headerEnd, searched)
      if (end < 0) return null
      const behind = end + headerEnd.length
      const status = statusOf(heard.toString('latin1', this.#from, this.#from + statusLineBytes))
      // RFC 9110 15.2: interim answers may come before the one that counts; 101 is none of them.
      if (status < 100 || status >= 200 || status === 101)
        return saidBy(status, this.#length - behind)
      this.#from = behind
      searched = behind
    }
  }
}

function statusOf(text: string): number {
  return Number(statusLine.exec(text)?.[1] ?? 0)
}

/** behind  bytes that came with it; whoever is behind the tunnel speaks second in all that the gate sends through. */
function saidBy(status: number, behind: number): Said {
  if (status === 0) return wrong('did not answer as an HTTP proxy does')
  if (status === 407) return wrong('wants other credentials (407)')
  if (status < 200 || status > 299) {
    return { isTunnel: false, isRefusal: true, why: `refused the connection (${status})` }
  }
  return behind === 0 ? { isTunnel: true } : wrong('sent bytes that nobody had asked for')
}

type Trouble = UpstreamError['trouble']

function troubleOf(
  { name }: ChainedProxy,
  what: string,
  code: Trouble['code'] = 'upstream-unreachable',
): Trouble {
  const who = name === '' ? 'The upstream proxy' : `The upstream proxy ${name}`
  return { code, message: `${who} ${what}.`, final: true }
}

function trouble(...words: Parameters<typeof troubleOf>): UpstreamError {
  return new UpstreamError(troubleOf(...words))
}
