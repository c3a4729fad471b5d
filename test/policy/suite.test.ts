/** Cases of a suite: what they may say, what is told of a mistake, and how answers are compared. */
import fc from 'fast-check'
import { test } from 'tap'
import { coverageOf } from '../../policy/coverage.ts'
import { formatProblem } from '../../policy/problem.ts'
import { readSuite, type SuiteCase } from '../../policy/suite.ts'
import { answerTo, misses } from '../../policy/suite-run.ts'
import { policyOf, request, withRules } from './facts.ts'
import '../kernel/seed.ts'

function problemsOf(text: string): readonly string[] {
  const suite = readSuite({ name: 'cases.yaml', text })
  return 'problems' in suite ? suite.problems.map(formatProblem) : []
}

const good = `policy: ../policies.yaml
cases:
  - name: one
    agent: local
    method: get
    url: http://a.test/
    headers: { X-Kind: b }
    body: { a: [1, "2"] }
    at: 2026-11-23T14:30:00Z
    expect: deny
    rules: [no]
    reason: rule-denied
`

test('a suite is read as it stands', (t) => {
  const suite = readSuite({ name: 'cases.yaml', text: good })
  if ('problems' in suite) throw new Error(problemsOf(good).join('\n'))
  t.equal(suite.policy, '../policies.yaml')
  t.match(suite.cases[0], {
    ...{ name: 'one', method: 'GET', headers: { 'x-kind': 'b' }, body: '{"a":[1,"2"]}' },
    ...{ at: Date.UTC(2026, 10, 23, 14, 30), expect: 'deny', rules: ['no'], reason: 'rule-denied' },
    ...{ line: 3 },
  })
  t.end()
})

test('each mistake in a suite is told with its place', (t) => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['7\n', /1:1: a suite is a map/],
    ['- a\n', /1:3: a case is a map/],
    ['policy: a\n', /`cases` is a list of at least one case/],
    [good.replace('expect: deny', 'expect: perhaps'), /10:5: `expect` is one of allow, warn/],
    [
      good.replace('agent: local', 'agnet: local'),
      /4:5: `agnet` is no key here; did you mean "agent"/,
    ],
    [good.replace('url: http://a.test/', 'url: 7'), /6:5: `url` is a text, and needed/],
    [good.replace('{ X-Kind: b }', '{ X-Kind: [b] }'), /7:5: `headers` is a map of texts/],
    [good.replace('2026-11-23T14:30:00Z', 'tomorrow'), /9:5: `at` is an instant/],
    [good.replace('rules: [no]', 'rules: no'), /11:5: `rules` is a list of ids/],
    [good.replace('cases:', 'casses:'), /2:1: `casses` is no key here; did you mean "cases"/],
    [`${good}    proof: 7\n`, /13:5: `proof` is a map/],
    [`${good}    proof: { kind: consent, issuer: x }\n`, /13:5: `subject` is a text, and needed/],
    [`${good}  - 7\n`, /13:5: a case is a map/],
  ]
  for (const [text, pattern] of table) t.match(problemsOf(text).join('\n'), pattern, pattern.source)
  t.end()
})

test('no text ends the reader', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      for (const whole of [text, `cases: [${text}]`]) readSuite({ name: 'cases.yaml', text: whole })
    }),
  )
  t.end()
})

const rules = `  - {id: open, hosts: [a.test], charge: {risk: 1}, effect: allow}
  - {id: no-x, hosts: [a.test], paths: ["/x"], ports: [80], effect: deny}
  - {id: ask, hosts: [b.test], effect: approve}
  - {id: idea, state: draft, hosts: [a.test], effect: deny}
  - {id: never, hosts: [c.test], effect: allow}`

test('the answer is the one that rules and untouched budgets give', async (t) => {
  const budgets = 'budgets: [{id: low, hosts: [c.test], scope: run, limits: {requests: 0}}]'
  const policy = await policyOf(withRules(rules, budgets))
  const when = { at: 1, proofs: [], unread: null }
  const said = (path: string, host = 'a.test') => answerTo(policy, request({ host, path }), when)
  t.same(said('/'), { verdict: 'allow', rules: ['open'], drafts: ['idea'], reasons: [] })
  t.match(said('/x'), {
    verdict: 'deny',
    rules: ['open', 'no-x'],
    reasons: ['rule-denied', 'no-x'],
  })
  t.match(said('/', 'b.test'), { verdict: 'approve', reasons: ['approval-required', 'ask'] })
  t.match(said('/', 'c.test'), { verdict: 'deny', reasons: ['budget-exhausted', 'low'] })
  t.match(said('/', 'd.test'), { verdict: 'deny', rules: [], reasons: ['no-rule'] })
  const unread = { code: 'body-unreadable', id: '', message: '' } as never
  t.match(answerTo(policy, request({ host: 'a.test' }), { at: 1, proofs: [], unread }), {
    verdict: 'deny',
  })
})

test('a case passes where verdict, rules and reason are those that it expects, and no other way', (t) => {
  const answered = {
    verdict: 'deny',
    rules: ['a', 'b'],
    drafts: [],
    reasons: ['rule-denied', 'b'],
  } as const
  const expecting = (more: Partial<SuiteCase>): SuiteCase => ({
    ...{
      name: 'x',
      agent: 'local',
      method: 'GET',
      url: '',
      headers: {},
      body: null,
      at: null,
      proofs: [],
    },
    ...{ expect: 'deny', rules: null, reason: '', line: 1, column: 1 },
    ...more,
  })
  const table: readonly (readonly [Partial<SuiteCase>, number])[] = [
    [{}, 0],
    [{ rules: ['b', 'a'], reason: 'b' }, 0],
    [{ expect: 'allow' }, 1],
    [{ rules: ['a'] }, 1],
    [{ rules: ['a', 'c'] }, 1],
    [{ rules: [] }, 1],
    [{ reason: 'no-rule' }, 1],
    [{ expect: 'halt', rules: [], reason: 'no-rule' }, 3],
  ]
  for (const [more, count] of table) {
    t.equal(misses(expecting(more), answered).length, count, JSON.stringify(more))
  }
  t.end()
})

test('coverage counts the rules that some case reached, drafts among them', async (t) => {
  const policy = await policyOf(withRules(rules))
  t.same(coverageOf(policy, new Set(['open', 'idea', 'gone'])), {
    ...{ rules: 5, reached: 2, percent: 40, missed: ['no-x', 'ask', 'never'] },
  })
  t.equal(coverageOf(await policyOf('version: 1\n'), new Set()).percent, 100)
})
