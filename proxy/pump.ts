/** Carries bytes from one socket to another: backpressure, half-close, and never more than may pass (I3). */
import type { Socket } from 'node:net'
import type { Source } from './inlet.ts'

/** Takes as many bytes as may pass now, and calls `more` once there is more to take. */
export type Take = (wanted: number, more: () => void) => number

/**
 * Carries everything that comes from `source` to `sink`, beginning with `first`, which was read already.
 *
 * Reading stops while the sink's own buffer holds a byte: a stalled peer costs one piece, and a piece is the
 * sink's until it is out of this process. Errors and the end of both sockets are the caller's.
 */
export function pump(source: Source, sink: Socket, options: { take: Take; first?: Buffer }): void {
  const { take, first } = options
  const { socket } = source
  let rest: Buffer | null = null
  let stopped = false

  const goOn = (): void => {
    if (rest !== null || !stopped || sink.writableLength > 0) return
    stopped = false
    socket.resume()
  }

  const retry = (): void => {
    if (rest === null) return
    const kept = rest
    rest = null
    if (pass(kept)) socket.resume()
  }

  // The answer of write and 'drain' would not do: they tell of a high-water mark, which a large piece is
  // above even when the system took all of it in this turn, and a small one below while it still waits.
  const pass = (piece: Buffer): boolean => {
    const taken = take(piece.length, retry)
    if (taken < piece.length) rest = piece.subarray(taken)
    if (taken > 0) sink.write(rest === null ? piece : piece.subarray(0, taken), goOn)
    stopped = rest !== null || sink.writableLength > 0
    return !stopped
  }

  const end = (): void => {
    sink.end()
  }
  if (socket.readableEnded) end()
  else socket.once('end', end)
  if (first !== undefined && first.length > 0 && !pass(first)) {
    // Started by goOn, in its turn: until then nothing is read.
    startLater(source, pass)
    return
  }
  source.start(pass)
}

/** Starts a source that must not deliver yet: it is stopped in the same turn, before anything can come. */
function startLater(source: Source, pass: (piece: Buffer) => boolean): void {
  source.start(pass)
  source.socket.pause()
}
