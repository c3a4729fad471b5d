/** Reads a request's body whole, because something has to judge it; bounded in bytes and in time. */
import type { ReasonCode } from '../../kernel/reasons.ts'
import type { ProxyContext } from '../context.ts'
import type { Bytes } from '../upload.ts'

export type Whole =
  | { readonly ok: true; readonly body: Buffer }
  | {
      readonly ok: false
      readonly code: Extract<ReasonCode, 'malformed-request' | 'rate-limited' | 'request-too-large'>
      readonly message: string
    }

interface Reader {
  readonly context: ProxyContext
  /** Length that the head states; null where it is unknown. */
  readonly length: number | null
  readonly bytesMax: number
  /** Takes room for so many bytes more; false where all connections together judge too much already. */
  reserve(bytes: number): boolean
  /** Given what to call when the client is gone. */
  left(gone: () => void): void
}

/**
 * Resolves once: with the body, or with why there is none. A client that leaves in the middle is
 * `malformed-request`, which nobody is there to read.
 */
export function readWhole(request: Bytes, reader: Reader): Promise<Whole> {
  const { bytesMax, context, length } = reader
  if (length !== null && length > bytesMax) return Promise.resolve(tooLarge(bytesMax))
  return new Promise((resolve) => {
    let body: Buffer = Buffer.alloc(0)
    let bytes = 0
    const patient = context.after(context.limits.bodyTimeoutMs, () => {
      end({
        ...{ ok: false, code: 'malformed-request' },
        message: `The body was not whole within ${context.limits.bodyTimeoutMs} ms.`,
      })
    })
    let isOver = false
    const end = (whole: Whole): void => {
      // Told that the client is gone when all is over: what it reads next is not stopped here.
      if (isOver) return
      isOver = true
      patient()
      request.off('data', take)
      request.off('end', finished)
      request.pause()
      resolve(whole)
    }
    const take = (piece: Buffer): void => {
      bytes += piece.length
      if (bytes > bytesMax) end(tooLarge(bytesMax))
      else if (!reader.reserve(piece.length)) end(crowded)
      else body = appended(body, { piece, bytes, bytesMax })
    }
    const finished = (): void => end({ ok: true, body: body.subarray(0, bytes) })
    const left = (): void => {
      const message = 'The client left before the body was whole.'
      end({ ok: false, code: 'malformed-request', message })
    }
    request.on('data', take)
    request.on('end', finished)
    reader.left(left)
    request.resume()
  })
}

/**
 * The piece behind what is there already. Not a list of pieces: of a client that sends each byte in a chunk of its own
 * every one would take four hundred bytes (2026-11); of an upstream too.
 *
 * bytes  of all, this piece included.
 */
export function appended(
  body: Buffer,
  { bytes, bytesMax, piece }: { bytes: number; bytesMax: number; piece: Buffer },
): Buffer {
  let room = body
  if (bytes > body.length) {
    room = Buffer.allocUnsafe(Math.max(bytes, Math.min(bytesMax, 2 * body.length)))
    body.copy(room)
  }
  piece.copy(room, bytes - piece.length)
  return room
}

/** Why a body is not judged where too much is already. */
export const crowded = {
  ok: false,
  code: 'rate-limited',
  message: 'The gate is judging too many bodies at once: try again.',
} as const

function tooLarge(bytesMax: number): Whole {
  const message = `The body is longer than the ${bytesMax} bytes that the gate can judge.`
  return { ok: false, code: 'request-too-large', message }
}
