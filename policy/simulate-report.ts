/** Adds up what a simulation found: which verdicts change, by rule, host and agent, and which spends. */
import type { Vector } from '../kernel/dimension.ts'
import { type Verdict, verdicts } from '../kernel/verdict.ts'
import type { Outcome, SimulationWatch, Spend } from './simulate.ts'

/** Entries that are named as examples of one change. */
const examplesMax = 3

/** Changes that are told apart; the rest is counted. */
const changesMax = 10_000

/** Decisions that changed in the same way. */
export interface Change {
  readonly before: Verdict
  readonly after: Verdict
  /** The rule or budget that decides now, and the code of its reason; empty where there is none. */
  readonly id: string
  readonly code: string
  readonly host: string
  readonly agent: string
  readonly count: number
  /** Entries, and the first of them as a request. */
  readonly seqs: readonly number[]
  readonly example: string
}

export interface SpendChange {
  readonly agent: string
  readonly dimension: string
  readonly before: number
  readonly after: number
}

export interface SimulationReport {
  readonly decisions: number
  readonly same: number
  readonly changed: number
  readonly unknown: number
  /** Why the unknown ones are. */
  readonly whyUnknown: Readonly<Record<string, number>>
  /** Most decisions first. */
  readonly changes: readonly Change[]
  /** Changed decisions beyond those that are told apart. */
  readonly unlisted: number
  /** Only dimensions in which the sums differ. */
  readonly spends: readonly SpendChange[]
}

export class Tally implements SimulationWatch {
  readonly #changes = new Map<string, Change>()
  readonly #whyUnknown = new Map<string, number>()
  readonly #spends = new Map<string, Map<string, { before: number; after: number }>>()
  #decisions = 0
  #same = 0
  #unlisted = 0

  decided(outcome: Outcome): void {
    this.#decisions += 1
    const { decision, verdict, why } = outcome
    if (verdict === null)
      this.#whyUnknown.set(why ?? '', (this.#whyUnknown.get(why ?? '') ?? 0) + 1)
    else if (verdict === decision.verdict) this.#same += 1
    else this.#change(outcome, verdict)
  }

  spent({ agent, before, after }: Spend): void {
    const sums = this.#spends.get(agent) ?? new Map<string, { before: number; after: number }>()
    this.#spends.set(agent, sums)
    add(sums, before, 'before')
    add(sums, after, 'after')
  }

  report(): SimulationReport {
    const changes = [...this.#changes.values()].sort((a, b) => b.count - a.count)
    const listed = changes.reduce((sum, { count }) => sum + count, 0)
    const unknown = [...this.#whyUnknown.values()].reduce((sum, count) => sum + count, 0)
    const spends = [...this.#spends].flatMap(([agent, sums]) => {
      return [...sums].map(([dimension, sum]) => ({ agent, dimension, ...sum }))
    })
    return {
      decisions: this.#decisions,
      same: this.#same,
      changed: listed + this.#unlisted,
      unknown,
      whyUnknown: Object.fromEntries(this.#whyUnknown),
      changes,
      unlisted: this.#unlisted,
      spends: spends.filter(({ before, after }) => before !== after),
    }
  }

  #change({ decision, code, id }: Outcome, after: Verdict): void {
    const { event, method, path, port, scheme, seq, verdict: before } = decision
    const { host, principal } = event
    const key = JSON.stringify([before, after, id, code, host, principal.agent])
    const known = this.#changes.get(key)
    if (known === undefined) {
      if (this.#changes.size >= changesMax) {
        this.#unlisted += 1
        return
      }
      const natural = port === (scheme === 'https' ? 443 : 80)
      const place = `${host}${natural ? '' : `:${port}`}`
      const url = decision.kind === 'request' || decision.kind === 'websocket'
      const example = `${method} ${url ? `${scheme}://${place}${path}` : `${host}:${port}`}`
      const named = { before, after, id, code, host, agent: principal.agent }
      this.#changes.set(key, { ...named, count: 1, seqs: [seq], example })
      return
    }
    const seqs = known.seqs.length < examplesMax ? [...known.seqs, seq] : known.seqs
    this.#changes.set(key, { ...known, count: known.count + 1, seqs })
  }
}

function add(
  sums: Map<string, { before: number; after: number }>,
  vector: Vector,
  side: 'before' | 'after',
): void {
  for (const [dimension, amount] of Object.entries(vector)) {
    const sum = sums.get(dimension) ?? { before: 0, after: 0 }
    sum[side] += amount
    sums.set(dimension, sum)
  }
}

/** True for a change to something stricter. */
export function isStricter({ before, after }: Change): boolean {
  return verdicts.indexOf(after) > verdicts.indexOf(before)
}
