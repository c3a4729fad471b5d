/** Gives the decision API what it asks with: the gate's rehearsals, canonical targets, a pen, and the record. */
import { setImmediate } from 'node:timers/promises'
import { Pace } from '../control/decide/pace.ts'
import type {
  Target as AskedTarget,
  DecisionPorts,
  EntryPage,
  EntryQuery,
} from '../control/decide/ports.ts'
import type { Gate } from '../gate/gate.ts'
import type { Entry } from '../ledger/entry.ts'
import { linesFrom } from '../ledger/verify-entries.ts'
import { type Catalogue, loadCatalogue } from '../policy/controls.ts'
import { explain } from '../policy/explain.ts'
import type { CompiledPolicy } from '../policy/load.ts'
import { Suggester } from '../policy/suggest.ts'
import { systemClock } from './clock.ts'
import type { Notary } from './notary.ts'
import { observed } from './policy-observed.ts'
import { readUrl } from './read-url.ts'

export interface DecisionParts {
  readonly gate: Gate
  /** The compiled policy in force, whose rules can be explained. */
  readonly policy: () => CompiledPolicy
  readonly notary: Notary
  readonly newId: () => string
  /** Directory of the segments. */
  readonly ledger: string
  /** The system's where it is absent. */
  readonly now?: () => number
  readonly monotonicMs: () => number
}

/** Makes the ports of one gate. */
export function decisionPorts(parts: DecisionParts): DecisionPorts {
  const { gate, notary, now = systemClock.now, policy } = parts
  let catalogue: Promise<Catalogue> | null = null
  return {
    policy: () => gate.policy,
    pace: new Pace(),
    rehearse: (asks, how) => gate.rehearse(asks, how),
    settle: (hold, actual) => gate.settleHold(hold, actual),
    release: (hold) => gate.releaseHold(hold),
    reject: async ({ code, message, principal }) => {
      const refusal = await gate.reject({ code, message, principal, listener: 'control' })
      return refusal.receipt
    },
    newId: parts.newId,
    readTarget,
    explain: (facts) => explain(policy(), facts, { at: now(), proofs: [] }),
    issue: (ask) => notary.issue(ask),
    narrow: (token, ask) => notary.narrow(token, { ...ask, policy: gate.policy }),
    jwks: () => notary.jwks(),
    entries: (query) => pageOf(parts.ledger, query),
    synthesize: (ask) => drafted(parts.ledger, gate.ledger.head.seq, ask),
    catalogue: () => {
      catalogue ??= loadCatalogue().catch((error: unknown) => {
        // The next one tries again: a file that cannot be read now may be readable then.
        catalogue = null
        throw error
      })
      return catalogue
    },
    templates: (domain) => gate.policy.domains.get(domain)?.plugin.policyTemplates() ?? [],
    monotonicMs: parts.monotonicMs,
  }
}

function readTarget({ method, url }: AskedTarget): ReturnType<DecisionPorts['readTarget']> {
  const read = readUrl(url)
  if (!read.ok) return { problem: read.message }
  const { host, path, port, query, scheme } = read
  return { method, scheme, host, port, path, query }
}

/** Lines that are read for one page at most, and between two looks at everything else. */
const linesMax = 20_000
const linesPerTurn = 256

/** A page of the ledger, which is read anew: what stands in it is checked line by line, not as a chain. */
async function pageOf(
  ledger: string,
  { agent, from, kind, limit }: EntryQuery,
): Promise<EntryPage> {
  const entries: Entry[] = []
  let lines = 0
  for (const { entry } of linesFrom(ledger, from)) {
    lines += 1
    if (lines % linesPerTurn === 0) await setImmediate()
    if (entry === null || entry.seq < from) continue
    if (entries.length >= limit || lines > linesMax) return { entries, next: entry.seq }
    if (kind !== '' && entry.kind !== kind) continue
    if (agent !== '' && entry.actor.agent !== agent) continue
    entries.push(entry)
  }
  return { entries, next: null }
}

/** Entries that drafts are made from: the newest so many. */
const observedMax = 100_000

/** Draft rules of what the newest entries saw, a little at a time: the gate decides meanwhile. */
async function drafted(
  ledger: string,
  head: number,
  { agent, denied }: { readonly agent: string; readonly denied: boolean },
): Promise<string> {
  const suggester = new Suggester({ agent: agent === '' ? null : agent, denied })
  const stretch = { from: Math.max(0, head - observedMax), to: head }
  let lines = 0
  for (const line of observed(ledger, stretch)) {
    lines += 1
    if (lines % linesPerTurn === 0) await setImmediate()
    if (line.kind !== 'recorded' || line.recorded.kind !== 'decision') continue
    suggester.take(line.recorded.decision)
  }
  return suggester.suggestion().text
}
