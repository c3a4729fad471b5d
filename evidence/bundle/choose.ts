/** Which entries a bundle is about, which of them get a proof, and which policies decided. */
import type { Entry } from '../../ledger/entry.ts'
import { listOf, textOf } from '../export/reading.ts'

/** So many proofs a bundle holds at most. */
export const proofsMax = 1_000

/** `all`, a range of seqs, or the entries of one run of one agent. */
export type Scope =
  | { readonly kind: 'all' }
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'run'; readonly agent: string; readonly run: string }

export interface Chosen {
  readonly entries: number
  /** seq of the first and of the last; null where there is none. */
  readonly range: { readonly from: number; readonly to: number } | null
  /** Ascending. */
  readonly proofs: readonly number[]
  /** True where each chosen entry is among them. */
  readonly isEach: boolean
  readonly refusals: number
  /** Digests, ascending. */
  readonly policies: readonly string[]
}

const passing: ReadonlySet<string> = new Set(['allow', 'warn'])

/** True for an entry that says that something was not let pass, or was stopped. */
export function isRefusal({ data, kind }: Entry): boolean {
  if (kind === 'rejected' || kind === 'halt') return true
  const verdict = textOf(data['verdict'])
  return verdict !== '' && !passing.has(verdict)
}

export class Choice {
  readonly #scope: Scope
  readonly #seqs: number[] = []
  readonly #refused: number[] = []
  readonly #policies = new Set<string>()
  #inForce = ''
  #entries = 0
  #refusals = 0
  #first = -1
  #last = -1

  constructor(scope: Scope) {
    this.#scope = scope
  }

  take(entry: Entry): void {
    const digest = policyOf(entry)
    if (entry.kind === 'policy.load' && digest !== '') this.#inForce = digest
    if (!this.#isChosen(entry)) return
    if (this.#first < 0) this.#first = entry.seq
    this.#last = entry.seq
    this.#entries += 1
    if (this.#inForce !== '') this.#policies.add(this.#inForce)
    if (digest !== '') this.#policies.add(digest)
    if (this.#seqs.length <= proofsMax) this.#seqs.push(entry.seq)
    if (!isRefusal(entry)) return
    this.#refusals += 1
    if (this.#refused.length < proofsMax) this.#refused.push(entry.seq)
  }

  /** covered  how many entries the checkpoint covers: others have no proof. */
  found(covered: number): Chosen {
    const range = this.#first < 0 ? null : { from: this.#first, to: this.#last }
    const isEach = this.#entries <= proofsMax && this.#last < covered
    return {
      entries: this.#entries,
      range,
      proofs:
        this.#entries <= proofsMax
          ? this.#seqs.filter((seq) => seq < covered)
          : this.#some(covered),
      isEach,
      refusals: this.#refusals,
      policies: [...this.#policies].sort(),
    }
  }

  /** The first, the last that is covered, and refusals as far as there is room. */
  #some(covered: number): readonly number[] {
    const last = Math.min(this.#last, covered - 1)
    const all = new Set([this.#first, last, ...this.#refused.slice(0, proofsMax - 2)])
    return [...all].filter((seq) => seq >= 0 && seq < covered).sort((one, two) => one - two)
  }

  #isChosen({ actor, seq }: Entry): boolean {
    const scope = this.#scope
    if (scope.kind === 'all') return true
    if (scope.kind === 'range') return seq >= scope.from && seq <= scope.to
    return actor.agent === scope.agent && actor.run === scope.run
  }
}

/** The digest that an entry names. */
function policyOf({ data, kind }: Entry): string {
  const name = kind === 'policy.load' ? 'digest' : 'policy'
  // A load that was refused put nothing into force.
  if (kind === 'policy.load' && listOf(data['problems']).length > 0) return ''
  const digest = textOf(data[name])
  return /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : ''
}
