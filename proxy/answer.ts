/** Answers raw bytes on a socket that will carry nothing else, so that the client gets to read them. */
import type { Socket } from 'node:net'
import type { Refusal } from '../gate/refusal.ts'
import type { ProxyContext } from './context.ts'

/**
 * Writes the last bytes, ends, and reads on for a while: closing with unread bytes would reset the
 * connection, and take the answer with it (RFC 9112 9.6).
 */
export function answerBytes(context: ProxyContext, socket: Socket, bytes: Buffer | string): void {
  if (socket.destroyed) return
  const { idleTimeoutMs, lingerBytesMax, lingerMs } = context.limits
  // Whoever listened on this socket is not to hear what comes now.
  socket.removeAllListeners('data')
  let left = lingerBytesMax
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) socket.destroy()
  })
  socket.setTimeout(idleTimeoutMs, () => socket.destroy())
  socket.end(bytes, 'latin1', () => {
    socket.once(
      'close',
      context.after(lingerMs, () => socket.destroy()),
    )
  })
  socket.resume()
}

export function answerRefusal(context: ProxyContext, socket: Socket, refusal: Refusal): void {
  answerBytes(context, socket, context.voice.refusal(refusal))
}
