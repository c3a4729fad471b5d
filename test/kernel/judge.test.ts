/** A domain's judgement: what is asked of every domain, what a plugin may say, and that it can only tighten (I11). */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall, DomainPlugin, Judgement, Violation } from '../../kernel/domain.ts'
import {
  composed,
  demandsOf,
  judgeCall,
  largerCharge,
  pluginMsMax,
  refusalsOf,
} from '../../kernel/judge.ts'
import type { DomainTerms } from '../../kernel/policy.ts'
import { reasons } from '../../kernel/reasons.ts'
import { meet, type Verdict } from '../../kernel/verdict.ts'
import { seed, seedSentence } from './seed.ts'

const still = (): number => 0

const quiet: DomainPlugin = {
  config: {
    name: 'mill',
    version: '1',
    description: 'A mill.',
    actors: [{ name: 'act_agent', description: '' }],
    actions: [
      action('axn_grind', { requires: ['grain'] }),
      action('axn_stop', {}),
      action('axn_sell', { requiresHumanApproval: true, riskLevel: 4 }),
    ],
    resources: [{ name: 'res_stone', description: '', sensitivity: 'public' }],
    frameworks: [],
    riskModels: [],
    parameters: [],
  },
  validate: () => ({ violations: [], checks: ['stones'] }),
  enrich: () => ({}),
  afterDecision: () => ({ charge: {}, marks: [] }),
  policyTemplates: () => [],
  complianceMappings: () => ['soc-2/CC6.1'],
}

function action(
  name: string,
  changes: Partial<DomainPlugin['config']['actions'][number]>,
): DomainPlugin['config']['actions'][number] {
  return {
    ...{ name, description: '', category: 'execute', riskLevel: 2 },
    ...{ requiresHumanApproval: false, requires: [] },
    ...changes,
  }
}

const call: DomainCall = {
  ...{ actor: 'act_agent', action: 'axn_stop', resource: 'res_stone', resourceId: '1' },
  ...{ context: {}, facts: {}, agent: 'local', run: 'default', tenant: '', project: '' },
  ...{ method: 'POST', host: 'mill.test', path: '/', at: 1_000, proofs: [], parameters: {} },
}

/** A plugin with other verbs; what they answer is not of their types where a test is about that. */
function plugin(verbs: Partial<Record<keyof DomainPlugin, unknown>>): DomainTerms {
  return { plugin: { ...quiet, ...(verbs as object) }, origin: 'builtin', parameters: {} }
}

const judged = (verbs: Partial<Record<keyof DomainPlugin, unknown>>, changes = {}): Judgement =>
  judgeCall(plugin(verbs), { ...call, ...changes }, still)

const codes = ({ violations }: Judgement): readonly string[] =>
  violations.map(({ code, verdict }) => `${verdict} ${code}`)

const said = (changes: Partial<Violation> = {}): Violation => ({
  ...{ code: 'too-fast', severity: 'low', verdict: 'warn', message: 'Slow down.' },
  recommendation: '',
  ...changes,
})

test('a domain is asked only about what it knows, with the facts that it needs', (t) => {
  const table: readonly (readonly [Partial<DomainCall>, readonly string[]])[] = [
    [{}, []],
    [{ resource: '' }, []],
    [{ action: 'axn_burn' }, ['deny type-unknown']],
    [{ actor: 'act_miller' }, ['deny type-unknown']],
    [{ resource: 'res_wheel' }, ['deny type-unknown']],
    [{ resource: 'res_wheel', actor: '' }, ['deny type-unknown', 'deny type-unknown']],
    [{ action: 'constructor' }, ['deny type-unknown']],
    [{ action: 'axn_grind' }, ['deny facts-missing']],
    [{ action: 'axn_grind', context: { grain: '' } }, ['deny facts-missing']],
    [{ action: 'axn_grind', context: Object.create({ grain: 5 }) }, ['deny facts-missing']],
    [{ action: 'axn_grind', context: { grain: 0 } }, []],
    [{ action: 'axn_grind', facts: { grain: false } }, []],
    [{ action: 'axn_sell' }, ['approve human-approval']],
  ]
  for (const [changes, expected] of table) t.same(codes(judged({}, changes)), expected)
  let asked = 0
  const counting = {
    validate: () => {
      asked += 1
      return { violations: [], checks: [] }
    },
  }
  judged(counting, { action: 'axn_burn' })
  t.equal(asked, 0, 'no plugin is asked about an action that it does not know')
  t.end()
})

