/** What a body says: judged once a decoder has read it, and refused wherever nobody can tell what it means. */
import { test } from 'tap'
import type { Content, Json } from '../../kernel/content.ts'
import type { Classification } from '../../kernel/policy.ts'
import { celLanguage } from '../../policy/cel.ts'
import { explain } from '../../policy/explain.ts'
import { Subject } from '../../policy/expression.ts'
import type { Wanted } from '../../policy/reading.ts'
import { policyOf, request, tunnel, withRules } from './facts.ts'

function content(body: Json, changes: Partial<Content> = {}): Content {
  return { decoder: 'json', body, facts: {}, model: null, ...changes }
}

/** Rules, decoder and refusals in short: `a b > json | inspection-required c`. */
function short({ rules, decoder, refusals }: Classification): string {
  const refused = refusals.map(({ code, id }) => `${code} ${id}`)
  const said = decoder === '' ? rules.join(' ') : `${rules.join(' ')} > ${decoder}`
  return [said.trim(), ...refused].filter(Boolean).join(' | ')
}

const json = '  - {id: a, effect: allow, decoder: json'

test('while nobody has read the body, mild rules that need it speak and stern ones wait', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    [`${json}}`, 'a > json'],
    [`${json}, when: body.a == 1}`, 'a > json'],
    [`${json}, when: facts.a == 1}`, 'a > json'],
    [`${json}, when: has(facts.a)}`, 'a > json'],
    [`${json}, when: request.path == "/x"}`, ''],
    [`${json}, when: request.path == "/x" && body.a == 1}`, ''],
    [`${json}, when: request.path == "/" || body.a == 1}`, 'a > json'],
    [`${json}, when: 'request.query.q == "1"'}`, '| validator-refused a'],
    [`${json}}\n  - {id: b, effect: warn, when: body.a == 1}`, 'a b > json'],
    [`${json}}\n  - {id: b, effect: queue, when: body.a == 1}`, 'a b > json'],
    [`${json}}\n  - {id: b, effect: deny, when: body.a == 1}`, 'a > json'],
    [`${json}}\n  - {id: b, effect: approve, when: body.a == 1}`, 'a b > json'],
    ['  - {id: b, effect: approve, decoder: json, when: body.a == 1}', 'b > json'],
    [`${json}}\n  - {id: b, effect: halt, when: body.a == 1}`, 'a > json'],
    [`${json}}\n  - {id: b, effect: deny, decoder: json}`, 'a > json'],
    [`${json}}\n  - {id: b, effect: deny}`, 'a b > json'],
    [`${json}}\n  - {id: b, effect: warn, decoder: mcp}`, 'a > json | inspection-required b'],
    [`${json}}\n  - {id: b, effect: deny, decoder: mcp}`, 'a > json | inspection-required b'],
    [`${json}}\n  - {id: b, effect: deny, decoder: mcp, paths: [/x]}`, 'a > json'],
    [`${json}}\n  - {id: b, effect: deny, decoder: mcp, state: draft}`, 'a > json'],
    ['  - {id: a, effect: allow, decoder: mcp, state: draft}', ''],
    ['  - {id: a, effect: allow, when: body.a == 1}', '| inspection-required a'],
    ['  - {id: a, effect: deny, when: facts.a == 1}', '| inspection-required a'],
    ['  - {id: a, effect: allow, when: body.a == 1, state: draft}', ''],
    ['  - {id: a, effect: allow, resource: body.a}', 'a | inspection-required a'],
    [`${json}, resource: body.a, charge: {risk: body.b}, context: {c: facts.c}}`, 'a > json'],
  ]
  for (const [rules, expected] of table) {
    const policy = await policyOf(withRules(rules))
    t.equal(short(policy.classify(request())), expected.replace(/^\| /, ''), rules)
    t.equal(short(policy.classify(request({ kind: 'websocket' }))), expected.replace(/^\| /, ''))
  }
})

