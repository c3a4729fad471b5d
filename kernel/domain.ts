/**
 * Domains: what a call does, beyond where it goes. A plugin is pure, synchronous and bounded in time; it performs
 * nothing, and whatever it says only makes a verdict stricter (I11).
 */
import type { FactMap } from './content.ts'
import type { Vector } from './dimension.ts'
import type { MarkCheck } from './mark.ts'
import type { Reason } from './reasons.ts'
import type { Verdict } from './verdict.ts'

/** Names of domains. */
export const domainPattern = /^[a-z][a-z0-9_]{0,31}$/

/** Names of what a policy may set of a domain. */
export const parameterPattern = /^[a-z][a-z0-9_]{0,63}$/

/** Names of types of actors. */
export const actorPattern = /^act_[a-z0-9_]{1,60}$/

/** Names of actions. */
export const actionPattern = /^axn_[a-z0-9_]{1,60}$/

/** Names of types of resources. */
export const resourcePattern = /^res_[a-z0-9_]{1,60}$/

/** Names of facts. */
export const factPattern = /^[a-z][a-z0-9_]{0,63}$/

/** Codes of violations and names of checks. */
export const codePattern = /^[a-z][a-z0-9-]{0,63}$/

/** Ids of controls, such as `hipaa/164.312(b)`: a framework and its control. */
export const controlPattern = /^[a-z0-9][a-z0-9._-]{0,63}\/[\x21-\x7e]{1,128}$/

/** Who an agent is to the domains where the policy does not say. */
export const actorDefault = 'act_agent'

export type RiskLevel = 1 | 2 | 3 | 4 | 5

/** How secret a thing is, mildest first. */
export const sensitivities = ['public', 'internal', 'confidential', 'secret'] as const

export type Sensitivity = (typeof sensitivities)[number]

/** Who acts: `act_*`. */
export interface ActorType {
  readonly name: string
  readonly description: string
}

/** What is done: `axn_*`. */
export interface ActionType {
  readonly name: string
  readonly description: string
  /** For example read, write, execute, order, command. */
  readonly category: string
  readonly riskLevel: RiskLevel
  readonly requiresHumanApproval: boolean
  /** Facts without which it is refused, by name. */
  readonly requires: readonly string[]
}

/** What it is done to: `res_*`; a resource is written `res_type` or `res_type:id`. */
export interface ResourceType {
  readonly name: string
  readonly description: string
  readonly sensitivity: Sensitivity
}

/** What a domain declares of itself; compared exactly, part of the policy's digest. */
export interface DomainConfig {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly actors: readonly ActorType[]
  readonly actions: readonly ActionType[]
  readonly resources: readonly ResourceType[]
  /** Ids of the frameworks of the catalogue that concern it. */
  readonly frameworks: readonly string[]
  /** How risk is counted, in words, by name. */
  readonly riskModels: readonly { readonly name: string; readonly description: string }[]
  /** Parameters that a policy may set under `domains.NAME`, with their defaults and units. */
  readonly parameters: readonly DomainParameter[]
}

/** What a parameter may be. */
export const parameterKinds = ['integer', 'number', 'text', 'texts', 'boolean', 'table'] as const

export type ParameterKind = (typeof parameterKinds)[number]

export interface DomainParameter {
  readonly name: string
  readonly kind: ParameterKind
  readonly description: string
  readonly fallback: ParameterValue
}

/** A table is rows by key: what a snapshot holds (positions, sanctions, holidays). Plain data, bounded. */
export type ParameterValue =
  | number
  | string
  | boolean
  | readonly string[]
  | Readonly<Record<string, string | number | boolean | readonly string[]>>

/** A statement that someone whom the policy names as an issuer signed, and that was verified before the call. */
export interface Proof {
  /** For example consent, attestation, update, capability. */
  readonly kind: string
  /** Name of the issuer in the policy. */
  readonly issuer: string
  /** Unique for the issuer. */
  readonly id: string
  /** Whom or what it is about: a patient, a vehicle. */
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** All other claims that are texts, numbers or booleans. */
  readonly claims: FactMap
}