test('a judgement holds what the plugin said, under the name of its domain', (t) => {
  const mark = {
    ...{ op: 'once', key: 'mill/nonce/1', amount: 0, limit: 0, until: 2_000 },
    reason: { code: 'validator-refused', id: 'nonce', message: 'It was used.' },
  }
  const judgement = judged({
    validate: () => ({ violations: [said({ need: 2, of: ['millers'] })], checks: ['a', 'a'] }),
    enrich: () => ({ stones: 2 }),
    afterDecision: ({ context }: DomainCall) => ({
      charge: { grain: context['stones'], requests: 0 },
      marks: [mark],
    }),
    complianceMappings: () => ['soc-2/CC6.1', 'hipaa/164.312(b)', 'soc-2/CC6.1'],
  })
  t.same(judgement, {
    violations: [{ ...said({ need: 2, of: ['millers'] }), domain: 'mill' }],
    checks: ['mill/type-unknown', 'mill/a'],
    charge: { grain: 2 },
    marks: [{ ...mark, reason: { ...mark.reason, id: 'mill/nonce' } }],
    controls: ['hipaa/164.312(b)', 'soc-2/CC6.1'],
    riskLevel: 2,
    added: { stones: 2 },
  })
  t.end()
})

const mark = (changes: object): unknown => ({
  charge: {},
  marks: [
    {
      ...{ op: 'add', key: 'mill/x', amount: 1, limit: 1, until: 2_000 },
      reason: { code: 'validator-refused', id: 'mill/x', message: 'No.' },
      ...changes,
    },
  ],
})

const hostile: readonly (readonly [string, Partial<Record<keyof DomainPlugin, unknown>>])[] = [
  ['a throw', { validate: () => thrown(new Error('x')) }],
  ['a throw of nothing', { enrich: () => thrown(undefined) }],
  ['a throw of what cannot be looked at', { afterDecision: () => thrown(trap()) }],
  ['no answer', { validate: () => undefined }],
  ['a promise', { validate: () => Promise.resolve({ violations: [], checks: [] }) }],
  ['a verb that is missing', { enrich: undefined }],
  ['an answer that throws when read', { validate: () => trap() }],
  ['violations that are none', { validate: () => ({ violations: {}, checks: [] }) }],
  ['an allow', { validate: () => violating({ verdict: 'allow' }) }],
  ['a queue', { validate: () => violating({ verdict: 'queue' }) }],
  ['a code that is none', { validate: () => violating({ code: 'A b' }) }],
  ['a long message', { validate: () => violating({ message: 'x'.repeat(501) }) }],
  ['no message', { validate: () => violating({ message: '' }) }],
  ['two lines', { validate: () => violating({ message: 'a\nb' }) }],
  ['half a character', { validate: () => violating({ message: '\ud800' }) }],
  ['nobody’s yes', { validate: () => violating({ need: 0 }) }],
  ['too many people', { validate: () => violating({ need: 101 }) }],
  ['people without names', { validate: () => violating({ of: ['a b'] }) }],
  ['65 violations', { validate: () => ({ violations: Array(65).fill(said()), checks: [] }) }],
  ['a length that lies', { validate: () => ({ violations: { length: 1 }, checks: [] }) }],
  ['a fraction of a charge', { afterDecision: () => ({ charge: { a: 0.5 }, marks: [] }) }],
  ['a negative charge', { afterDecision: () => ({ charge: { requests: -1 }, marks: [] }) }],
  ['an endless charge', { afterDecision: () => ({ charge: { a: Infinity }, marks: [] }) }],
  ['a charge of what is measured', { afterDecision: () => ({ charge: { wall: 1 }, marks: [] }) }],
  [
    'a charge of no dimension',
    { afterDecision: () => ({ charge: { constructor: 1 }, marks: [] }) },
  ],
  ['a mark of another domain', { afterDecision: () => mark({ key: 'finance/x' }) }],
  ['a mark of no domain', { afterDecision: () => mark({ key: 'mill' }) }],
  ['a mark that is over', { afterDecision: () => mark({ until: 1_000 }) }],
  ['a mark without an end', { afterDecision: () => mark({ until: Infinity }) }],
  ['a mark that does something else', { afterDecision: () => mark({ op: 'lower' }) }],
  ['a long key', { afterDecision: () => mark({ key: `mill/${'x'.repeat(200)}` }) }],
  [
    'a reason of another domain',
    { afterDecision: () => mark({ reason: { code: 'no-rule', id: 'x/y', message: 'n' } }) },
  ],
  [
    'a reason that is none',
    { afterDecision: () => mark({ reason: { code: 'toString', id: 'x', message: 'n' } }) },
  ],
  ['33 marks', { afterDecision: () => ({ charge: {}, marks: Array(33).fill(mark({})) }) }],
  ['a fact that is no name', { enrich: () => ({ 'A b': 1 }) }],
  ['a fact that is a list', { enrich: () => ({ a: [] }) }],
  ['a fact that is no safe integer', { enrich: () => ({ a: 0.1 }) }],
  ['a changed fact', { enrich: () => ({ grain: 6 }) }],
  ['controls that are none', { complianceMappings: () => ['soc 2'] }],
  ['controls that are no list', { complianceMappings: () => 'soc-2/CC6.1' }],
]

