/** Ends sockets at once: nothing more is sent, not even what the kernel of this machine still had to send. */
import { Socket } from 'node:net'

/**
 * Destroys every socket in this turn, by a reset where that is possible: a plain close would go on sending
 * what the operating system holds, megabytes to a slow peer, after the halt.
 *
 * Node's own resetAndDestroy ends the writable side first, and so waits for everything that is buffered. The
 * mark it leaves for destroy is set here without that wait (net.js of Node 20 to 24; were it gone, destroy
 * would close plainly, and test/proxy/sever.test.ts fail). While a shutdown is under way libuv refuses a
 * reset, and a socket without a connection has none.
 */
export function sever(sockets: Iterable<Socket>): void {
  for (const socket of sockets) {
    if (socket.destroyed) continue
    const wire = wireOf(socket)
    doom(wire ?? socket)
    // TLS goes first, and takes the connection along: the other way round it would tell of its close in this turn.
    socket.destroy()
    wire?.destroy()
  }
}

/** Whoever destroys it now resets it. */
export function doom(socket: Socket): void {
  const ending = socket.writableEnded && !socket.writableFinished
  if (!socket.destroyed && !socket.pending && !ending) {
    Object.assign(socket, { resetAndClosing: true })
  }
}

/** The connection under a TLS socket, which has no reset of its own (Node 20 to 24); null for any other. */
function wireOf(socket: Socket & { readonly wire?: unknown }): Socket | null {
  return socket.wire instanceof Socket ? socket.wire : null
}
