/** What the kernel knows of a policy: plain terms to decide with, and the one question it answers by itself. */
import type { Quorum } from './approval.ts'
import type { DecoderName } from './content.ts'
import type { CredentialTerms, UpstreamProxyTerms } from './credential.ts'
import type { Dimension, Vector } from './dimension.ts'
import type { DomainPlugin, Judgement, ParameterValue, Proof } from './domain.ts'
import type { PayloadTerms } from './payload.ts'
import type { Price } from './price.ts'
import type { Reason } from './reasons.ts'
import type { RequestFacts } from './request.ts'
import type { ScopeKind } from './scope.ts'
import type { Verdict } from './verdict.ts'

/** What a budget does when a request does not fit, mildest first; the strongest of several wins. */
export const onLimits = ['continue', 'warn', 'queue', 'approve', 'block', 'kill'] as const

export type OnLimit = (typeof onLimits)[number]

export type Period =
  | { readonly kind: 'run' }
  | { readonly kind: 'lifetime' }
  | { readonly kind: 'hour' }
  | { readonly kind: 'day' }
  | { readonly kind: 'month' }
  | { readonly kind: 'window'; readonly lengthMs: number }

/** `active` binds; a `draft` is evaluated and recorded, and does not bind. The rest never reaches the kernel. */
export type Binding = 'active' | 'draft'

export interface RuleTerms {
  readonly id: string
  readonly state: Binding
  readonly effect: Verdict
  /** The operator's own words, or empty; they reach the agent in a refusal. */
  readonly reason: string
  /** Whose yes an `approve` wants; null where the rule is none. */
  readonly approval: ApprovalTerms | null
}

export interface ApprovalTerms {
  readonly quorum: Quorum
  /** How long it waits for people. */
  readonly expiresMs: number
  /** How long a connection is held for them; 0 answers at once. */
  readonly waitMs: number
}

export interface BudgetTerms {
  readonly id: string
  readonly state: Binding
  readonly reason: string
  readonly scope: ScopeKind
  /** Name of the pool where scope is `pool`. */
  readonly pool: string | null
  readonly period: Period
  /** Limits by dimension, keys in ascending order. */
  readonly limits: Vector
  /** `Object.keys(limits)`, ascending; the order of a purse's accounts. */
  readonly dimensions: readonly Dimension[]
  /** Alert tiers in percent of the limit, ascending. */
  readonly tiers: readonly number[]
  readonly onLimit: OnLimit
  readonly queue: { readonly length: number; readonly waitMs: number }
}

/** The pure data with which the kernel decides. */
export interface Terms {
  /** `sha256:` and 64 hex digits: the constitutional hash. */
  readonly digest: string
  readonly mode: 'enforce' | 'observe'
  readonly defaultVerdict: 'allow' | 'warn' | 'deny'
  readonly rules: ReadonlyMap<string, RuleTerms>
  readonly budgets: ReadonlyMap<string, BudgetTerms>
}

/** What a policy says that a request is, and who speaks about it. The ledger records it; replay is given it. */
export interface Classification {
  /** Ids of the active rules that match, in the order of the file. */
  readonly rules: readonly string[]
  /** Ids of the draft rules that match. */
  readonly drafts: readonly string[]
  /** Ids of the budgets (active and draft) whose targets match, in the order of the file. */
  readonly budgets: readonly string[]
  readonly domain: string
  readonly action: string
  readonly resource: string
  /** What the rule charges beside the kernel's own charge, which it may replace (`requests: 0`). */
  readonly charge: Vector
  /** Context facts by name: strings, safe integers and booleans only. */
  readonly context: Readonly<Record<string, string | number | boolean>>
  readonly tls: 'inspect' | 'tunnel'
  /** CIDRs in which the resolved addresses may lie although they are private. */
  readonly addresses: readonly string[]
  /** What already refuses it: a condition that failed to evaluate, a tunnel that hides what a rule needs. */
  readonly refusals: readonly Reason[]
  /**
   * The decoder that must read the body before this is final; empty where the body was read, or nobody needs it.
   * Until then a rule that needs it may match: mild ones (allow, warn, queue) speak, stern ones wait.
   */
  readonly decoder: DecoderName | ''
  /** What to look for in what leaves and in what comes back, one for each rule that asks. */
  readonly payload: readonly PayloadTerms[]
  /** Names of the credentials that the proxy sets on the way out. */
  readonly inject: readonly string[]
  /** `require`: the agent must show a capability token; `attach`: the proxy sends one upstream; else empty. */
  readonly capability: CapabilityTerms
  /** Name of the proxy that it is sent through; `direct` where it goes through none; empty where nothing says so. */
  readonly upstreamProxy: string
  /** What the model that it calls costs; null where it calls none, or nobody stated a price. */
  readonly price: Price | null
  /** Of a model call: tokens and cost at most, beside what the proxy asks; and what of each it needs at least. */
  readonly ask: Vector
  readonly least: Vector
}

