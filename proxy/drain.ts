/** Ends a proxy in order: nothing new, idle connections closed, what is in flight gets its time, then all is cut. */
import type { Server } from 'node:http'
import type { Desk } from './desk.ts'

/** Resolves when every connection is gone; after `drainMs` none is left standing. */
export function drain(desk: Desk, server: Server): Promise<void> {
  desk.closing = true
  const { context, clients } = desk
  return new Promise((resolve) => {
    const cancel = context.after(context.limits.drainMs, () => {
      for (const socket of clients.keys()) socket.destroy()
    })
    server.close(() => {
      whenEmpty(desk, () => {
        cancel()
        context.ticker.stop()
        desk.pools.destroy()
        desk.securePools?.destroy()
        resolve()
      })
    })
    for (const served of desk.streams) served.close()
    for (const [socket, client] of clients) {
      // A tunnel is `done` with HTTP and not idle; a request that waits for its first byte is idle.
      if (client.busy === null && !client.done) socket.destroySoon()
    }
  })
}

function whenEmpty(desk: Desk, done: () => void): void {
  if (desk.clients.size === 0) {
    done()
    return
  }
  for (const socket of desk.clients.keys()) {
    socket.once('close', () => whenEmpty(desk, done))
    return
  }
}
