/** Compares the index with the ledger: a row by itself, or every row, run and leaf. The ledger is right. */
import { existsSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { Failure } from '../../kernel/reasons.ts'
import { segmentName } from '../../ledger/segment.ts'
import { isBroken, openForReading } from './database.ts'
import { type Fact, type Facts, factColumns, factsOf, type LinePlace, placeColumns } from './row.ts'
import { addTo, type RunSum, type Sum } from './run-sums.ts'
import { beginning, type Line, lineAt, readBatch } from './tail.ts'

/** As `audit verify` has its findings; an index is never part of what it verifies. */
export interface IndexFinding {
  readonly code: 'INDEX_MISMATCH'
  readonly severity: 'warning'
  readonly segment: string
  readonly offset: number
  readonly seq: number | null
  /** What the ledger says. */
  readonly expected: string | null
  /** What the index says. */
  readonly actual: string | null
  readonly message: string
}

/** A row as SQLite gives it. */
export type StoredRow = LinePlace & { readonly hash: unknown } & Readonly<Record<string, unknown>>

const rowSql = `SELECT ${[...factColumns, ...placeColumns].join(', ')} FROM entry`

/** Compares one row with the line that it names; null where they agree. */
export function checkRow(database: Database, directory: string, seq: number): IndexFinding | null {
  const row = database.prepare<[number], StoredRow>(`${rowSql} WHERE seq = ?`).get(seq)
  if (row === undefined) return found({ seq, message: `the index has no row of entry ${seq}` })
  const line = lineAt(directory, row)
  const where = { seq, segment: segmentOf(row), offset: Number(row.offset) }
  if (typeof line === 'string') {
    const message = `the index has an entry ${seq} where the ledger has none: ${line}`
    return found({ ...where, message })
  }
  return compared(row, { ...place(row), entry: line.entry })
}

const place = ({ length, offset, segment }: LinePlace): LinePlace => ({ length, offset, segment })

/** What a row says otherwise than the line; null where they agree. */
export function compared(row: StoredRow, line: Line): IndexFinding | null {
  const { entry, offset, segment } = line
  const where = { seq: entry.seq, segment: segmentName(segment), offset }
  const facts: Facts = factsOf(entry)
  const expected: readonly Fact[] = [...facts, segment, offset, line.length, entry.hash]
  const columns = [...factColumns, ...placeColumns]
  const at = columns.findIndex((name, index) => shown(row[name]) !== expected[index])
  if (at < 0) return null
  const [name, own, other] = [columns[at] ?? '', expected[at], shown(row[columns[at] ?? ''])]
  const message = `the index has another ${name} of entry ${entry.seq} than the ledger`
  return found({ ...where, expected: textOf(own), actual: textOf(other), message })
}

const shown = (value: unknown): unknown => (Buffer.isBuffer(value) ? value.toString('hex') : value)

const textOf = (value: unknown): string | null =>
  value === null || value === undefined ? null : String(value).slice(0, 256)

function segmentOf({ segment }: LinePlace): string {
  return Number.isSafeInteger(segment) && segment >= 0 ? segmentName(segment) : ''
}

function found(given: Partial<IndexFinding> & Pick<IndexFinding, 'message'>): IndexFinding {
  const nowhere = { segment: '', offset: 0, seq: null, expected: null, actual: null }
  return { code: 'INDEX_MISMATCH', severity: 'warning', ...nowhere, ...given }
}

export interface IndexCheck {
  /** The first thousand. */
  readonly findings: readonly IndexFinding[]
  readonly total: number
  readonly rows: number
  /** Seq of the last row; null where there is none. */
  readonly freshTo: number | null
}

const findingsMax = 1_000

/** Rows that are compared at a time. */
const stretch = 1_000

/**
 * Compares all that the index holds with the ledger, and writes nothing. Entries behind the last row are no finding:
 * the index is only not fed so far.
 *
 * progress  told of the rows that were compared, now and then.
 * errors    Failure: there is no index, it is of another version, or somebody keeps it.
 */
export async function checkIndex(options: {
  readonly directory: string
  readonly databaseFile: string
  readonly progress?: (rows: number) => void
}): Promise<IndexCheck> {
  const { databaseFile, directory, progress = () => undefined } = options
  try {
    const database = await openForReading(databaseFile)
    try {
      // One view of the whole, whatever is fed meanwhile.
      return database.transaction(() => new Comparison(database, directory).all(progress))()
    } finally {
      database.close()
    }
  } catch (error) {
    const cause = error instanceof Failure ? error.cause : error
    if (!isBroken(cause) || !existsSync(databaseFile)) throw error
    const message = `the index cannot be read: ${cause instanceof Error ? cause.message : ''}`
    return { findings: [found({ message })], total: 1, rows: 0, freshTo: null }
  }
}

class Comparison {
  readonly #database: Database
  readonly #directory: string
  readonly #findings: IndexFinding[] = []
  readonly #runs = new Map<string, Sum>()
  #total = 0

  constructor(database: Database, directory: string) {
    this.#database = database
    this.#directory = directory
  }

  all(progress: (rows: number) => void): IndexCheck {
    const last = this.#number('SELECT max(seq) FROM entry')
    const rows = this.#number('SELECT count(*) FROM entry') ?? 0
    const select = this.#database.prepare<[number, number], StoredRow>(
      `${rowSql} WHERE seq BETWEEN ? AND ? ORDER BY seq`,
    )
    let position = beginning
    while (last !== null && position.seq <= last) {
      const batch = readBatch(this.#directory, position, Math.min(stretch, last - position.seq + 1))
      const stored = select.all(position.seq, position.seq + stretch - 1)
      this.#compare(stored, batch.lines)
      position = batch.position
      progress(position.seq)
      if (batch.lines.length > 0) continue
      const message = `the index goes on to entry ${last}, and the ledger ends before ${position.seq}`
      this.#note(found({ seq: position.seq, segment: segmentName(position.segment), message }))
      break
    }
    this.#stray(last)
    this.#compareRuns()
    this.#compareTiles(last)
    return { findings: this.#findings, total: this.#total, rows, freshTo: last }
  }

  #compare(stored: readonly StoredRow[], lines: readonly Line[]): void {
    const rows = new Map(stored.map((row) => [Number(row['seq']), row]))
    for (const line of lines) {
      const { seq } = line.entry
      addTo(this.#runs, line.entry)
      const row = rows.get(seq)
      const message = `the index has no row of entry ${seq}`
      if (row === undefined) this.#note(found({ seq, message }))
      else this.#note(compared(row, line))
    }
  }

  /** Rows before the first entry. */
  #stray(last: number | null): void {
    const first = last === null ? null : this.#number('SELECT min(seq) FROM entry')
    if (first !== null && first < 0)
      this.#note(found({ seq: first, message: `the index has an entry ${first}` }))
  }

  #compareRuns(): void {
    const stored = this.#database.prepare<[], RunSum>('SELECT * FROM run').iterate()
    for (const sum of stored) {
      const key = `${sum.agent}/${sum.run}`
      const [expected, actual] = [textIn(this.#runs.get(key)), textIn(sum)]
      this.#runs.delete(key)
      const message = `the index sums the run ${key} up otherwise than the ledger`
      if (expected !== actual) this.#note(found({ expected, actual, message }))
    }
    for (const key of this.#runs.keys()) {
      this.#note(found({ message: `the index has no sums of the run ${key}` }))
    }
  }

  /** The leaves that proofs are made of; what stands above them is checked by each proof. */
  #compareTiles(last: number | null): void {
    const rows = this.#database.prepare<[], { seq: number; hash: Buffer | null }>(
      'SELECT seq, hash FROM entry WHERE seq >= 0 ORDER BY seq',
    )
    const tiles = this.#database
      .prepare<[], Buffer>('SELECT hashes FROM tile WHERE level = 0 ORDER BY position')
      .pluck()
    const leaves = leavesOf(() => tiles.iterate())
    let [next, leaf] = [0, leaves.next()]
    for (const { hash, seq } of rows.iterate()) {
      for (; next < seq && !leaf.done; next += 1) leaf = leaves.next()
      if (leaf.done) break
      const [expected, actual] = [hash?.toString('hex') ?? null, leaf.value]
      const message = `the tree of the index has another leaf ${seq} than its rows`
      if (expected !== actual) this.#note(found({ seq, expected, actual, message }))
    }
    let count = next
    for (; !leaf.done; count += 1) leaf = leaves.next()
    const message = `the tree of the index has ${count} leaves, and its last row is ${last ?? 'none'}`
    if (count !== (last ?? -1) + 1) this.#note(found({ message }))
  }

  #note(finding: IndexFinding | null): void {
    if (finding === null) return
    this.#total += 1
    if (this.#findings.length < findingsMax) this.#findings.push(finding)
  }

  #number(sql: string): number | null {
    const value = this.#database.prepare<[], number | null>(sql).pluck().get()
    return value === undefined || value === null ? null : Number(value)
  }
}

/** Begins to read only when it is asked, or nobody would end it. */
function* leavesOf(tiles: () => Iterable<Buffer>): Generator<string, undefined> {
  for (const tile of tiles()) {
    for (let at = 0; at < tile.length; at += 32) yield tile.toString('hex', at, at + 32)
  }
}

/** Members in one order, whatever the table's is. */
function textIn(value: RunSum | undefined): string | null {
  if (value === undefined) return null
  return JSON.stringify(value, Object.keys(value).sort())
}