test('once the body is read, every rule is judged by it, and by no other decoder’s', async (t) => {
  const read = content({ a: 1, b: 2.5 }, { facts: { tool: 'x', n: 3 } })
  const table: readonly (readonly [string, string])[] = [
    [`${json}}`, 'a'],
    [`${json}, when: body.a == 1}`, 'a'],
    [`${json}, when: body.a == 2}`, ''],
    [`${json}, when: body.z == 2}`, '| validator-refused a'],
    [`${json}, when: 'has(body.z) && body.z == 2'}`, ''],
    [`${json}, when: facts.tool == "x" && facts.n == 3}`, 'a'],
    [`${json}}\n  - {id: b, effect: deny, when: body.b > 2}`, 'a b'],
    [`${json}}\n  - {id: b, effect: halt, decoder: json, when: body.b * 2 == 5}`, 'a b'],
    [`${json}}\n  - {id: b, effect: deny, when: body.b < 2}`, 'a'],
    [`${json}}\n  - {id: b, effect: deny, when: body.a == 1, state: draft}`, 'a'],
    ['  - {id: a, effect: allow, decoder: mcp}', '| inspection-required a'],
    ['  - {id: a, effect: deny, decoder: mcp, when: body.a == 2}', '| inspection-required a'],
    ['  - {id: a, effect: deny, decoder: mcp, when: request.path == "/x"}', ''],
    [`${json}}\n  - {id: b, effect: warn, decoder: sql}`, 'a | inspection-required b'],
    [`${json}}\n  - {id: b, effect: warn, decoder: sql, state: draft}`, 'a'],
    ['  - {id: a, effect: allow, when: body.a == 1}', 'a'],
  ]
  for (const [rules, expected] of table) {
    const policy = await policyOf(withRules(rules))
    const found = policy.classify(request({ content: read }))
    t.equal(short(found), expected.replace(/^\| /, ''), rules)
  }
  const drafted = await policyOf(
    withRules(`${json}}\n  - {id: b, effect: deny, when: body.a == 1, state: draft}`),
  )
  t.same(drafted.classify(request({ content: read })).drafts, ['b'])
  t.same(drafted.classify(request()).drafts, [], 'and not before')
})

test('a budget that needs the body counts once it is read', async (t) => {
  const budgets =
    'budgets: [{id: b, scope: run, limits: {requests: 1}, when: body.a == 1}, {id: c, scope: run, limits: {requests: 1}, when: body.a == 2, state: draft}]'
  const policy = await policyOf(withRules(`${json}}`, budgets))
  t.same(policy.classify(request()).budgets, [])
  t.same(policy.classify(request({ content: content({ a: 1 }) })).budgets, ['b'])
  t.same(policy.classify(request({ content: content({ a: 2 }) })).budgets, ['c'])
  const unread = await policyOf(withRules('  - {id: a, effect: allow}', budgets))
  t.equal(short(unread.classify(request())), 'a | inspection-required b')
})

test('resources, facts and charges come from the body', async (t) => {
  const policy = await policyOf(
    withRules(
      `${json}, resource: '"res_security:" + body.symbol', context: {value: "body.qty * body.price", ok: body.ok}, charge: {risk: body.qty, spend: 'double(facts.n) / 2.0'}}`,
    ),
  )
  const body = { symbol: 'ACME', qty: 3, price: 2.5, ok: true }
  const whole = policy.classify(
    request({ content: content({ ...body, price: 2 }, { facts: { n: 5 } }) }),
  )
  t.same(whole.refusals, [])
  t.same([whole.resource, whole.context], ['res_security:ACME', { value: 6, ok: true }])
  t.same(whole.charge, { risk: 3, spend: 3 })
  const broken = policy.classify(request({ content: content(body, { facts: { n: 5 } }) }))
  t.same(
    broken.refusals.map(({ code }) => code),
    ['validator-refused'],
    'a fact is a whole number',
  )
})

const language = celLanguage()

function result(text: string, body: Json, wanted: Wanted = 'bool'): unknown {
  const compiled = language.compile(text, wanted)
  if (!('evaluate' in compiled)) return compiled
  const outcome = compiled.evaluate(new Subject(request({ content: content(body) })))
  return outcome.ok ? outcome.value : outcome.message
}

