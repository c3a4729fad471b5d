/** How many connections the machine lets this process have: each takes a file descriptor for both of its ends. */
import { readFileSync } from 'node:fs'

/** The ledger, the listeners, the control connections, and what Node itself needs. */
const otherDescriptors = 64

/** See proxy/server.ts: refused connections that are still being told so. */
const refusedMax = 256

/** The soft limit of open files as it is now (Node has raised it to the hard one); null where the system says none. */
export function openFilesMax(): number | null {
  let text: string
  try {
    text = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return null
  }
  const digits = /^Max open files\s+(\d+)/m.exec(text)?.[1]
  return digits === undefined ? null : Number(digits)
}

/**
 * The most connections that so many descriptors carry: client and upstream each, and as many refused ones as the
 * listener keeps.
 *
 * files  null where there is no limit.
 */
export function connectionsWithin(files: number | null, wanted: number): number {
  if (files === null) return wanted
  const free = files - otherDescriptors
  const most = free >= 3 * refusedMax ? (free - refusedMax) / 2 : free / 3
  return Math.max(1, Math.min(wanted, Math.floor(most)))
}
