/** Connects to one of the judged addresses of a passage, and to no other, or asks a chained proxy to do so (I5). */
import { connect, type OnReadOpts, type Socket } from 'node:net'
import type { Clock } from '../gate/ports.ts'
import {
  askByEvents,
  askByPieces,
  type ChainedProxy,
  chainError,
  hopOf,
  type Take,
} from './chain.ts'
import type { SecurePools } from './tls/secure-pools.ts'
import type { Trouble } from './tls/upstream-error.ts'

export interface Destined {
  readonly host: string
  readonly port: number
}

interface Dialling {
  readonly target: Destined
  /** Judged addresses, tried in this order. */
  readonly addresses: readonly string[]
  /** The proxy that leads there; null where the addresses are dialled. */
  readonly proxy: ChainedProxy | null
  /** By which the upstream is spoken to by TLS; null where it is not. */
  readonly secure: SecurePools | null
  /** For all attempts together. */
  readonly timeoutMs: number
  readonly after: Clock['after']
  /** Where what comes is to be read into; by events where it is absent. */
  readonly onread?: OnReadOpts
  /** Given each socket before its connection is made, so that a halt can sever it. */
  own(socket: Socket): void
  /** True once the passage has ended: no further address is tried. */
  ended(): boolean
}

/** One address may be down; where four are, so is the host. */
const attemptsMax = 4

interface Attempt {
  readonly address: string
  readonly timeoutMs: number
}

/** By TLS, verified; the answer is severed with the connection under it. */
function attemptSecure(
  dialling: Dialling & { readonly secure: SecurePools },
  attempt: Attempt,
): Promise<Socket | Trouble> {
  const { own, proxy, secure, target } = dialling
  const { host, port } = target
  return new Promise((resolve) => {
    secure.dial({ ...attempt, host, port, proxy, own, alpn: ['http/1.1'] }, (error, secured) => {
      if (secured !== null) own(secured.secure)
      resolve(secured?.secure ?? error?.trouble ?? unreached('closed'))
    })
  })
}

/** One attempt; resolves once. */
function attemptPlain(dialling: Dialling, attempt: Attempt): Promise<Socket | Trouble> {
  const { after, onread, own, proxy, target } = dialling
  const { host, port } = target
  const { address, timeoutMs } = attempt
  // What a proxy says to a socket that is read into a buffer, as long as it is the proxy that speaks.
  let take: Take | null = null
  const heard = onread === undefined || proxy === null ? onread : heardFirst(onread, () => take)
  const reading = heard === undefined ? {} : { onread: heard }
  const hop = hopOf(proxy, { address, port })
  const socket = connect({ ...reading, ...hop, allowHalfOpen: true, noDelay: true })
  own(socket)
  return new Promise((resolve) => {
    let why: NodeJS.ErrnoException = new Error('closed')
    const cancel = after(timeoutMs, () => {
      why = Object.assign(new Error('the time is over'), { code: 'ETIMEDOUT' })
      socket.destroy()
    })
    const closed = (): void => {
      cancel()
      resolve(proxy === null ? troubleOf(why) : chainError(proxy, why).trouble)
    }
    const ready = (): void => {
      cancel()
      socket.removeListener('close', closed)
      resolve(socket)
    }
    const asked = (error: Error | null): void => {
      take = null
      if (error === null) ready()
      else socket.destroy(error)
    }
    socket.on('error', (error: NodeJS.ErrnoException) => {
      why = error
    })
    socket.once('close', closed)
    socket.once('connect', () => {
      if (proxy === null) {
        ready()
        return
      }
      const chaining = { proxy, target: { address, host, port } }
      if (onread === undefined) askByEvents(socket, chaining, asked)
      else take = askByPieces(socket, chaining, asked)
    })
  })
}

/** The same way of reading, of which someone else may hear first. */
function heardFirst({ buffer, callback }: OnReadOpts, first: () => Take | null): OnReadOpts {
  return {
    buffer,
    callback: (count, bytes) => {
      const take = first()
      if (take === null) return callback(count, bytes)
      take(bytes.subarray(0, count))
      return true
    },
  }
}

function troubleOf({ code = 'closed' }: NodeJS.ErrnoException): Trouble {
  return code === 'ETIMEDOUT'
    ? { code: 'upstream-timeout', message: 'The upstream did not accept a connection in time.' }
    : unreached(code)
}

function unreached(why: string): Trouble {
  return { code: 'upstream-unreachable', message: `The upstream cannot be reached: ${why}.` }
}

/**
 * Tries the addresses one after the other; each gets its share of the time, so that one that
 * swallows packets does not keep the next from being tried.
 *
 * returns  a connected socket with an error handler, half-open allowed; or why none was reached.
 */
export async function dial(dialling: Dialling): Promise<Socket | Trouble> {
  const { addresses, secure, timeoutMs } = dialling
  let trouble = unreached('closed')
  const tried = addresses.slice(0, attemptsMax)
  for (const address of tried) {
    if (dialling.ended()) break
    const attempt = { address, timeoutMs: timeoutMs / tried.length }
    const reached = await (secure === null
      ? attemptPlain(dialling, attempt)
      : attemptSecure({ ...dialling, secure }, attempt))
    if (!('code' in reached)) return reached
    trouble = reached
    if (trouble.final === true || trouble.code === 'upstream-tls') break
  }
  return trouble
}
