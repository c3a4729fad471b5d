/** The tiles of the index, where it is there and goes far enough; never needed, and never a reason to fail. */
import { existsSync } from 'node:fs'
import { Failure } from '../../kernel/reasons.ts'
import { Tiles } from './tiles.ts'
import type { NodeSource } from './tree.ts'

export interface OpenTiles extends NodeSource {
  close(): void
}

/** So long a writer of the index is waited for. */
const busyMs = 1_000

/**
 * Opens an index to read; null where it is missing, broken, or holds fewer leaves. better-sqlite3 is loaded here, so
 * that a proof needs it only where there is an index.
 */
export async function openTiles(file: string, size: number): Promise<OpenTiles | null> {
  if (!existsSync(file)) return null
  try {
    const { default: Database } = await import('better-sqlite3')
    const database = new Database(file, { readonly: true, fileMustExist: true, timeout: busyMs })
    try {
      const tiles = new Tiles(database)
      if (tiles.size >= size) {
        return { nodes: (names) => tiles.nodes(names), close: () => database.close() }
      }
    } catch (error) {
      if (!isOfIndex(error)) throw error
    }
    database.close()
    return null
  } catch (error) {
    if (isOfIndex(error)) return null
    throw error
  }
}

/** True for what a broken index, or a missing library, answers with: the segments tell all that it could. */
export function isOfIndex(error: unknown): boolean {
  if (error instanceof Failure) return true
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return false
  const { code } = error
  return (
    code.startsWith('SQLITE_') || code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_DLOPEN_FAILED'
  )
}