test('a body is what JSON says, whatever its names are', (t) => {
  const bare = Object.assign(Object.create(null), { constructor: 'c', a: Object.create(null) })
  const table: readonly (readonly [string, Json, unknown])[] = [
    ['body == null', null, true],
    ['body == "x"', 'x', true],
    ['body[0] == 1 && size(body) == 2', [1, 'b'], true],
    ['body.a.b.c[1].d == "e"', { a: { b: { c: [0, { d: 'e' }] } } }, true],
    ['body.constructor == "c" && size(body.a) == 0', bare, true],
    ['has(body.toString)', {}, false],
    ['"a" in body && !("b" in body)', { a: null }, true],
    ['body.a == null', { a: null }, true],
    ['body.n == 1 && body.n < 2 && body.n + 1 == 2.0', { n: 1 }, true],
    ['body.list.exists(x, x.n > 1)', { list: [{ n: 1 }, { n: 2 }] }, true],
    ['body.list.all(x, x in body.list)', { list: [1, 'a', null, true] }, true],
    ['body.all(name, name.startsWith("x"))', { x1: 1, x2: 2 }, true],
    ['type(body.n) == double', { n: 1 }, true],
    ['body.a', { a: true }, true],
    ['body.a', { a: 1 }, 'its result is neither true nor false.'],
  ]
  for (const [text, body, expected] of table) t.equal(result(text, body), expected, text)
  t.end()
})

test('a body that is too large to judge by is not judged in part, nor at length', (t) => {
  const failure = 'it cannot be evaluated for this request.'
  let deep: Json = 1
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep]
  const many = Array.from({ length: 4_000 }, (_, index) => index)
  const long = 'ab'.repeat(500_000)
  const table: readonly (readonly [string, string, Json, unknown])[] = [
    ['deep', 'body != null', deep, failure],
    ['elements', 'body.size() > 0', new Array<Json>(5_000).fill(0), failure],
    [
      'members',
      'body.size() > 0',
      Object.fromEntries(many.concat(many.map((n) => n + 4_000)).map((n) => [`k${n}`, 1])),
      failure,
    ],
    ['values', 'body.size() > 0', many.map(() => new Array<Json>(100).fill(0)), failure],
    ['characters', 'body.size() > 0', many.map(() => 'x'.repeat(2_000)), failure],
    ['a long text', 'body.text.contains("c")', { text: long }, false],
    ['each with each', 'body.list.all(x, x in body.list)', { list: many }, failure],
    [
      'each with a text',
      'body.list.all(x, !body.text.contains("c"))',
      { list: many, text: long },
      failure,
    ],
    [
      'each with a pattern',
      'body.list.exists(x, body.text.matches("(a|b)*c"))',
      { list: many, text: long },
      failure,
    ],
    ['split', 'body.text.split("").all(c, c != "c")', { text: long }, failure],
    [
      'split within',
      'body.list.all(x, body.text.split("b").size() > 0)',
      { list: many, text: 'ab'.repeat(100) },
      failure,
    ],
    ['one pattern', 'body.text.matches("(a|b)*c")', { text: long }, false],
    ['few with each', 'body.list.all(x, x in body.list)', { list: many.slice(0, 300) }, true],
  ]
  for (const [what, text, body, expected] of table) {
    const begun = performance.now()
    t.equal(result(text, body), expected, what)
    t.ok(performance.now() - begun < 5_000, `${what}, in time`)
  }
  t.end()
})

test('an explanation says what waits for the body, and what was read', async (t) => {
  const rules = `${json}}
  - {id: b, effect: deny, when: body.a == 1}
  - {id: c, effect: deny, decoder: sql, paths: [/x]}
  - {id: d, effect: warn, when: body.a == 1}`
  const policy = await policyOf(withRules(rules))
  const said = (facts: ReturnType<typeof request>): unknown =>
    explain(policy, facts).rules.map(({ id, matched, why }) => [id, matched, why])
  t.same(said(request()), [
    ['a', 'unknown', 'It depends on the body, which the decoder json reads.'],
    ['b', 'unknown', 'It depends on the body.'],
    ['c', 'no', 'It is not for the path /.'],
    ['d', 'unknown', 'It depends on the body.'],
  ])
  t.same(said(request({ path: '/x', content: content({ a: 2 }) })), [
    ['a', 'yes', ''],
    ['b', 'no', 'Its condition is not met.'],
    ['c', 'unknown', 'It needs the decoder sql.'],
    ['d', 'no', 'Its condition is not met.'],
  ])
  t.equal(explain(policy, tunnel()).verdict, 'deny')
})
