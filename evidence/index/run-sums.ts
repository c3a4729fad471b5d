/** What each run did, in sums that grow with the rows: so that a list of runs needs no reading of all entries. */
import type { Database, Statement } from 'better-sqlite3'
import type { Entry } from '../../ledger/entry.ts'

/** A run by its sums. */
export interface RunSum {
  readonly agent: string
  readonly run: string
  /** Seqs of its first and last entry, and their times. */
  readonly first: number
  readonly last: number
  readonly since: string
  readonly until: string
  readonly entries: number
  readonly decisions: number
  /** Decisions that were neither allowed nor warned of. */
  readonly refused: number
  /** Settled, in nano-USD. */
  readonly cost: number
}

/** The same while it grows. */
export type Sum = { -readonly [Member in keyof RunSum]: RunSum[Member] }

const upsert = `
  INSERT INTO run VALUES (@agent, @run, @first, @last, @since, @until, @entries, @decisions, @refused, @cost)
  ON CONFLICT(agent, run) DO UPDATE SET last = excluded.last, until = excluded.until,
    entries = entries + excluded.entries, decisions = decisions + excluded.decisions,
    refused = refused + excluded.refused, cost = cost + excluded.cost`

/** Writes the sums of a batch: each run once, however many entries it has. */
export class RunSums {
  readonly #write: Statement<[Sum]>

  constructor(database: Database) {
    this.#write = database.prepare(upsert)
  }

  /** Inside the caller's transaction. */
  add(lines: readonly { readonly entry: Entry }[]): void {
    const sums = new Map<string, Sum>()
    for (const { entry } of lines) addTo(sums, entry)
    for (const sum of sums.values()) this.#write.run(sum)
  }
}

/** Adds an entry to the sums of its run, by `agent/run`; entries of no run are left out. */
export function addTo(sums: Map<string, Sum>, { actor, data, kind, seq, ts }: Entry): void {
  const { agent, run } = actor
  if (agent === undefined || run === undefined) return
  const key = `${agent}/${run}`
  let sum = sums.get(key)
  if (sum === undefined) {
    const none = { entries: 0, decisions: 0, refused: 0, cost: 0 }
    sum = { agent, run, first: seq, last: seq, since: ts, until: ts, ...none }
    sums.set(key, sum)
  }
  sum.last = seq
  sum.until = ts
  sum.entries += 1
  if (kind === 'settlement') sum.cost += costOf(data['actual'])
  if (kind !== 'decision') return
  sum.decisions += 1
  const { verdict } = data
  if (verdict !== 'allow' && verdict !== 'warn') sum.refused += 1
}

function costOf(actual: unknown): number {
  if (typeof actual !== 'object' || actual === null || !('cost_usd' in actual)) return 0
  return typeof actual.cost_usd === 'number' ? actual.cost_usd : 0
}
