/** Finds entries by the index, and reads each from the ledger: what the index says is never given out. */
import type { Database } from 'better-sqlite3'
import type { Entry } from '../../ledger/entry.ts'
import { segmentName } from '../../ledger/segment.ts'
import { compared, type StoredRow } from './check.ts'
import { conditionsOf, type EntryFilter } from './filter.ts'
import { factColumns, placeColumns } from './row.ts'
import { lineAt } from './tail.ts'

export interface Ask {
  readonly filter: EntryFilter
  readonly order: 'newest' | 'oldest'
  /** Seq of the last entry that was looked at before; null at the beginning. */
  readonly after: number | null
  readonly limit: number
  /** Rows that may be looked through; the page ends early there. */
  readonly rowsMax: number
}

/** An entry, where it lies, and the line itself. */
export interface Hit {
  readonly entry: Entry
  /** File and byte, as `audit show` names them. */
  readonly segment: string
  readonly offset: number
  /** Without its LF. */
  readonly text: string
}

export interface Page {
  readonly hits: readonly Hit[]
  /** What the next page begins behind; null where nothing is left there now. */
  readonly after: number | null
  /** Seq of the last entry that the index has; null where it has none. */
  readonly freshTo: number | null
}

/** Thrown where a row says something else than its line: the index is to be made anew, and asked again. */
export class MismatchError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'MismatchError'
  }
}

/** Bytes of the lines of a page: it goes from one thread to another, and waits in memory. */
const pageBytesMax = 4 * 1024 * 1024

/** Rows of a stretch that is scanned at once: some 30 ms. */
const stretchRows = 100_000

const columns = [...factColumns, ...placeColumns].join(', ')

interface Where {
  readonly database: Database
  readonly directory: string
}

interface Bounds {
  readonly low: number
  readonly high: number
}

/**
 * One page of what matches.
 *
 * errors  MismatchError; those of SQLite and of the file system.
 */
export function find({ database, directory }: Where, ask: Ask): Page {
  const freshTo = lastSeq(database)
  const conditions = conditionsOf(ask.filter)
  const bounds = freshTo === null ? null : boundsOf(database, ask, freshTo)
  if (bounds === null || freshTo === null) return { hits: [], after: null, freshTo }
  const isNewest = ask.order === 'newest'
  const sql =
    `SELECT ${columns} FROM entry WHERE ${['seq BETWEEN ? AND ?', ...conditions.sql].join(' AND ')}` +
    ` ORDER BY seq ${isNewest ? 'DESC' : 'ASC'} LIMIT ?`
  const select = database.prepare<unknown[], StoredRow>(sql)
  const width = conditions.isSelective ? Number.MAX_SAFE_INTEGER : stretchRows
  const rows: StoredRow[] = []
  let [{ low, high }, scanned] = [bounds, 0]
  while (low <= high && rows.length < ask.limit && scanned < ask.rowsMax) {
    const from = isNewest ? Math.max(low, high - width + 1) : low
    const to = isNewest ? high : Math.min(high, low + width - 1)
    rows.push(...select.all(from, to, ...conditions.values, ask.limit - rows.length))
    if (isNewest) high = from - 1
    else low = to + 1
    scanned += conditions.isSelective ? 0 : to - from + 1
  }
  const fitting = fittingOf(rows)
  const hits = fitting.map((row) => hitOf(directory, row))
  const last = fitting.at(-1)
  const isFull = (rows.length >= ask.limit || fitting.length < rows.length) && last !== undefined
  const seen = isFull ? Number(last['seq']) : isNewest ? high + 1 : low - 1
  const isOver = isNewest ? seen <= bounds.low : seen >= bounds.high
  return { hits, after: isOver ? null : seen, freshTo }
}

/** As many rows from the first on as fit into a page, and one at least. */
function fittingOf(rows: readonly StoredRow[]): readonly StoredRow[] {
  let bytes = 0
  const end = rows.findIndex(({ length }) => {
    bytes += length
    return bytes > pageBytesMax
  })
  return end < 0 ? rows : rows.slice(0, Math.max(1, end))
}

/** The line of a row, which must say what the row says. */
function hitOf(directory: string, row: StoredRow): Hit {
  const { length, offset, segment } = row
  const line = lineAt(directory, row)
  if (typeof line === 'string') throw new MismatchError(`row ${String(row['seq'])}: ${line}`)
  const finding = compared(row, { entry: line.entry, length, offset, segment })
  if (finding !== null) throw new MismatchError(finding.message)
  return { ...line, segment: segmentName(segment), offset }
}

/** Seqs between which everything lies that can match; null where nothing does. */
function boundsOf(
  database: Database,
  { after, filter, order }: Ask,
  freshTo: number,
): Bounds | null {
  let [low, high] = [0, freshTo]
  if (filter.from !== undefined) low = firstSince(database, filter.from, freshTo)
  if (filter.to !== undefined) high = firstSince(database, filter.to, freshTo) - 1
  if (filter.receipt !== undefined) {
    const { hash, seq } = filter.receipt
    const own = database.prepare<[number], Buffer>('SELECT hash FROM entry WHERE seq = ?').pluck()
    if (!own.get(seq)?.toString('hex').startsWith(hash)) return null
    low = Math.max(low, seq)
    high = Math.min(high, seq)
  }
  if (after !== null && order === 'newest') high = Math.min(high, after - 1)
  if (after !== null && order === 'oldest') low = Math.max(low, after + 1)
  return low > high ? null : { low, high }
}

/** The first seq whose time is not before `ts`; one more than the last where all are. No time is before an earlier one. */
function firstSince(database: Database, ts: string, freshTo: number): number {
  const time = database.prepare<[number], string>('SELECT ts FROM entry WHERE seq = ?').pluck()
  let [low, high] = [0, freshTo + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((time.get(middle) ?? '') < ts) low = middle + 1
    else high = middle
  }
  return low
}

function lastSeq(database: Database): number | null {
  const seq = database.prepare<[], number | null>('SELECT max(seq) FROM entry').pluck().get()
  return seq ?? null
}
