/**
 * What every domain is written with: facts read by their type, the sentences that speak against a call, and checks
 * that are counted for its score. Total for whatever the wire said; a parameter of the wrong type is thrown, which
 * denies the call.
 */
import type { FactMap } from '../content.ts'
import type {
  DomainCall,
  DomainConfig,
  DomainEffects,
  DomainPlugin,
  ParameterValue,
  PolicyTemplate,
  Proof,
  Severity,
  Validation,
  Violation,
} from '../domain.ts'
import { fingerprint } from './fingerprint.ts'

export type Fact = string | number | boolean

/** What one source says; null where it says nothing: decoders leave a text empty that does not apply. */
function stated(facts: FactMap, name: string): Fact | null {
  const value: unknown = Object.hasOwn(facts, name) ? facts[name] : null
  if (value === '') return null
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : null
}

/** Whether the wire said anything by that name, readable or not: then a check of it applies. */
export function isGiven(call: DomainCall, name: string): boolean {
  return stated(call.context, name) !== null || stated(call.facts, name) !== null
}

/** A fact of the context or the decoder; null where neither states it, or where they say different things. */
export function factOf(call: DomainCall, name: string): Fact | null {
  const ofContext = stated(call.context, name)
  const ofDecoder = stated(call.facts, name)
  if (ofContext === null) return ofDecoder
  return ofDecoder === null || ofDecoder === ofContext ? ofContext : null
}

/** A text that is not empty; null where the fact is missing or something else. */
export function text(call: DomainCall, name: string): string | null {
  const value = factOf(call, name)
  return typeof value === 'string' ? value : null
}

/** A finite number; null where the fact is missing or something else. */
export function number(call: DomainCall, name: string): number | null {
  const value = factOf(call, name)
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** An integer that a double holds exactly; null where the fact is missing or something else. */
export function integer(call: DomainCall, name: string): number | null {
  const value = factOf(call, name)
  return Number.isSafeInteger(value) ? Number(value) : null
}

/** An integer that is not negative: what can be counted; null where the fact is missing or something else. */
export function count(call: DomainCall, name: string): number | null {
  const value = integer(call, name)
  return value === null || value < 0 ? null : value
}

/** A truth value; null where the fact is missing or something else. */
export function flag(call: DomainCall, name: string): boolean | null {
  const value = factOf(call, name)
  return typeof value === 'boolean' ? value : null
}

/** More names than this in one list are not read. */
const namesMax = 1_000

/** Names that are joined by commas, blanks around them taken off; null where one is empty, or none is stated. */
export function names(call: DomainCall, name: string): readonly string[] | null {
  const value = text(call, name)
  if (value === null) return null
  const all = value.split(',', namesMax + 1).map((one) => one.trim())
  return all.length > namesMax || all.includes('') ? null : all
}

/** A parameter as the policy set it, own members only. */
function parameterOf(call: DomainCall, name: string): ParameterValue | undefined {
  return Object.hasOwn(call.parameters, name) ? call.parameters[name] : undefined
}

const mistyped = (name: string, kind: string): TypeError =>
  new TypeError(`the parameter ${name} is no ${kind}`)

/** A parameter of kind `integer`. */
export function integerParameter(call: DomainCall, name: string): number {
  const value = parameterOf(call, name)
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw mistyped(name, 'integer')
  return value
}

/** A parameter of kind `number`. */
export function numberParameter(call: DomainCall, name: string): number {
  const value = parameterOf(call, name)
  if (typeof value !== 'number' || !Number.isFinite(value)) throw mistyped(name, 'number')
  return value
}

/** A parameter of kind `text`. */
export function textParameter(call: DomainCall, name: string): string {
  const value = parameterOf(call, name)
  if (typeof value !== 'string') throw mistyped(name, 'text')
  return value
}

/** A parameter of kind `boolean`. */
export function flagParameter(call: DomainCall, name: string): boolean {
  const value = parameterOf(call, name)
  if (typeof value !== 'boolean') throw mistyped(name, 'truth value')
  return value
}

const isList = (value: unknown): value is readonly string[] => Array.isArray(value)

/** A parameter of kind `texts`. */
export function textsParameter(call: DomainCall, name: string): readonly string[] {
  const value = parameterOf(call, name)
  if (!isList(value)) throw mistyped(name, 'list of texts')
  return value
}

/** A row of a parameter of kind `table`; null where the table has no such row. */
export function rowOf(
  call: DomainCall,
  table: string,
  key: string,
): Fact | readonly string[] | null {
  const value = parameterOf(call, table)
  if (typeof value !== 'object' || isList(value)) throw mistyped(table, 'table')
  return Object.hasOwn(value, key) ? (value[key] ?? null) : null
}

/** Whether a name is one of the patterns: itself, or, where a pattern ends with `*`, a beginning of it. */
export function isNamed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  )
}

/** A name of the DNS is no longer (RFC 1035, section 2.3.4). */
const hostCharactersMax = 253

