/** Ends sockets at once: nothing more is sent, not even what the kernel of this machine still had to send. */
import type { Socket } from 'node:net'

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
    const ending = socket.writableEnded && !socket.writableFinished
    if (!socket.pending && !ending) Object.assign(socket, { resetAndClosing: true })
    socket.destroy()
  }
}
