/** Which entries are evidence of what: by kind of evidence, and by the controls that decisions name. */

import type { Entry } from '../../ledger/entry.ts'
import type { EvidenceKind } from '../../policy/controls.ts'
import { Sample } from './counting.ts'
import { isPassing, recordsOf, textOf, textsOf } from './read-entry.ts'

/** `erasure` is evidence that the catalogue has no word for. */
export type Evidence = EvidenceKind | 'erasure'

/** What bears evidence of its kind, in words. */
export const evidenceTexts: Readonly<Record<Evidence, string>> = {
  decision: 'decisions',
  refusal: 'refusals',
  approval: 'approvals asked for, and answers',
  halt: 'halts and reinstatements',
  budget: 'settlements, alerts, grants',
  payload: 'entries with findings',
  credential: 'no entry of its own',
  inspection: 'decisions inside inspected TLS',
  policy: 'policies loaded',
  ledger: 'all entries',
  replay: 'no entry of its own',
  erasure: 'erasures',
}

/** Controls that are counted apart; the catalogue has far fewer, plugins may name more. */
const controlsMax = 1_024

const budgetKinds: ReadonlySet<string> = new Set([
  'settlement',
  'extension',
  'alert',
  'grant',
  'revoke',
])

export class EvidenceTally {
  readonly #kinds = new Map<Evidence, Sample>()
  readonly #controls = new Map<string, Sample>()

  /** Of entries in the period alone. */
  add(entry: Entry): void {
    this.#bears('ledger', entry)
    const { data, kind } = entry
    if (kind === 'decision') this.#decision(entry)
    else if (kind === 'approval') this.#bears('approval', entry)
    else if (kind === 'halt' || kind === 'reinstate') this.#bears('halt', entry)
    else if (kind === 'rejected') this.#bears('refusal', entry)
    else if (kind === 'policy.load') this.#bears('policy', entry)
    else if (kind === 'erasure') this.#bears('erasure', entry)
    if (budgetKinds.has(kind)) this.#bears('budget', entry)
    if (recordsOf(data, 'findings').length > 0) this.#bears('payload', entry)
  }

  /** The entries of one kind of evidence. */
  of(evidence: Evidence): Sample {
    return this.#kinds.get(evidence) ?? new Sample()
  }

  /** The decisions that name a control, `framework/control`. */
  named(control: string): Sample {
    return this.#controls.get(control) ?? new Sample()
  }

  #decision(entry: Entry): void {
    const { data } = entry
    this.#bears('decision', entry)
    if (!isPassing(textOf(data, 'verdict'))) this.#bears('refusal', entry)
    if (textOf(data, 'approval_id') !== '') this.#bears('approval', entry)
    const isInside = ['request', 'websocket'].includes(textOf(data, 'kind'))
    if (isInside && textOf(data, 'scheme') === 'https') this.#bears('inspection', entry)
    for (const control of new Set(textsOf(data, 'controls'))) {
      sampleIn(this.#controls, control, controlsMax)?.add(entry)
    }
  }

  #bears(evidence: Evidence, entry: Entry): void {
    sampleIn(this.#kinds, evidence, controlsMax)?.add(entry)
  }
}

/** Null where there are as many as are counted apart. */
function sampleIn<Key>(samples: Map<Key, Sample>, key: Key, max: number): Sample | null {
  const known = samples.get(key)
  if (known !== undefined) return known
  if (samples.size >= max) return null
  const sample = new Sample()
  samples.set(key, sample)
  return sample
}
