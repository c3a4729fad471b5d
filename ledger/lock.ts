/** One writer: an exclusive lock that the kernel holds for this process, and frees when it dies. */
import { chmodSync } from 'node:fs'
import { failureOf } from './failure.ts'

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
 * errors  Failure: another writer, or a path that cannot be opened; better-sqlite3's own where that is missing.
 */
export async function takeLock(path: string): Promise<Lock> {
  const { default: Database } = await import('better-sqlite3')
  let database: InstanceType<typeof Database>
  try {
    database = new Database(path, { timeout: 0 })
  } catch (error) {
    throw failureOf(error, `the lock ${path} cannot be opened`)
  }
  try {
    // A journal in memory: the lock takes no room on a full disk, and a kill leaves no journal behind.
    database.exec('PRAGMA journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
    chmodSync(path, 0o600)
  } catch (error) {
    database.close()
    throw failureOf(error, `the lock ${path} cannot be taken`)
  }
  return { release: () => database.close() }
}
