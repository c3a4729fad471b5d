/** Counts what happens, as plain numbers on the hot path, and reads the gate when someone scrapes. */
import type { Watch as GateWatch } from '../gate/ports.ts'
import { type ReasonCode, reasons } from '../kernel/reasons.ts'
import { scopeKinds } from '../kernel/scope.ts'
import type { Watch as LedgerWatch } from '../ledger/commit.ts'
import { Bounded, type Sample, Tally } from './bounded.ts'
import { type CustodyView, custodySamples } from './custody.ts'
import { expose, type Samples } from './exposition.ts'
import { gateSamples, Spending } from './gate-samples.ts'
import { Histogram } from './histogram.ts'
import type { GateView } from './view.ts'

/** What the gate and the ledger tell of; none of it throws, none waits. */
export interface Metrics extends GateWatch, LedgerWatch {
  /** A reload was refused and the old policy kept; said by whoever reloads, once a try. */
  reloadFailed(): void
  /** The gate whose state is read at each scrape. */
  attach(gate: GateView): void
  /** What is known of the ledger outside of the gate, read at each scrape. */
  attachCustody(read: () => CustodyView): void
  /** Prometheus text. */
  text(): Promise<string>
}

/** From a step of the kernel (10 µs) to a condition that is slow. */
const decisionBounds = [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.001, 0.01, 0.1]
/** From one batch on a fast disk to the 2 s after which the ledger refuses. */
const durableBounds = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2]

const upstreamFailures: ReadonlySet<string> = new Set(
  Object.keys(reasons).filter((code) => code.startsWith('upstream-')),
)

type Kind = Parameters<GateWatch['opened']>[0]
type End = Parameters<GateWatch['ended']>[0]

const isTunnel = (kind: Kind): boolean => kind === 'tunnel' || kind === 'websocket'

/** A CONNECT is answered by the gate, and so is a request that was cut before its answer began. */
function answeredByUpstream({ kind, status, cut }: End): boolean {
  if (kind === 'tunnel') return false
  return !isReason(cut) || reasons[cut].status !== status
}

const isReason = (code: string): code is ReasonCode => Object.hasOwn(reasons, code)

const kinds: ReadonlySet<string> = new Set(scopeKinds)
const none: readonly string[] = []

/** The counters of one decision's labels. */
interface DecisionCell {
  readonly verdict: string
  readonly reason: string
  readonly domain: string
  count: number
}

class Counts implements Metrics {
  readonly #decision = new Histogram(decisionBounds)
  readonly #admit = new Histogram(durableBounds)
  readonly #commit = new Histogram(durableBounds)
  readonly #decisions = new Map<string, DecisionCell>()
  readonly #domains = new Bounded()
  readonly #entries = new Map<string, number>()
  readonly #halts = new Tally()
  readonly #causes = new Bounded()
  readonly #errors = new Map<string, number>()
  readonly #classes = [0, 0, 0, 0, 0]
  readonly #spending = new Spending()
  readonly #haltedScopes = new Bounded()
  #last: DecisionCell | null = null
  #steps = 0
  #tunnels = 0
  #bytesUp = 0
  #bytesDown = 0
  #reloadFailures = 0
  #gate: GateView | null = null
  #custody: (() => CustodyView) | null = null

  decided(verdict: string, reason: string, domain: string, seconds: number): void {
    this.#decision.observe(seconds)
    // Requests come in rows of one kind: three comparisons of equal strings, and no key is built.
    let cell = this.#last
    if (cell?.verdict !== verdict || cell.reason !== reason || cell.domain !== domain) {
      cell = this.#cellOf(verdict, reason, domain)
      this.#last = cell
    }
    cell.count += 1
  }

  #cellOf(verdict: string, reason: string, domain: string): DecisionCell {
    const bounded = this.#domains.of(domain)
    const key = `${verdict} ${reason} ${bounded}`
    const known = this.#decisions.get(key)
    if (known !== undefined) return known
    const cell = { verdict, reason, domain: bounded, count: 0 }
    this.#decisions.set(key, cell)
    return cell
  }

  admitted(seconds: number): void {
    this.#admit.observe(seconds)
  }

  appended(kind: string): void {
    this.#entries.set(kind, (this.#entries.get(kind) ?? 0) + 1)
  }

  stepped(): void {
    this.#steps += 1
  }

  severed(scope: string, cause: string): void {
    const colon = scope.indexOf(':')
    const kind = colon < 0 ? scope : scope.slice(0, colon)
    this.#halts.add([kinds.has(kind) ? kind : 'other', this.#causes.of(cause)], 1)
  }

  committed(_entries: number, _bytes: number, seconds: number): void {
    this.#commit.observe(seconds)
  }

  opened(kind: Kind): void {
    if (isTunnel(kind)) this.#tunnels += 1
  }

  ended(end: End): void {
    const { kind, status, cut, bytesUp, bytesDown } = end
    if (isTunnel(kind)) this.#tunnels -= 1
    this.#bytesUp += bytesUp
    this.#bytesDown += bytesDown
    const index = Math.floor(status / 100) - 1
    const counted = this.#classes[index]
    if (counted !== undefined && answeredByUpstream(end)) this.#classes[index] = counted + 1
    if (upstreamFailures.has(cut)) this.#errors.set(cut, (this.#errors.get(cut) ?? 0) + 1)
  }

  reloadFailed(): void {
    this.#reloadFailures += 1
  }

  attach(gate: GateView): void {
    this.#gate = gate
  }

  attachCustody(read: () => CustodyView): void {
    this.#custody = read
  }

  text(): Promise<string> {
    return expose({
      samples: this.#samples(),
      histograms: {
        haltgate_decision_duration_seconds: this.#decision,
        haltgate_admit_duration_seconds: this.#admit,
        haltgate_ledger_commit_duration_seconds: this.#commit,
      },
    })
  }

  #samples(): Samples {
    const decisions = [...this.#decisions.values()]
    const one = (value: number): readonly Sample[] => [{ labels: none, value }]
    const gate = this.#gate
    return {
      haltgate_approvals_pending: one(0),
      haltgate_classifications_total: [],
      ...(this.#custody === null ? {} : custodySamples(this.#custody())),
      ...(gate === null ? {} : gateSamples(gate, this.#spending, this.#haltedScopes)),
      haltgate_decisions_total: decisions.map(({ verdict, reason, domain, count }) => ({
        labels: [verdict, reason, domain],
        value: count,
      })),
      haltgate_ledger_entries_total: byLabel(this.#entries),
      haltgate_steps_total: one(this.#steps),
      haltgate_halts_total: this.#halts.read(),
      haltgate_tunnels_open: one(this.#tunnels),
      haltgate_upstream_requests_total: this.#classes.map((value, index) => ({
        labels: [`${index + 1}xx`],
        value,
      })),
      haltgate_upstream_errors_total: byLabel(this.#errors),
      haltgate_bytes_total: [
        { labels: ['up'], value: this.#bytesUp },
        { labels: ['down'], value: this.#bytesDown },
      ],
      haltgate_policy_reload_failures_total: one(this.#reloadFailures),
    }
  }
}

function byLabel(counts: ReadonlyMap<string, number>): readonly Sample[] {
  return [...counts].map(([label, value]) => ({ labels: [label], value }))
}

/** Metrics that start at zero; attach the gate before the first scrape. */
export function createMetrics(): Metrics {
  return new Counts()
}
