/** Calls to ask a domain about, and what it says of them: everything that a test does not name is ordinary. */
import fc from 'fast-check'
import type { DomainCall, DomainPlugin, ParameterValue, Proof } from '../../../kernel/domain.ts'
import type { Fact } from '../../../kernel/domains/check.ts'

/** Noon of a Tuesday. */
export const noon = Date.UTC(2026, 10, 17, 12)

/** What a domain is set to where a policy says nothing. */
export function fallbacks(plugin: DomainPlugin): Readonly<Record<string, ParameterValue>> {
  return Object.fromEntries(plugin.config.parameters.map(({ name, fallback }) => [name, fallback]))
}

/** A call of a domain. */
export function callOf(plugin: DomainPlugin, members: Partial<DomainCall>): DomainCall {
  return {
    actor: 'act_agent',
    action: '',
    resource: '',
    resourceId: '',
    context: {},
    facts: {},
    agent: 'worker',
    run: 'default',
    tenant: '',
    project: '',
    method: 'POST',
    host: 'api.example.com',
    path: '/',
    at: noon,
    proofs: [],
    ...members,
    parameters: { ...fallbacks(plugin), ...members.parameters },
  }
}

/** A proof that is in time. */
export function proofOf(members: Partial<Proof>): Proof {
  return {
    kind: 'consent',
    issuer: 'clinic',
    id: 'c-1',
    subject: 'p-1',
    issuedAt: noon - 60_000,
    expiresAt: noon + 60_000,
    claims: {},
    ...members,
  }
}

/** The call with what its domain adds to it, as the framework does first. */
export function enriched(plugin: DomainPlugin, call: DomainCall): DomainCall {
  return { ...call, context: { ...call.context, ...plugin.enrich(call) } }
}

/** `VERDICT CODE` of everything that speaks against a call. */
export function said(plugin: DomainPlugin, call: DomainCall): readonly string[] {
  return plugin
    .validate(enriched(plugin, call))
    .violations.map(({ verdict, code }) => `${verdict} ${code}`)
}

/** Whether a domain refuses. */
export function refuses(plugin: DomainPlugin, call: DomainCall): boolean {
  return plugin
    .validate(enriched(plugin, call))
    .violations.some(({ verdict }) => verdict === 'deny')
}

const hostileNames = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

/** Facts with the names that a domain reads, and values of every type, as JSON and CEL may give them. */
function anyFacts(names: readonly string[]): fc.Arbitrary<DomainCall['facts']> {
  const value = fc.oneof(
    fc.constantFrom('', 'SECRET', 'note', 'p-1', ',', '*', '\ud800', -0, 2 ** 53),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
  )
  return fc
    .array(fc.tuple(fc.constantFrom(...names, ...hostileNames), value), { maxLength: 6 })
    .map((entries) => Object.fromEntries(entries))
}

const anyProof = fc
  .record({
    kind: fc.constantFrom('consent', 'attestation'),
    subject: fc.constantFrom('p-1', 'p-2', '__proto__'),
    id: fc.string({ unit: 'binary', maxLength: 20 }),
    issuedAt: fc.integer(),
    expiresAt: fc.integer({ min: 0, max: 2 * noon }),
    claims: anyFacts(['scope', 'purpose', 'recipient', 'single_use', 'agent']),
  })
  .map(proofOf)

/** Any call of a domain that names its types, whatever else the wire said. */
export function anyCall(plugin: DomainPlugin, names: readonly string[]): fc.Arbitrary<DomainCall> {
  const { actions, resources } = plugin.config
  return fc
    .record({
      action: fc.constantFrom(...actions.map(({ name }) => name), 'axn_other'),
      resource: fc.constantFrom('', ...resources.map(({ name }) => name)),
      resourceId: fc.constantFrom('', 'p-1', 'a'),
      context: anyFacts(names),
      facts: anyFacts(names),
      host: fc.constantFrom('', 'api.example.com', '..', 'x'.repeat(300)),
      at: fc.integer({ min: 0, max: 2 * noon }),
      proofs: fc.array(anyProof, { maxLength: 3 }),
    })
    .map((members) => callOf(plugin, members))
}

/** Asks a domain everything that it can be asked about a call. */
export function askAll(plugin: DomainPlugin, call: DomainCall): void {
  for (const each of [call, enriched(plugin, call)]) {
    plugin.validate(each)
    plugin.afterDecision(each)
  }
  plugin.complianceMappings(call.action)
}

/** A value of another type than this one. */
function otherTypes(value: Fact): fc.Arbitrary<Fact> {
  const all = [fc.string({ minLength: 1, maxLength: 9 }), fc.double(), fc.boolean()]
  return fc.oneof(...all).filter((other) => typeof other !== typeof value)
}

/** That a fact of a wrong type never makes an allow of a denial. `types` has a value of the right type of each fact. */
export function tightensOnly(
  plugin: DomainPlugin,
  types: Readonly<Record<string, Fact>>,
  parameters: DomainCall['parameters'],
): fc.IProperty<[DomainCall, readonly [string, Fact]]> {
  const names = Object.keys(types)
  const wrong = fc
    .constantFrom(...names)
    .chain((name) => fc.tuple(fc.constant(name), otherTypes(types[name] ?? '')))
  return fc.property(anyCall(plugin, names), wrong, (call, [name, value]) => {
    const before = { ...call, parameters }
    const after = { ...before, context: { ...call.context, [name]: value } }
    return refuses(plugin, after) || !refuses(plugin, before)
  })
}