/** An agent as the policy knows it. */
export interface AgentTerms {
  readonly name: string
  readonly tenant: string | null
  readonly project: string | null
  readonly actor: string | null
  /** `act_*`: who it is to the domains. */
  readonly type: string
  /** SHA-256 of each token, 64 lower-case hex digits. */
  readonly tokens: readonly string[]
}

export type CapabilityTerms = '' | 'require' | 'attach'

/** Who may answer approvals, by its own token. */
export interface ApproverTerms {
  readonly name: string
  readonly groups: readonly string[]
  /** SHA-256 of each token, 64 lower-case hex digits. */
  readonly tokens: readonly string[]
}

/** Whose signed statements count, and of which kinds. */
export interface IssuerTerms {
  readonly name: string
  readonly kinds: readonly string[]
  /** Ed25519 public key, base64url without padding, as `x` of a JWK (RFC 8037). */
  readonly key: string
}

/** A domain in force: the plugin, and its parameters as the policy set them. */
export interface DomainTerms {
  readonly plugin: DomainPlugin
  /** `builtin`, `yaml`, or `sha256:…` of the file that it came from. */
  readonly origin: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
}

/** When a call is judged, and what was proved before. */
export interface Occasion {
  /** Milliseconds since the epoch, ratcheted. */
  readonly at: number
  readonly proofs: readonly Proof[]
}

/** How often a classification was remembered, and how often it had to be made. */
export interface Memory {
  readonly hits: number
  readonly misses: number
}

/** A compiled policy. Made by the policy room only; immutable. */
export interface Policy extends Terms {
  readonly agents: ReadonlyMap<string, AgentTerms>
  /** Credentials that rules inject and upstream proxies ask for, by name. Never their values. */
  readonly credentials: ReadonlyMap<string, CredentialTerms>
  readonly upstreamProxies: ReadonlyMap<string, UpstreamProxyTerms>
  readonly approvers: ReadonlyMap<string, ApproverTerms>
  readonly issuers: ReadonlyMap<string, IssuerTerms>
  /** Frozen with the policy, and part of its digest. */
  readonly domains: ReadonlyMap<string, DomainTerms>
  /** Nothing is admitted while what was written so long ago is not anchored; absent where it need not be. */
  readonly anchorLagMsMax?: number
  /** Whether any tunnel could have to be inspected. */
  readonly inspects: boolean
  /** The canonical JSON (RFC 8785) whose SHA-256 the digest is; compiling it gives this policy again. */
  readonly source: string
  /** Of what it said of equal requests; absent where nothing is remembered. */
  readonly memory?: Memory
  /** Total and pure: whatever goes wrong inside comes back as a refusal. */
  classify(request: RequestFacts): Classification
  /**
   * What its domain says of a request that was classified, its body read: null where no domain judges it. Total and
   * pure; a plugin that throws, overruns its time or answers nonsense has denied.
   */
  judge(request: RequestFacts, classified: Classification, occasion: Occasion): Judgement | null
}
