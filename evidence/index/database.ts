/** The SQLite file of the index: opened, made anew where it is broken or of another version, and never trusted. */
import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { failureOf } from '../../ledger/failure.ts'
import { Tiles } from '../proof/tiles.ts'
import { factColumns, placeColumns } from './row.ts'

/** Of the tables below; another one in the file means that it is made anew. */
const schemaVersion = 1

/** So long a writer is waited for: two may feed, and a batch takes some 10 ms. */
const busyTimeoutMs = 2_000

/** Pages between two checkpoints of SQLite's own log, 32 MiB: each is a sync of the disk that the ledger syncs too. */
const checkpointPages = 8_192

const integers: ReadonlySet<string> = new Set(['status', 'cost', 'segment', 'offset', 'length'])

const columns = [...factColumns.slice(1), ...placeColumns]
  .map((name) => `${name} ${name === 'hash' ? 'BLOB' : integers.has(name) ? 'INTEGER' : 'TEXT'}`)
  .join(', ')

/** Kinds of which there are many; all others have an index of their own. */
export const commonKinds = "kind NOT IN ('decision', 'settlement')"

/** What is refused, warned of or waits is rare, or the policy is wrong. */
export const notAllowed = "verdict <> 'allow'"

/** Few and narrow: each index costs a tenth of the feeding. What they do not cover is scanned. */
const schema = `
  CREATE TABLE entry(seq INTEGER PRIMARY KEY, ${columns});
  CREATE INDEX entry_run ON entry(agent, run);
  CREATE INDEX entry_request ON entry(request) WHERE request IS NOT NULL;
  CREATE INDEX entry_kind ON entry(kind) WHERE ${commonKinds};
  CREATE INDEX entry_verdict ON entry(verdict) WHERE ${notAllowed};
  CREATE INDEX entry_model ON entry(seq) WHERE model IS NOT NULL;
  CREATE TABLE run(agent TEXT, run TEXT, first INTEGER, last INTEGER, since TEXT, until TEXT,
    entries INTEGER, decisions INTEGER, refused INTEGER, cost INTEGER,
    PRIMARY KEY(agent, run)) WITHOUT ROWID;
`

const tables = ['entry', 'run', 'tile']

/** Errors that no second attempt heals: the file is no database, or not ours to write. */
const broken: ReadonlySet<string> = new Set([
  'SQLITE_CORRUPT',
  'SQLITE_NOTADB',
  'SQLITE_FORMAT',
  'SQLITE_ERROR',
  'SQLITE_CANTOPEN',
  'SQLITE_READONLY',
])

/** True where the file itself is at fault, and a new one would help. */
export function isBroken(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return false
  const { code } = error
  return broken.has(code) || [...broken].some((one) => code.startsWith(`${one}_`))
}

/** True where another connection writes. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return String(error.code).startsWith('SQLITE_BUSY')
}

export interface Opened {
  readonly database: Database
  /** Why the tables are empty although a file was there; null where they are as they were left. */
  readonly renewed: string | null
}

/**
 * Opens the index for feeding, or makes it. A file that is broken is removed: all of it can be made of the ledger.
 *
 * errors  Failure: the directory cannot be written, another process keeps the file, better-sqlite3 is not there.
 */
export async function openForFeeding(file: string): Promise<Opened> {
  const driver = await loaded(file)
  try {
    return openedBy(driver, file)
  } catch (error) {
    if (!isBroken(error)) throw failureOf(error, `the index ${file} cannot be opened`)
  }
  try {
    removeDatabase(file)
    return { ...openedBy(driver, file), renewed: 'the file was no database' }
  } catch (error) {
    throw failureOf(error, `the index ${file} cannot be made anew`)
  }
}

/** Opens an index that somebody else feeds. errors  Failure where there is none, or it is of another version. */
export async function openForReading(file: string): Promise<Database> {
  const driver = await loaded(file)
  let database: Database | null = null
  try {
    database = new driver(file, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs })
    if (versionOf(database) === schemaVersion) return database
    throw new Error(
      `it is of version ${versionOf(database)}, and this program reads ${schemaVersion}`,
    )
  } catch (error) {
    database?.close()
    throw failureOf(error, `the index ${file} cannot be read`)
  }
}

type Driver = typeof import('better-sqlite3')

/** Loaded here, so that nothing that only reads the ledger needs it. */
async function loaded(file: string): Promise<Driver> {
  try {
    const { default: driver } = await import('better-sqlite3')
    return driver
  } catch (error) {
    throw failureOf(error, `the index ${file} cannot be opened`)
  }
}

function openedBy(driver: Driver, file: string): Opened {
  const isNew = !existsSync(file)
  // Made by us, since SQLite would let others read it. Never opened beside SQLite when it is there: closing any
  // descriptor of a file takes the locks away that this process holds on it (sqlite.org/howtocorrupt.html, 2.2).
  if (isNew) closeSync(openSync(file, 'ax', 0o600))
  const database = new driver(file, { timeout: busyTimeoutMs })
  try {
    database.pragma('journal_mode = WAL')
    // What a crash of the machine takes from the index is fed again.
    database.pragma('synchronous = NORMAL')
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`)
    const version = versionOf(database)
    if (version === schemaVersion) return { database, renewed: null }
    emptyTables(database)
    return { database, renewed: isNew || version === 0 ? null : `it was of version ${version}` }
  } catch (error) {
    database.close()
    throw error
  }
}

function versionOf(database: Database): number {
  return Number(database.pragma('user_version', { simple: true }))
}

/** Takes every row away, in one transaction: whoever reads meanwhile still sees the old ones. */
export function emptyTables(database: Database): void {
  database
    .transaction(() => {
      for (const table of tables) database.exec(`DROP TABLE IF EXISTS ${table}`)
      database.exec(schema)
      Tiles.create(database)
      database.pragma(`user_version = ${schemaVersion}`)
    })
    .immediate()
}

/** Takes the file away, and what SQLite keeps beside it. */
export function removeDatabase(file: string): void {
  for (const path of [file, `${file}-wal`, `${file}-shm`]) {
    if (existsSync(path)) unlinkSync(path)
  }
}