function thrown(value: unknown): never {
  throw value
}

function trap(): unknown {
  const refuse = (): never => thrown(trap())
  return new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse })
}

function violating(changes: object): unknown {
  return { violations: [{ ...said(), ...changes }], checks: [] }
}

test('a plugin that throws or answers nonsense has denied', (t) => {
  for (const [what, verbs] of hostile) {
    const judgement = judged(verbs, { context: { grain: 5 } })
    t.same(codes(judgement).at(-1), 'deny plugin-failed', what)
    t.same([judgement.charge, judgement.marks, judgement.added], [{}, [], {}], what)
    t.match(refusalsOf(judgement).at(-1), { code: 'plugin-failed', id: 'mill/plugin-failed' })
  }
  t.end()
})

test('a plugin that is too slow has denied, and so has a clock that is none', (t) => {
  for (const [spentMs, expected] of [
    [pluginMsMax, []],
    [pluginMsMax + 1, ['deny plugin-failed']],
    [Number.NaN, ['deny plugin-failed']],
  ] as const) {
    const times = [0, spentMs]
    const elapsed = (): number => times.shift() ?? 0
    t.same(codes(judgeCall(plugin({}), call, elapsed)), expected, String(spentMs))
  }
  t.end()
})

test('a plugin changes nothing that others read', (t) => {
  const given = { ...call, context: { grain: 5 }, facts: { wet: true } }
  const before = structuredClone(given)
  const changing = (seen: DomainCall): unknown => {
    for (const part of [seen, seen.context, seen.facts, seen.parameters]) {
      Reflect.set(part, 'grain', 6)
      Reflect.set(part, 'action', 'axn_other')
    }
    return { violations: [], checks: [] }
  }
  const enrich = (seen: DomainCall): object => {
    changing(seen)
    return {}
  }
  judged({ validate: changing, enrich }, given)
  t.same(given, before)
  t.end()
})

test('what was said before a plugin failed still counts', (t) => {
  const judgement = judged({
    validate: () => ({ violations: [said({ verdict: 'halt' })], checks: ['a'] }),
    complianceMappings: () => thrown(1),
  })
  t.same(codes(judgement), ['halt too-fast', 'deny plugin-failed'])
  t.same(judgement.checks, ['mill/type-unknown', 'mill/a'])
  t.end()
})

