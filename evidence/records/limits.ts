/** What a grant or a revocation made of a limit: the kernel is run again over all entries before it. */
import type { TermsOf } from '../../gate/fold.ts'
import { openReplay } from '../../gate/replay.ts'
import { limitOf } from '../../kernel/account.ts'
import type { Account, State } from '../../kernel/state.ts'
import type { Entry } from '../../ledger/entry.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import type { LimitChange } from './change-record.ts'
import { textIn } from './members.ts'

export interface LimitsAsk {
  /** `<data>/ledger`. */
  readonly directory: string
  /** The policies that were kept, by digest. */
  readonly termsOf: TermsOf
  /** Of grants and revocations; others have no limit. */
  readonly seqs: ReadonlySet<number>
  /** Entries that may be read: a replay begins with the first one. */
  readonly entriesMax: number
}

export interface Limits {
  /** By seq. */
  readonly limits: ReadonlyMap<number, LimitChange>
  /** Why those behind it are not known; null where all are. */
  readonly stopped: string | null
}

/**
 * Reads from the first entry to the last one that was asked for.
 *
 * errors  those of the file system.
 */
export function limitsOf({ directory, entriesMax, seqs, termsOf }: LimitsAsk): Limits {
  const limits = new Map<number, LimitChange>()
  const last = Math.max(-1, ...seqs)
  if (last < 0) return { limits, stopped: null }
  const replay = openReplay(termsOf)
  let next = 0
  for (const { entry, offset, segment } of linesFrom(directory, 0)) {
    if (next > last) break
    if (next >= entriesMax) {
      return { limits, stopped: `more than ${entriesMax} entries would have to be replayed` }
    }
    if (entry === null || entry.seq !== next) {
      return { limits, stopped: `${segment}:${offset} is not entry ${next}; audit verify says why` }
    }
    const { state } = replay
    const mismatch = replay.entry(entry)
    if (mismatch !== null) return { limits, stopped: `entry ${next} does not follow: ${mismatch}` }
    const change = seqs.has(next) ? changeOf(state, replay.state, entry) : null
    if (change !== null) limits.set(next, change)
    next += 1
  }
  return { limits, stopped: next > last ? null : `the ledger ends before entry ${last}` }
}

/** Puts limits where a record of `changeRecord` has the amount alone. */
export function withLimits(records: readonly object[], { limits }: Limits): readonly object[] {
  return records.map((record) => {
    const limit = 'seq' in record ? limits.get(Number(record.seq)) : undefined
    if (limit === undefined) return record
    return { ...record, before: String(limit.before), after: String(limit.after) }
  })
}

/** The one account of the scope and dimension that the entry moved; null where it moved none. */
function changeOf(before: State, after: State, { data, kind }: Entry): LimitChange | null {
  if (textIn(data, 'verdict') !== 'allow') return null
  const [scope, dimension] = [textIn(data, 'scope'), textIn(data, 'dimension')]
  const amount = typeof data['amount'] === 'number' ? data['amount'] : 0
  for (const [key, purse] of after.purses) {
    const old = before.purses.get(key)
    const index = purse.scope === scope && purse !== old ? purse.dimensions.indexOf(dimension) : -1
    const account = purse.accounts[index]
    if (account === undefined) continue
    const was = old?.accounts[old.dimensions.indexOf(dimension)]
    if (was !== undefined && isSame(was, account)) continue
    // A purse that nobody had used was opened by it, at the limit of the policy.
    const opened = kind === 'grant' ? limitOf(account) - amount : account.granted
    return { before: was === undefined ? opened : limitOf(was), after: limitOf(account) }
  }
  return null
}

const isSame = (one: Account, other: Account): boolean =>
  one.granted === other.granted && one.revoked === other.revoked
