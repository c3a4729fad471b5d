/** One pass over a ledger's entries: everything that a report counts, in memory that does not grow with the ledger. */
import { nextKeyOf, noteOf } from '../../ledger/checkpoint.ts'
import type { Entry } from '../../ledger/entry.ts'
import { Frontier } from '../../ledger/frontier.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import { Listed } from './counting.ts'
import { measures } from './measures.ts'
import { instantOf, textOf } from './read-entry.ts'
import { Series } from './series.ts'
import { DecisionTally } from './tally-decisions.ts'
import { EvidenceTally } from './tally-evidence.ts'
import { PeopleTally } from './tally-people.ts'
import { SpendingTally } from './tally-spending.ts'

/** Which entries are counted, by the time at which they were written; milliseconds since the epoch. */
export interface Span {
  readonly from: number
  /** Exclusive. */
  readonly until: number
}

/** A policy that came into force, or that did not. */
export interface PolicyLoad {
  readonly ts: string
  readonly seq: number
  readonly digest: string
  readonly mode: string
  readonly verdict: string
}

/** A checkpoint as an entry holds it; whether it is signed rightly, a verification says. */
export interface SeenCheckpoint {
  readonly size: number
  readonly root: string
  /** `name+id` of the keys that signed it. */
  readonly keys: readonly string[]
}

const policiesMax = 20
const troublesMax = 20

export class Tally {
  readonly series = new Series(measures.length)
  readonly decisions = new DecisionTally(this.series)
  readonly spending = new SpendingTally(this.series, this.decisions.agents)
  readonly people = new PeopleTally(this.series)
  readonly evidence = new EvidenceTally()
  readonly kinds = new Map<string, number>()
  readonly policies = new Listed<PolicyLoad>(policiesMax)
  /** Incidents, steps of the clock, and ends that were no ends. */
  readonly troubles = new Listed<{ ts: string; seq: number; text: string }>(troublesMax)
  /** Entries in the period. */
  counted = 0
  /** Lines without a sound entry. */
  broken = 0
  first: Entry | null = null
  last: Entry | null = null
  /** When the first and the last entry of the whole ledger was written. */
  begin: number | null = null
  end: number | null = null
  checkpoint: SeenCheckpoint | null = null
  checkpoints = 0
  /** The key that the ledger is signed with; empty where it is not. */
  key = ''
  durability = ''
  readonly #span: Span
  readonly #frontier = new Frontier(0, [])

  constructor(span: Span) {
    this.#span = span
  }

  /** The root over all entries that were read; null where there was none. */
  root(): string | null {
    return this.#frontier.size === 0 ? null : this.#frontier.root()
  }

  /** How many entries were read. */
  get size(): number {
    return this.#frontier.size
  }

  add(entry: Entry): void {
    this.#frontier.push(entry.hash)
    const at = instantOf(entry)
    this.begin ??= at
    this.end = at
    this.#ledger(entry)
    if (at >= this.#span.until) return
    const isCounted = at >= this.#span.from
    this.decisions.add(entry, isCounted)
    this.spending.add(entry, isCounted)
    this.people.add(entry, isCounted)
    if (!isCounted) return
    this.evidence.add(entry)
    this.counted += 1
    this.first ??= entry
    this.last = entry
    this.#count(entry)
  }

  /** What the ledger says of itself, whatever the period. */
  #ledger(entry: Entry): void {
    const { data, kind } = entry
    if (kind === 'log.genesis') this.key = textOf(data, 'vkey')
    else if (kind === 'boot.open') this.durability = textOf(data, 'durability')
    else if (kind === 'checkpoint' || kind === 'key.rotate') {
      const note = noteOf(entry)
      if (typeof note === 'string') return
      this.checkpoints += 1
      const keys = note.signatures.map(({ id, name }) => `${name}+${id}`)
      this.checkpoint = { size: note.size, root: note.root, keys }
      if (kind === 'key.rotate') this.key = nextKeyOf(entry, note) || this.key
    }
  }

  #count({ data, kind, seq, ts }: Entry): void {
    const known = this.kinds.get(kind)
    if (known !== undefined || this.kinds.size < 64) this.kinds.set(kind, (known ?? 0) + 1)
    if (kind === 'policy.load') {
      const [digest, mode] = [textOf(data, 'digest'), textOf(data, 'mode')]
      this.policies.add({ ts, seq, digest, mode, verdict: textOf(data, 'verdict') })
    } else if (kind === 'incident') {
      const text = `incident ${textOf(data, 'code')}: ${textOf(data, 'message')}`
      this.troubles.add({ ts, seq, text })
    } else if (kind === 'clock.step') {
      this.troubles.add({ ts, seq, text: 'the clock of the machine was set' })
    } else if (kind === 'segment.open' && data['clean'] === false) {
      this.troubles.add({ ts, seq, text: 'the gate had ended without closing its ledger' })
    }
  }
}

/**
 * Counts the entries of a ledger up to one of them.
 *
 * errors  those of the file system.
 */
export function tallyOf(directory: string, span: Span, last: number): Tally {
  const tally = new Tally(span)
  for (const { entry } of linesFrom(directory, 0)) {
    if (entry === null) {
      tally.broken += 1
      continue
    }
    if (entry.seq > last) break
    tally.add(entry)
  }
  return tally
}
