/** Reads many upstream sockets into one buffer: a read ends in the turn in which it begins, so that none overlap. */
import type { OnReadOpts, Socket } from 'node:net'
import type { Deliver, Source } from '../inlet.ts'

/** What is read from an upstream at once: Node's default of 16 KiB halves a download's speed. */
const readBytes = 64 * 1024

interface Reading {
  /** For net.connect. */
  readonly onread: OnReadOpts
  /** The socket that was made with it, as a source. */
  from(socket: Socket): Source
}

/**
 * Each piece is copied out, to be kept as long as whoever takes it likes. Against 'data' events, for which Node makes
 * 64 KiB for each read and gives most of it back, an answer of 1 KiB is read in half the time.
 */
export class Trough {
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes)

  /** For one connection. */
  open(): Reading {
    const buffer = this.#buffer
    let deliver: Deliver = () => false
    const onread = {
      buffer,
      callback: (count: number): boolean => {
        const piece = Buffer.allocUnsafe(count)
        buffer.copy(piece, 0, 0, count)
        return deliver(piece)
      },
    }
    const from = (socket: Socket): Source => ({
      socket,
      start: (to) => {
        deliver = to
        socket.resume()
      },
    })
    return { onread, from }
  }
}