test('a violation answers with its own reason where it has one', (t) => {
  const table: readonly (readonly [Violation, string])[] = [
    [said({ verdict: 'deny' }), 'validator-refused mill/too-fast'],
    [said({ verdict: 'deny', code: 'proof-expired' }), 'proof-expired mill/proof-expired'],
    [said({ verdict: 'deny', code: 'no-rule' }), 'validator-refused mill/no-rule'],
    [said({ verdict: 'deny', code: 'halted' }), 'validator-refused mill/halted'],
    [said(), ''],
    [said({ verdict: 'approve' }), ''],
  ]
  for (const [violation, expected] of table) {
    const judgement = judged({ validate: () => ({ violations: [violation], checks: [] }) })
    const [reason] = refusalsOf(judgement)
    t.equal(reason === undefined ? '' : `${reason.code} ${reason.id}`, expected)
    t.equal(demandsOf(judgement).length, expected === '' ? 1 : 0)
  }
  const approve = judged({}, { action: 'axn_sell' })
  t.match(demandsOf(approve), [
    { verdict: 'approve', need: 1, of: [], reason: { code: 'approval-required' } },
  ])
  t.end()
})

/** The verdict of a call that the rules allow, once a judgement is added. */
function verdictOf(judgement: Judgement): Verdict {
  return judgement.violations.map(({ verdict }) => verdict as Verdict).reduce(meet, 'allow')
}

test('adding a plugin, however hostile, never makes a verdict milder (I11)', (t) => {
  const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true })
  const verdict = fc.constantFrom('warn', 'approve', 'deny', 'halt', 'allow', 'queue', 'ALLOW')
  const violation = fc.record(
    {
      code: fc.oneof(fc.constantFrom('a', 'type-unknown', 'B'), anything),
      severity: fc.constantFrom('low', 'high', 'none'),
      verdict,
      message: fc.oneof(fc.string(), anything),
      recommendation: fc.string(),
      need: anything,
      of: anything,
    },
    { requiredKeys: ['code', 'verdict'] },
  )
  const verb = fc.oneof(
    anything.map((value) => () => value),
    fc.constant(() => thrown(trap())),
    fc.constant(() => trap()),
    fc.array(violation, { maxLength: 3 }).map((violations) => () => ({ violations, checks: [] })),
    fc
      .dictionary(fc.constantFrom('requests', 'risk', 'wall'), fc.integer({ min: -5, max: 5 }))
      .map((charge) => () => ({ charge, marks: [] })),
  )
  const verbs = fc.record(
    { validate: verb, enrich: verb, afterDecision: verb, complianceMappings: verb },
    { requiredKeys: [] },
  )
  const property = fc.property(fc.array(verbs, { maxLength: 3 }), verbs, (others, added) => {
    const before = composed(others.map((each) => judged(each)))
    const more = judged(added)
    const after = composed([before, more])
    const [was, is] = [verdictOf(before), verdictOf(after)]
    if (meet(was, is) !== is) return false
    const isSound = more.violations.every(({ code }) => /^[a-z][a-z0-9-]{0,63}$/.test(code))
    const charge = largerCharge({ requests: 1, risk: 2 }, after.charge)
    const grows = Object.entries(before.charge).every(([name, n]) => (after.charge[name] ?? 0) >= n)
    const isCounted = Object.values(after.charge).every((n) => Number.isSafeInteger(n) && n > 0)
    const isRegistered = refusalsOf(after).every(({ code }) => Object.hasOwn(reasons, code))
    const isAbove = (charge['requests'] ?? 0) >= 1 && (charge['risk'] ?? 0) >= 2
    return isSound && grows && isCounted && isRegistered && isAbove
  })
  fc.assert(property, { numRuns: 2_000, seed })
  t.pass(seedSentence)
  t.end()
})
