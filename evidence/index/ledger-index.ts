/**
 * The index of a ledger: fed by a tail of its files, compared with them when it is opened, and made anew where it says
 * something else. It finds entries; what they say is read from the ledger.
 */
import type { Database, Statement } from 'better-sqlite3'
import { ContractError } from '../../kernel/contract.ts'
import { noHash } from '../../ledger/line.ts'
import { Tiles } from '../proof/tiles.ts'
import { checkRow, type IndexFinding } from './check.ts'
import {
  emptyTables,
  isBroken,
  isBusy,
  openForFeeding,
  openForReading,
  removeDatabase,
} from './database.ts'
import { factColumns, factsOf, placeColumns } from './row.ts'
import { RunSums } from './run-sums.ts'
import { type Batch, type Break, beginning, type Line, type Position, readBatch } from './tail.ts'

/** Rows of one transaction: enough that SQLite's own costs vanish, and some 10 ms of the other writer's patience. */
export const batchRows = 1_000

/** Rows that are compared with the ledger when an index is opened, beside the last one. */
const sampleRows = 32

export interface IndexPlace {
  /** Of the segments. */
  readonly directory: string
  readonly databaseFile: string
}

export interface IndexOptions extends IndexPlace {
  /** Chooses the rows that are compared: any number that nobody foresees. */
  readonly seed: number
}

export interface Fed {
  readonly rows: number
  /** True where more is there to be read at once. */
  readonly more: boolean
  readonly broken: Break | null
}

/** Where the index ends. */
interface Last {
  readonly seq: number
  readonly segment: number
  readonly offset: number
  readonly length: number
  readonly hash: Buffer
}

const names = [...factColumns, ...placeColumns]
const insertSql = `INSERT INTO entry(${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`

/** One connection that feeds, or only reads. */
export class LedgerIndex {
  readonly place: IndexPlace
  readonly isFeeding: boolean
  /** Why the rows were thrown away that were there when it was opened; null where they were right. */
  renewed: string | null
  #database: Database
  #tables: Tables | null = null

  private constructor(
    place: IndexPlace,
    database: Database,
    renewed: string | null,
    isFeeding: boolean,
  ) {
    this.place = place
    this.isFeeding = isFeeding
    this.renewed = renewed
    this.#database = database
  }

  get database(): Database {
    return this.#database
  }

  /** errors  Failure: it cannot be opened and cannot be made; see openForFeeding. */
  static async open({ databaseFile, directory, seed }: IndexOptions): Promise<LedgerIndex> {
    const place = { databaseFile, directory }
    const { database, renewed } = await openForFeeding(databaseFile)
    const index = new LedgerIndex(place, database, renewed, true)
    try {
      const finding = index.#compared(seed)
      if (finding !== null) await index.renew(finding.message)
      return index
    } catch (error) {
      index.close()
      throw error
    }
  }

  /** errors  Failure: there is none, or it cannot be read. */
  static async read(place: IndexPlace): Promise<LedgerIndex> {
    return new LedgerIndex(place, await openForReading(place.databaseFile), null, false)
  }

  /** Seq of the last entry that it has; null where it has none. */
  get freshTo(): number | null {
    return this.last()?.seq ?? null
  }

  last(): Last | null {
    return this.#prepared().last.get() ?? null
  }

  /**
   * Reads the next lines of the ledger and keeps them, in one transaction.
   *
   * errors  those of SQLite and of the file system; nothing of the batch is kept then.
   */
  feed(rowsMax: number = batchRows): Fed {
    const { directory } = this.place
    const from = positionOf(this.last())
    const batch = readBatch(directory, from, rowsMax)
    const { broken, lines, more } = batch
    if (lines.length === 0) return { rows: 0, more, broken }
    const kept = this.#database.transaction(() => this.#keep(from, batch)).immediate()
    // Where another one fed meanwhile, this one goes on behind it.
    return kept ? { rows: lines.length, more, broken } : { rows: 0, more: true, broken: null }
  }

  #keep(from: Position, { lines }: Batch): boolean {
    const { insert, runs, tiles } = this.#prepared()
    if (positionOf(this.last()).seq !== from.seq) return false
    const leaves: Buffer[] = []
    for (const line of lines) {
      const leaf = Buffer.from(line.entry.hash, 'hex')
      leaves.push(leaf)
      insert.run(rowOf(line, leaf))
    }
    tiles.append(leaves)
    runs.add(lines)
    return true
  }

  /** Throws all rows away: what follows feeds them again. */
  async renew(why: string): Promise<void> {
    this.renewed = why
    this.#tables = null
    try {
      emptyTables(this.#database)
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#database.close()
      removeDatabase(this.place.databaseFile)
      this.#database = (await openForFeeding(this.place.databaseFile)).database
    }
  }

  /** Once; what still runs in it fails. */
  close(): void {
    if (this.#database.open) this.#database.close()
  }

  /** What is wrong with the last row, with a few others, or with what the file holds at all; null where nothing is. */
  #compared(seed: number): IndexFinding | { readonly message: string } | null {
    try {
      const last = this.last()
      const { tiles } = this.#prepared()
      if (tiles.size !== (last?.seq ?? -1) + 1) return { message: 'its tree is of another size' }
      if (last === null) return null
      const count = last.seq + 1
      const seqs = [
        last.seq,
        0,
        ...Array.from({ length: sampleRows }, (_, at) => drawn(seed, at, count)),
      ]
      for (const seq of seqs) {
        const finding = checkRow(this.#database, this.place.directory, seq)
        if (finding !== null) return finding
      }
      return null
    } catch (error) {
      if (isBusy(error) || (!isBroken(error) && !(error instanceof ContractError))) throw error
      return { message: error instanceof Error ? error.message : 'it cannot be read' }
    }
  }

  #prepared(): Tables {
    this.#tables ??= tablesOf(this.#database)
    return this.#tables
  }
}

interface Tables {
  readonly last: Statement<[], Last>
  readonly insert: Statement<unknown[]>
  readonly tiles: Tiles
  readonly runs: RunSums
}

function tablesOf(database: Database): Tables {
  return {
    last: database.prepare(
      `SELECT seq, ${placeColumns.join(', ')} FROM entry ORDER BY seq DESC LIMIT 1`,
    ),
    insert: database.prepare(insertSql),
    tiles: new Tiles(database),
    runs: new RunSums(database),
  }
}

function positionOf(last: Last | null): Position {
  if (last === null) return beginning
  const { hash, length, offset, segment, seq } = last
  return { seq: seq + 1, prev: hash.toString('hex') || noHash, segment, offset: offset + length }
}

/** Values of a line's row, in the order of the columns. */
function rowOf({ entry, length, offset, segment }: Line, leaf: Buffer): unknown[] {
  return [...factsOf(entry), segment, offset, length, leaf]
}

/** Some seq below `count`: spread by the golden ratio from where the seed says. */
function drawn(seed: number, at: number, count: number): number {
  const turn = (((seed % 1_000_003) + 1) * 0.754_877_666 + at * 0.618_033_988_749_895) % 1
  return Math.min(count - 1, Math.floor(turn * count))
}
