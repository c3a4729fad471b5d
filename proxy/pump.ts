/** Carries bytes from one socket to another: backpressure, half-close, and never more than may pass (I3). */
import type { Socket } from 'node:net'

/** Takes as many bytes as may pass now, and calls `more` once there is more to take. */
export type Take = (wanted: number, more: () => void) => number

/**
 * Carries everything that `source` sends to `sink`, beginning with `first`, which was read already.
 *
 * Reading stops while the sink's own buffer holds a byte, so that a stalled peer costs one chunk. Errors and
 * the end of both sockets are the caller's.
 */
export function pump(source: Socket, sink: Socket, options: { take: Take; first?: Buffer }): void {
  const { take, first } = options
  let rest: Buffer | null = null

  const goOn = (): void => {
    if (rest === null) {
      if (sink.writableLength === 0) source.resume()
      return
    }
    const kept = rest
    rest = null
    pass(kept)
    if (rest === null && sink.writableLength === 0) source.resume()
  }

  const pass = (chunk: Buffer): void => {
    const taken = take(chunk.length, goOn)
    if (taken < chunk.length) {
      rest = chunk.subarray(taken)
      source.pause()
      if (taken > 0) sink.write(chunk.subarray(0, taken))
      return
    }
    // A write returns false above the high-water mark even when the system took all of it in this turn:
    // then no byte waits, and pausing would only cost a turn. Where one waits, 'drain' will come.
    if (!sink.write(chunk) && sink.writableLength > 0) source.pause()
  }

  sink.on('drain', () => {
    if (rest === null) source.resume()
  })
  source.on('end', () => sink.end())
  source.on('data', pass)
  source.resume()
  if (first !== undefined && first.length > 0) pass(first)
}
