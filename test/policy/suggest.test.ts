/** Suggested rules: they allow what was seen, name ids by `*`, are drafts, and always load. */
import fc from 'fast-check'
import { test } from 'tap'
import type { AdmitEvent } from '../../kernel/event.ts'
import { passes } from '../../kernel/verdict.ts'
import { explain } from '../../policy/explain.ts'
import type { RecordedDecision } from '../../policy/simulate-facts.ts'
import { Suggester, type Suggestion, type SuggestOptions, shapeOf } from '../../policy/suggest.ts'
import { local, policyOf, request, tunnel } from './facts.ts'
import '../kernel/seed.ts'

const admission: AdmitEvent = {
  ...{ kind: 'admit', at: 1, request: 'r', principal: local, host: 'a.test', rules: [] },
  ...{ drafts: [], budgets: [], charge: {}, ask: {}, refusals: [], queue: 'open' },
}

function decision(
  changes: Partial<RecordedDecision> = {},
  host = 'a.test',
  agent = 'local',
): RecordedDecision {
  return {
    ...{ seq: 1, kind: 'request', method: 'GET', scheme: 'http', port: 80, path: '/feed' },
    ...{ isPathRedacted: false, decoder: '', model: '', verdict: 'allow', code: '' },
    isApproved: false,
    event: { ...admission, host, principal: { ...local, agent } },
    ...changes,
  }
}

function suggested(
  decisions: readonly RecordedDecision[],
  options: Partial<SuggestOptions> = {},
): Suggestion {
  const suggester = new Suggester({ denied: false, agent: null, ...options })
  for (const each of decisions) suggester.take(each)
  return suggester.suggestion()
}

test('a segment that looks like an id is `*`, and a word is itself', (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['/', '/'],
    ['/users/42/posts/7', '/users/*/posts/*'],
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/o/deadbeefcafe', '/o/*'],
    ['/o/123e4567-e89b-12d3-a456-426614174000', '/o/*'],
    ['/t/AbC9xYz_0123456789', '/t/*'],
    ['/documentation-of-things', '/documentation-of-things'],
    ['/a%20b/c*d/e', '/*/*/e'],
    ['/a/', '/a/'],
  ]
  for (const [path, shape] of table) t.equal(shapeOf(path), shape, path)
  t.end()
})

test('requests of one shape are one rule, with the agents and methods that were seen', async (t) => {
  const { text, rules, requests } = suggested([
    decision({ path: '/users/1' }),
    decision({ path: '/users/2' }),
    decision({ path: '/users/3', method: 'PUT' }),
    decision({ path: '/users/4' }, 'a.test', 'other'),
    decision({ path: '/users/5', method: 'PUT' }, 'a.test', 'other'),
    decision({ kind: 'tunnel', method: 'CONNECT', scheme: 'https', port: 443, path: '' }, 'b.test'),
    decision({ verdict: 'deny', code: 'rule-denied' }, 'c.test'),
  ])
  t.same([rules, requests], [2, 6])
  const policy = await policyOf(text)
  t.same(
    [...policy.rules.values()].map(({ state }) => state),
    ['draft', 'draft'],
    'none binds',
  )
  const asked = request({ host: 'a.test', path: '/users/9' })
  t.equal(explain(policy, asked).verdict, 'deny', 'nothing is in force')
  const active = await policyOf(text.replaceAll('state: draft', 'state: active'))
  const said = (changes: Parameters<typeof request>[0]): boolean =>
    passes(explain(active, request({ host: 'a.test', path: '/users/9', ...changes })).verdict)
  t.ok(said({}), 'what was seen passes')
  t.ok(said({ method: 'PUT', principal: { ...local, agent: 'other' } }))
  t.notOk(said({ method: 'DELETE' }), 'another method does not')
  t.notOk(said({ path: '/users/9/keys' }), 'nor another path')
  t.notOk(said({ port: 8080 }), 'nor another port')
  t.ok(passes(explain(active, tunnel({ host: 'b.test' })).verdict))
  t.notOk(passes(explain(active, tunnel({ host: 'c.test' })).verdict))
})

test('from denials: what no rule allowed, and not what a rule denied', async (t) => {
  const decisions = [
    decision({ verdict: 'deny', code: 'no-rule' }, 'b.test'),
    decision({ verdict: 'deny', code: 'rule-denied' }, 'c.test'),
    decision(
      { kind: 'reach', method: 'CONNECT', verdict: 'deny', code: 'no-rule' },
      'd.test',
      'other',
    ),
    decision(),
  ]
  const all = suggested(decisions, { denied: true })
  t.equal(all.rules, 2)
  t.match(all.text, /b\.test/)
  t.match(all.text, /d\.test/)
  const mine = suggested(decisions, { denied: true, agent: 'local' })
  t.equal(mine.rules, 1)
  t.notMatch(mine.text, /d\.test/)
  t.equal(suggested([], { denied: true }).text, '')
})

test('many paths, or redacted ones, leave the path open, and the reason says so', async (t) => {
  const words = 'abcdefghijklmnopqrstuvwxyz'
    .split('')
    .map((letter) => decision({ path: `/${letter}` }))
  t.notMatch(suggested(words).text, /paths:/)
  const { text } = suggested([decision({ isPathRedacted: true, path: '/[redacted]' })])
  t.match(text, /redacted/)
  t.notMatch(text, /paths:/)
  await policyOf(text)
})

test('whatever was asked for, the suggestion loads and allows it', async (t) => {
  const segment = fc.oneof(
    fc.string(),
    fc.constantFrom('..', '.', '%2F', '***', 'a b', 'ä', '?', '"'),
  )
  const path = fc.array(segment, { maxLength: 5 }).map((all) => `/${all.join('/')}`)
  const host = fc.oneof(
    fc.domain(),
    fc.string(),
    fc.constantFrom('*', '!a.b', '::1', '192.0.2.1', '*.a.b'),
  )
  const method = fc.oneof(fc.constantFrom('GET', 'get', 'CONNECT', '__proto__'), fc.string())
  const one = fc.record({ path, host, method, agent: fc.oneof(fc.constant('local'), fc.string()) })
  await fc.assert(
    fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 8 }), async (asked) => {
      const decisions = asked.map(({ agent, host: to, method: by, path: at }) =>
        decision({ path: at, method: by }, to, agent),
      )
      const { text, rules } = suggested(decisions)
      if (rules > 0) await policyOf(text)
    }),
    { numRuns: 60 },
  )
  t.end()
})