/** One call, as a plugin sees it: what the wire said, and nothing that an agent says of itself. */
export interface DomainCall {
  /** `act_*`: the type that the policy gives the agent. */
  readonly actor: string
  /** `axn_*` */
  readonly action: string
  /** `res_*`, with what stands behind the colon; both empty where the rule names no resource. */
  readonly resource: string
  readonly resourceId: string
  /** The rule's context, evaluated, and what `enrich` added. */
  readonly context: FactMap
  /** What the decoder read of the body. */
  readonly facts: FactMap
  readonly agent: string
  readonly run: string
  readonly tenant: string
  readonly project: string
  readonly method: string
  readonly host: string
  readonly path: string
  /** Of the decision, in ms since the epoch: the only clock a plugin has. */
  readonly at: number
  readonly proofs: readonly Proof[]
  /** What the policy says under `domains.NAME`, every parameter filled in. */
  readonly parameters: Readonly<Record<string, ParameterValue>>
}

/** How grave a violation is, mildest first. */
export const severities = ['low', 'medium', 'high', 'critical'] as const

export type Severity = (typeof severities)[number]

/** What speaks against a call. `verdict` says how much: a plugin cannot say less than warn. */
export interface Violation {
  /** Stable, of the domain: `order-value`. Recorded as `DOMAIN/CODE`. */
  readonly code: string
  readonly severity: Severity
  readonly verdict: Exclude<Verdict, 'allow' | 'queue'>
  /** One sentence a model can act on; never holds a value of the body. */
  readonly message: string
  readonly recommendation: string
  /** For `approve`: whose yes. */
  readonly need?: number
  readonly of?: readonly string[]
}

/** What a domain wants counted and remembered, should the call be admitted. */
export interface DomainEffects {
  /** Charged to the budgets beside the rule's own charge; never lowers it. */
  readonly charge: Vector
  readonly marks: readonly MarkCheck[]
}

/** A fragment of a policies.yaml that works as it stands. */
export interface PolicyTemplate {
  readonly name: string
  readonly description: string
  /** YAML of a whole policies.yaml. */
  readonly text: string
}

/** The six verbs. Every one is total for data of these types; a throw is a denial. */
export interface DomainPlugin {
  readonly config: DomainConfig
  /** Everything that speaks against the call. How many checks applied is told for the score. */
  validate(call: DomainCall): Validation
  /** Facts that follow from the parameters and the call; may add names, never change what the wire said. */
  enrich(call: DomainCall): FactMap
  afterDecision(call: DomainCall): DomainEffects
  policyTemplates(): readonly PolicyTemplate[]
  /** Ids of controls (`hipaa/164.312(b)`) that a decision about this action bears evidence for. */
  complianceMappings(action: string): readonly string[]
}

export interface Validation {
  readonly violations: readonly Violation[]
  /** Names of the checks that applied, held or not. */
  readonly checks: readonly string[]
}

/** What the domains of a policy say of one call, ready for the kernel: refusals, demands, charge and marks. */
export interface Judgement {
  readonly violations: readonly (Violation & { readonly domain: string })[]
  /** Names of the checks that applied, with the domain: `finance/order-value`. */
  readonly checks: readonly string[]
  readonly charge: Vector
  readonly marks: readonly MarkCheck[]
  /** Ids of controls, ascending. */
  readonly controls: readonly string[]
  /** Of the action; 0 where no domain says. */
  readonly riskLevel: RiskLevel | 0
  /** What `enrich` added, to be recorded with the context. */
  readonly added: FactMap
}

/** What stands between an allow and a domain that wants more: approvals, warnings, a halt; a denial is a refusal. */
export interface Demand {
  readonly verdict: Exclude<Verdict, 'allow' | 'queue'>
  readonly reason: Reason
  readonly need: number
  readonly of: readonly string[]
}
