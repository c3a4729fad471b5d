/** Connects to one of the judged addresses of a passage, and to no other (I5). */
import { connect, type OnReadOpts, type Socket } from 'node:net'
import type { Clock } from '../gate/ports.ts'
import type { ReasonCode } from '../kernel/reasons.ts'

interface Dialling {
  /** Judged addresses, tried in this order. */
  readonly addresses: readonly string[]
  readonly port: number
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

interface DialTrouble {
  readonly code: Extract<ReasonCode, 'upstream-unreachable' | 'upstream-timeout'>
  readonly message: string
}

/** One address may be down; where four are, so is the host. */
const attemptsMax = 4

/** One attempt; resolves once, with null where the connection came to be. */
function attempt(socket: Socket, timeoutMs: number, after: Clock['after']): Promise<string | null> {
  return new Promise((resolve) => {
    let trouble = 'closed'
    const cancel = after(timeoutMs, () => {
      trouble = 'ETIMEDOUT'
      socket.destroy()
    })
    const closed = (): void => {
      cancel()
      resolve(trouble)
    }
    socket.on('error', (error: NodeJS.ErrnoException) => {
      trouble = error.code ?? 'failed'
    })
    socket.once('close', closed)
    socket.once('connect', () => {
      cancel()
      socket.removeListener('close', closed)
      resolve(null)
    })
  })
}

/**
 * Tries the addresses one after the other; each gets its share of the time, so that one that
 * swallows packets does not keep the next from being tried.
 *
 * returns  a connected socket with an error handler, half-open allowed; or why none was reached.
 */
export async function dial(dialling: Dialling): Promise<Socket | DialTrouble> {
  const { addresses, port, timeoutMs, after } = dialling
  let trouble = 'closed'
  const tried = addresses.slice(0, attemptsMax)
  const reading = dialling.onread === undefined ? {} : { onread: dialling.onread }
  const shareMs = timeoutMs / tried.length
  for (const host of tried) {
    if (dialling.ended()) break
    const socket = connect({ ...reading, host, port, allowHalfOpen: true, noDelay: true })
    dialling.own(socket)
    const failed = await attempt(socket, shareMs, after)
    if (failed === null) return socket
    trouble = failed
  }
  return trouble === 'ETIMEDOUT'
    ? { code: 'upstream-timeout', message: 'The upstream did not accept a connection in time.' }
    : { code: 'upstream-unreachable', message: `The upstream cannot be reached: ${trouble}.` }
}
