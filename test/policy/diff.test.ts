/** What two policies mean otherwise, and the states of what stands in their texts. */
import fc from 'fast-check'
import { test } from 'tap'
import { diff, type PolicyDiff } from '../../policy/diff.ts'
import { lifecycleStates, restate, stateChanges, statesIn } from '../../policy/diff-state.ts'
import { sourceOf } from '../../policy/lint-file.ts'
import { base, policyOf, withRules } from './facts.ts'
import '../kernel/seed.ts'

async function between(before: string, after: string): Promise<PolicyDiff> {
  return diff(await policyOf(before), await policyOf(after))
}

test('spellings, comments and order of keys are no difference', async (t) => {
  const same = base
    .replace('methods: [GET, HEAD]', 'methods: [head, get] # both')
    .replace('wall: 1h', 'wall: 60m')
    .replace('hosts: [a.test, "*.b.test"]', 'hosts: ["*.B.test", A.test]')
  const found = await between(base, same)
  t.equal(found.before, found.after)
  t.same([found.settings, found.entries, found.order, found.refusedByReload], [[], [], [], []])
})

test('each difference is told by entry and key, and in which way it loosens', async (t) => {
  const more = '  - id: c\n    hosts: [c.test]\n    effect: allow\nbudgets:'
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['methods: [GET, HEAD]', 'methods: [GET]', /rule a changed methods loosens: $/],
    ['methods: [GET, HEAD]', 'methods: [GET, HEAD, PUT]', /loosens: may let pass what it did not/],
    ['hosts: [a.test, "*.b.test"]', 'hosts: ["*"]', /rule a changed hosts loosens: may let pass/],
    ['effect: allow', 'effect: deny', /rule a changed effect loosens: $/],
    ['charge: { risk: 1, effort: 2 }', 'charge: { risk: 3 }', /rule a changed charge loosens: $/],
    ['budgets:', more, /rule c added {2}loosens: lets pass what only other rules could/],
    ['  local: {}\n', '  local: { tenant: t }\n', /agent local changed tenant/],
    [`${'a'.repeat(64)}`, `${'b'.repeat(64)}`, /agent other changed tokens/],
    ['requests: 5', 'requests: 4', /budget b changed limits loosens: $/],
  ]
  for (const [from, to, pattern] of table) {
    const { entries } = await between(base, base.replace(from, to))
    const told = entries.map(({ kind, id, change, keys, loosens }) => {
      return `${kind} ${id} ${change} ${keys.map(({ key }) => key).join()} loosens: ${loosens.join()}`
    })
    t.match(told.join('\n'), pattern, to)
  }
})

test('what a reload would refuse is told', async (t) => {
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['requests: 5', 'requests: 6', /raises its limit from 5/],
    ['mode: enforce', 'mode: observe', /no longer enforces/],
    ['scope: run\n', 'scope: run\n    hosts: [a.test]\n', /changes `hosts`/],
  ]
  for (const [from, to, pattern] of table) {
    const found = await between(base, base.replace(from, to))
    t.match(found.refusedByReload.join('\n'), pattern)
  }
  const { settings } = await between(base, base.replace('verdict: deny', 'verdict: allow'))
  t.same(settings, [{ key: 'defaults.verdict', before: 'deny', after: 'allow' }])
})

test('a token is told by its number and never shown', async (t) => {
  const found = await between(base, base.replace('a'.repeat(64), 'b'.repeat(64)))
  t.notMatch(JSON.stringify(found.entries), /sha256/)
})

test('rules that change places are told where the first one to speak says what a request is', async (t) => {
  const [one, two] = [
    '  - {id: one, hosts: [a.test], charge: {risk: 1}, effect: allow}\n',
    '  - {id: two, hosts: ["*.test", a.test], charge: {risk: 9}, effect: allow}\n',
  ]
  const { order } = await between(withRules(`${one}${two}`), withRules(`${two}${one}`))
  t.match(order, [{ ids: ['two', 'one'], message: /two now stands before one, and says charge/ }])
  const apart = two.replace('["*.test", a.test]', '[b.test]')
  const far = await between(withRules(`${one}${apart}`), withRules(`${apart}${one}`))
  t.same(far.order, [], 'they never meet')
})

