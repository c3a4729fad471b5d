/** One writer: an exclusive lock that the kernel holds for this process, and frees when it dies. */
import { chmodSync } from 'node:fs'
import { Failure } from '../kernel/reasons.ts'

export interface Lock {
  release(): void
}

/**
 * Takes the lock, or refuses at once where another process has it.
 *
 * SQLite's BEGIN EXCLUSIVE on an empty database is an fcntl lock and writes nothing. Such a lock is lost when
 * this process closes any descriptor of the file, so nothing else may open it, be it to read: SQLite alone
 * does, which keeps count of its own descriptors. Loaded here, so that reading a ledger never needs it.
 *
 * errors  Failure: another writer, a path that cannot be opened, or better-sqlite3 missing.
 */
export async function takeLock(path: string): Promise<Lock> {
  const { default: Database } = await import('better-sqlite3').catch((cause: unknown) => {
    throw failure(`better-sqlite3 cannot be loaded, which locks ${path}; run: npm rebuild`, cause)
  })
  let database: InstanceType<typeof Database>
  try {
    database = new Database(path, { timeout: 0 })
  } catch (cause) {
    throw failure(`the lock ${path} cannot be opened: ${textOf(cause)}`, cause)
  }
  try {
    database.exec('BEGIN EXCLUSIVE')
    chmodSync(path, 0o600)
  } catch (cause) {
    database.close()
    if (codeOf(cause).startsWith('SQLITE_BUSY')) {
      throw failure(`another process writes this ledger (it holds ${path}); stop it first.`, cause)
    }
    throw failure(`the lock ${path} cannot be taken: ${textOf(cause)}`, cause)
  }
  return { release: () => database.close() }
}

function failure(message: string, cause: unknown): Failure {
  return new Failure('ledger-unavailable', message, { cause })
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return String(error.code)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
