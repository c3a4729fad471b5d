/** What the decision routes are given: the gate's rehearsals, the policy's words, and a pen to sign with. */
import type { Refusal } from '../../gate/refusal.ts'
import type { Rehearsal, Rehearsed } from '../../gate/rehearse.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { PolicyTemplate } from '../../kernel/domain.ts'
import type { Policy } from '../../kernel/policy.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Principal } from '../../kernel/scope.ts'
import type { Entry, Receipt } from '../../ledger/entry.ts'
import type { Catalogue } from '../../policy/controls.ts'
import type { Explanation } from '../../policy/explain.ts'
import type { Pace } from './pace.ts'

export interface Target {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a token is to say. */
export interface TokenAsk {
  readonly action: string
  readonly scope: string
  readonly policy: string
  readonly seconds: number
}

export type Narrowed =
  | { readonly ok: true; readonly token: string; readonly expiresAt: number }
  | {
      readonly ok: false
      readonly code: 'capability-invalid' | 'capability-expired'
      readonly message: string
    }

export interface EntryQuery {
  readonly from: number
  readonly limit: number
  readonly kind: string
  readonly agent: string
}

export interface EntryPage {
  readonly entries: readonly Entry[]
  /** Where the next page begins; null where there is none. */
  readonly next: number | null
}

export interface DecisionPorts {
  /** In force: as long as it is the same object, everything was judged by it. */
  readonly policy: () => Policy
  /** How often each agent asked. */
  readonly pace: Pace
  /** Judges them in turn, each seeing what the ones before would hold; with `commit` each holds it. */
  rehearse(
    asks: readonly Rehearsal[],
    how: { readonly commit: boolean },
  ): Promise<readonly Rehearsed[]>
  /** Settles what `commit` held; null where that was done. */
  settle(hold: string, actual: Vector): Refusal | null
  /** Gives back what `commit` held; null where that was done. */
  release(hold: string): Refusal | null
  /** Records a refusal of the API itself; the receipt of its entry. */
  reject(refusal: {
    readonly code: Reason['code']
    readonly message: string
    readonly principal: Principal | null
  }): Promise<Receipt | null>
  /** A unique id for a rehearsal. */
  newId(): string
  /** The parts of a request that a target says, canonical as the proxy's; or why it cannot be one. */
  readTarget(
    target: Target,
  ):
    | Pick<RequestFacts, 'host' | 'port' | 'path' | 'query' | 'scheme' | 'method'>
    | { readonly problem: string }
  /** What the rules, budgets and the domain say, one by one. */
  explain(facts: RequestFacts): Explanation
  issue(ask: TokenAsk): Promise<{ readonly token: string; readonly expiresAt: number }>
  narrow(
    token: string,
    ask: { readonly scope: string; readonly seconds: number },
  ): Promise<Narrowed>
  /** The key set, as published. */
  jwks(): Promise<object>
  entries(query: EntryQuery): Promise<EntryPage>
  /** Draft rules for what was observed or denied, as YAML. */
  synthesize(ask: { readonly agent: string; readonly denied: boolean }): Promise<string>
  catalogue(): Promise<Catalogue>
  templates(domain: string): readonly PolicyTemplate[]
  monotonicMs(): number
}