const text = `# The policy.
version: 1
agents: { local: {} }
rules:
  # Reading.
  - id: read   # first
    hosts: [a.test]
    state: draft   # since Monday
    effect: allow
  - id: write
    hosts: [b.test]   # odd   spacing
    effect: allow
  - { id: flow, hosts: [c.test], effect: allow }
  - { id: gone, state: retired, hosts: [d.test], effect: allow }
budgets:
  - id: b
    scope: run
    limits: { requests: 5 }
`

function restated(id: string, state: (typeof lifecycleStates)[number], reason = 'because'): string {
  const changed = restate(text, { id, state, reason })
  return 'problem' in changed ? changed.problem : changed.text
}

test('a state is changed in place, with its reason, and all else stays as it was', async (t) => {
  t.equal(restated('read', 'active'), text.replace('draft   # since Monday', 'active # because'))
  t.equal(
    restated('write', 'disabled'),
    text.replace('- id: write', '- state: disabled # because\n    id: write'),
  )
  t.match(restated('b', 'draft'), /- state: draft # because\n {4}id: b\n/)
  const flow = restated('flow', 'disabled', 'two\nlines # of  it')
  t.equal(
    flow,
    text.replace(
      '{ id: flow, hosts: [c.test], effect: allow }',
      '{ state: disabled, id: flow, hosts: [c.test], effect: allow } # two lines # of it',
    ),
  )
  t.same(statesIn(flow).get('flow'), {
    kind: 'rule',
    state: 'disabled',
    reason: 'two lines # of it',
  })
  for (const changed of [restated('read', 'active'), restated('write', 'disabled'), flow]) {
    await t.resolves(policyOf(changed), 'and it loads')
  }
})

test('what is retired stays retired, and what changes nothing is refused', (t) => {
  t.match(restated('gone', 'active'), /is retired, for good/)
  t.match(restated('gone', 'disabled'), /is retired, for good/)
  t.match(restated('write', 'active'), /is active already/)
  const row = 'rules: [{ id: a, effect: deny }, { id: b, effect: deny }]'
  t.match(restate(row, { id: 'a', state: 'draft', reason: 'x' }), { problem: /one of its own/ })
  t.match(restated('nobody', 'active'), /no rule and no budget has the id/)
  t.match(restated('write', 'draft', ' \n '), /a reason has/)
  t.match(restated('write', 'draft', 'x'.repeat(201)), /a reason has/)
  t.end()
})

test('changes of state are told with before, after and reason, disabled and retired ones too', async (t) => {
  const after = restated('read', 'active')
  const [old, next] = [sourceOf(await policyOf(text)), sourceOf(await policyOf(after))]
  const bare = { kind: 'rule', id: 'read', before: 'draft', after: 'active' }
  t.same(stateChanges(old, next), [{ ...bare, reason: '' }], 'from the sources alone')
  const stated = { before: statesIn(text), after: statesIn(after) }
  t.same(stateChanges(old, next, stated), [{ ...bare, reason: 'because' }])
  t.same(stateChanges(old, old), [])
  const disabled = restated('b', 'disabled')
  const last = sourceOf(await policyOf(disabled))
  t.match(stateChanges(old, last), [{ kind: 'budget', id: 'b', before: 'active', after: 'absent' }])
  t.match(stateChanges(old, last, { before: statesIn(text), after: statesIn(disabled) }), [
    { kind: 'budget', id: 'b', before: 'active', after: 'disabled', reason: 'because' },
  ])
})

test('whatever the reason says, it stays a comment, and the state is what was asked for', (t) => {
  const ids = fc.constantFrom('read', 'write', 'flow', 'b')
  const states = fc.constantFrom(...lifecycleStates)
  fc.assert(
    fc.property(ids, states, fc.string({ maxLength: 60 }), (id, state, reason) => {
      const changed = restate(text, { id, state, reason })
      if ('problem' in changed) return true
      const [before, after] = [statesIn(text), statesIn(changed.text)]
      const others = [...before].filter(([other]) => other !== id)
      return (
        after.get(id)?.state === state &&
        after.size === before.size &&
        others.every(([other, { state: kept }]) => after.get(other)?.state === kept)
      )
    }),
  )
  t.end()
})

test('no text ends the reader of states', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (any) => {
      statesIn(any)
      restate(any, { id: 'a', state: 'draft', reason: 'x' })
    }),
  )
  t.end()
})
