/** A unix socket as a listener: 0600 from its first moment, and what a dead gate left behind is cleared away. */
import { lstat, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'

/** Binds in this turn under a umask that gives nobody else the socket; the events of `server` tell the rest. */
export function bindPrivately(server: Server, path: string): void {
  const before = process.umask(0o177)
  try {
    server.listen({ path })
  } finally {
    process.umask(before)
  }
}

/** Removes a socket that refuses connections; anything else at that path stays, and the bind then fails. */
export async function clearStale(path: string): Promise<void> {
  const found = await lstat(path).catch(absent)
  if (found?.isSocket() !== true) return
  if (await refuses(path)) await unlink(path).catch(absent)
}

function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', (error: Error & { code?: string }) => resolve(error.code === 'ECONNREFUSED'))
  })
}