/** Keys under which a table or a list may speak of a host: itself, then `*.` and each name above it, nearest first. */
export function hostKeys(host: string): readonly string[] {
  if (host.length > hostCharactersMax) return [host]
  const labels = host.split('.')
  return [host, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)]
}

/** Whether a list of hosts (`a.example.com`, `*.example.com`) has this one; never the empty one. */
export function isHostOf(host: string, hosts: readonly string[]): boolean {
  return host !== '' && hostKeys(host).some((key) => hosts.includes(key))
}

/** Where it goes: the request's host, or, where an action is asked about that is no request, the fact `destination`. */
export function destinationOf(call: DomainCall): string {
  return call.host === '' ? (text(call, 'destination') ?? '') : call.host
}

/** What a refusal, a demand or a caution is made of. */
export interface Objection {
  /** Of the domain, in kebab-case; `facts-missing`, `proof-invalid` and `proof-expired` answer with that very reason. */
  readonly code: string
  /** One sentence a model can act on; no value of the body (I6). */
  readonly message: string
  readonly recommendation: string
  readonly severity?: Severity
}

/** Denies the call. */
export function refusal(objection: Objection): Violation {
  return { severity: 'high', verdict: 'deny', ...objection }
}

/** Wants the yes of people: so many, of these groups or names, anyone's where none is named. */
export function demand(
  objection: Objection & { readonly need: number; readonly of: readonly string[] },
): Violation {
  return { severity: 'medium', verdict: 'approve', ...objection }
}

/** Lets the call go on with a warning. */
export function caution(objection: Objection): Violation {
  return { severity: 'low', verdict: 'warn', ...objection }
}

/** Denies a call whose facts are missing, of another type than they must be, or contradict each other. */
export function factsMissing(facts: readonly string[]): Violation {
  return refusal({
    code: 'facts-missing',
    message: `The call does not say ${facts.join(', ')} in a form that can be read.`,
    recommendation: 'Give these facts in the context of the rule, each of its type.',
  })
}

/** One question of a domain. */
export interface Check {
  /** As the score counts it. */
  readonly name: string
  readonly applies: (call: DomainCall) => boolean
  /** What speaks against the call; null where the check holds. Asked only where it applies. */
  readonly against: (call: DomainCall) => Violation | null
}

/** Asks every check that applies. */
export function validateBy(checks: readonly Check[], call: DomainCall): Validation {
  const applied = checks.filter(({ applies }) => applies(call))
  return {
    violations: applied.flatMap(({ against }) => against(call) ?? []),
    checks: applied.map(({ name }) => name),
  }
}

/** For `applies`: the call is one of these actions. */
export function on(...actions: readonly string[]): (call: DomainCall) => boolean {
  return ({ action }) => actions.includes(action)
}

/** For `applies`: the wire said one of these facts, readable or not. */
export function whereGiven(...facts: readonly string[]): (call: DomainCall) => boolean {
  return (call) => facts.some((name) => isGiven(call, name))
}

/** Proofs of one kind. They were verified; that they are in time and about this call is for the domain to say. */
export function proofsOf(call: DomainCall, kind: string): readonly Proof[] {
  return call.proofs.filter((proof) => proof.kind === kind)
}

/** Whether a proof holds at the instant of the call. */
export function isCurrent(proof: Proof, at: number): boolean {
  return proof.issuedAt <= at && at < proof.expiresAt
}

/** Key of a mark about values that no entry may hold (I6): `DOMAIN/WHAT:` and a hash of them, told apart by place. */
export function markKey(prefix: string, values: readonly string[]): string {
  return `${prefix}:${fingerprint(JSON.stringify(values))}`
}

/** Effects that count and remember nothing. */
export const noEffects: DomainEffects = { charge: {}, marks: [] }

/** What differs from one domain to another; what is left out does nothing. */
export interface DomainParts {
  readonly config: DomainConfig
  readonly checks: readonly Check[]
  readonly enrich?: (call: DomainCall) => FactMap
  readonly effects?: (call: DomainCall) => DomainEffects
  readonly templates: readonly PolicyTemplate[]
  /** Ids of controls for every action of the domain, and more of them by action. */
  readonly controls: readonly string[]
  readonly controlsByAction?: ReadonlyMap<string, readonly string[]>
}

/** Controls of each action, ascending: known before any call is. */
function controlsOf(parts: DomainParts): ReadonlyMap<string, readonly string[]> {
  return new Map(
    parts.config.actions.map(({ name }) => {
      const all = [...parts.controls, ...(parts.controlsByAction?.get(name) ?? [])]
      return [name, [...new Set(all)].sort()]
    }),
  )
}

/** The plugin of these parts. */
export function domainOf(parts: DomainParts): DomainPlugin {
  const controls = controlsOf(parts)
  return {
    config: parts.config,
    validate: (call) => validateBy(parts.checks, call),
    enrich: (call) => parts.enrich?.(call) ?? {},
    afterDecision: (call) => parts.effects?.(call) ?? noEffects,
    policyTemplates: () => parts.templates,
    complianceMappings: (action) => controls.get(action) ?? [],
  }
}
