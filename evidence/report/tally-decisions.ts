/** Counts decisions: verdicts, reasons, hosts, agents, and the hosts that are new. */
import type { Entry } from '../../ledger/entry.ts'
import { Ranking } from './counting.ts'
import { columnOf, type Measure, measures } from './measures.ts'
import {
  countOf,
  instantOf,
  isPassing,
  reasonOf,
  recordsOf,
  textOf,
  textsOf,
} from './read-entry.ts'
import type { Series } from './series.ts'

/** When a host was asked for the first time, and what was said. */
export interface FirstSeen {
  readonly host: string
  readonly at: number
  readonly seq: number
  readonly agent: string
  readonly verdict: string
}

/** Hosts that are remembered to tell which are new. */
const hostsMax = 20_000

/** Columns of `agents`. */
export const agentColumns = { decisions: 0, passed: 1, refused: 2, cost: 3 } as const

export class DecisionTally {
  readonly verdicts = new Map<string, number>()
  /** Columns: how often. */
  readonly reasons = new Ranking(1)
  readonly refusedHosts = new Ranking(1)
  readonly actions = new Ranking(2)
  readonly agents = new Ranking(4)
  readonly detectors = new Ranking(1)
  /** Columns: decisions that a budget counted, and those that it refused. */
  readonly budgets = new Ranking(2)
  decisions = 0
  previews = 0
  observed = 0
  /** Requests that were refused before the kernel was asked, floods included. */
  rejected = 0
  readonly #firstSeen = new Map<string, FirstSeen>()
  #forgotten = false
  readonly #series: Series

  constructor(series: Series) {
    this.#series = series
  }

  /** isCounted  false for entries before the period: they only tell which hosts are known. */
  add(entry: Entry, isCounted: boolean): void {
    if (entry.kind === 'decision') this.#decision(entry, isCounted)
    else if (!isCounted) return
    else if (entry.kind === 'preview') this.previews += 1
    else if (entry.kind === 'rejected') this.#rejected(entry)
    else if (entry.kind === 'settlement') this.#findings(entry)
  }

  /** Hosts in the order of their first request; null where there were too many to remember. */
  get firstSeen(): readonly FirstSeen[] | null {
    return this.#forgotten ? null : [...this.#firstSeen.values()]
  }

  #decision(entry: Entry, isCounted: boolean): void {
    const { data } = entry
    const host = textOf(data, 'host')
    const verdict = textOf(data, 'verdict')
    this.#remember(entry, host, verdict)
    if (!isCounted) return
    this.decisions += 1
    this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1)
    if (isMeasure(verdict)) this.#series.add(instantOf(entry), columnOf(verdict), 1)
    if (textOf(data, 'mode') === 'observe') this.observed += 1
    const agent = entry.actor.agent ?? '(none)'
    const passed = isPassing(verdict)
    this.agents.add(agent, agentColumns.decisions, 1)
    this.agents.add(agent, passed ? agentColumns.passed : agentColumns.refused, 1)
    const domain = textOf(data, 'domain')
    const action = `${domain === '' ? '(no domain)' : domain} ${textOf(data, 'action')}`
    this.actions.add(action, 0, 1)
    for (const budget of textsOf(data, 'budgets')) this.budgets.add(budget, 0, 1)
    this.#findings(entry)
    if (passed) return
    this.actions.add(action, 1, 1)
    this.reasons.add(reasonOf(data) || '(no reason)', 0, 1)
    if (host !== '') this.refusedHosts.add(host, 0, 1)
    this.#refusedByBudget(entry)
  }

  #refusedByBudget({ data }: Entry): void {
    const [first] = recordsOf(data, 'reasons')
    if (first === undefined) return
    const isBudget = ['budget-exhausted', 'rate-limited', 'queue-full'].includes(
      textOf(first, 'code'),
    )
    if (isBudget) this.budgets.add(textOf(first, 'id'), 1, 1)
  }

  #rejected(entry: Entry): void {
    const { data } = entry
    const count = Math.max(1, countOf(data, 'count'))
    this.rejected += count
    this.reasons.add(textOf(data, 'code') || '(no reason)', 0, count)
    this.#series.add(instantOf(entry), columnOf('rejected'), count)
  }

  #findings({ data }: Entry): void {
    for (const finding of recordsOf(data, 'findings')) {
      this.detectors.add(textOf(finding, 'detector'), 0, Math.max(1, countOf(finding, 'count')))
    }
  }

  #remember(entry: Entry, host: string, verdict: string): void {
    if (host === '' || this.#forgotten || this.#firstSeen.has(host)) return
    if (this.#firstSeen.size >= hostsMax) {
      this.#forgotten = true
      this.#firstSeen.clear()
      return
    }
    const agent = entry.actor.agent ?? ''
    this.#firstSeen.set(host, { host, at: instantOf(entry), seq: entry.seq, agent, verdict })
  }
}

const isMeasure = (word: string): word is Measure => measures.some((measure) => measure === word)
