/** Expressions: what they read, what is found at load, and that a failing one refuses. */
import { test } from 'tap'
import { celLanguage } from '../../policy/cel.ts'
import { Subject } from '../../policy/expression.ts'
import type { Wanted } from '../../policy/reading.ts'
import { local, policyOf, request, withRules } from './facts.ts'

const language = celLanguage()

const facts = request({
  principal: { ...local, project: 'p' },
  method: 'POST',
  host: 'api.example.com',
  path: '/v1/x/y',
  query: 'a=1&b=x%20y&constructor=c',
  headers: { 'content-type': 'application/json' },
})

/** The value of an expression, its faults as `OFFSET message`, or why it has no value. */
function result(text: string, wanted: Wanted = 'bool', subject = new Subject(facts)): unknown {
  const compiled = language.compile(text, wanted)
  if (!('evaluate' in compiled)) {
    return compiled.map(({ offset, message }) => `${offset} ${message}`).join('; ')
  }
  const outcome = compiled.evaluate(subject)
  return outcome.ok ? outcome.value : outcome.message
}

const unevaluated = 'it cannot be evaluated for this request.'

test('expressions read the request, the agent and the run', (t) => {
  const table: readonly (readonly [string, unknown])[] = [
    ['request.method == "POST" && request.scheme == "http"', true],
    ['request.host.endsWith(".example.com")', true],
    ['request.host.lowerAscii().startsWith("api.")', true],
    ['request.port == 80', true],
    ['request.port * 2 > 100', true],
    ['request.port * 1.5 == 120.0', true],
    ['2.5 - request.port < 0', true],
    ['request.path.split("/").size() == 4', true],
    ['request.path.matches("^/v1/(x|z)/")', true],
    ['request["path"] == "/v1/x/y"', true],
    ['request.query.a == "1"', true],
    ['request.query["b"] == "x y"', true],
    ['request.query.constructor == "c"', true],
    ['has(request.query.missing)', false],
    ['has(request.headers.constructor)', false],
    ['"content-type" in request.headers', true],
    ['request.headers["content-type"].contains("json")', true],
    ['request.headers.exists(name, name.startsWith("content-"))', true],
    ['request.query.all(name, size(name) < 20)', true],
    ['[1, 2, 3].filter(x, x > 1).map(x, x * 2) == [4, 6]', true],
    ['agent.name == "local" && agent.tenant == "" && agent.project == "p"', true],
    ['run.name in ["default", "other"]', true],
    ['int(request.query.a) + 1 == 2', true],
    ['{"a": 1}.a == 1 ? true : false', true],
    ['timestamp("2020-01-01T00:00:00Z") < timestamp("2021-01-01T00:00:00Z")', true],
    ['type(request.port) == int', true],
    ['request.method == "POST" || body.x > 1', true],
  ]
  for (const [text, expected] of table) t.equal(result(text), expected, text)
  t.end()
})

test('what can never be right is found before anything is evaluated', (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['request.port == "443"', '13 `==` cannot be used on int and string'],
    ['request.method > 3', '15 `>` cannot be used on string and int'],
    ['agent.tenant == null', '13 `==` cannot be used on string and null_type'],
    ['"a" + 1 == "a1"', '4 `+` cannot be used on string and int'],
    ['3 in ["a"]', '2 `in` cannot be used on int and list'],
    ['request.method in "POST"', '15 `in` cannot be used on string and string'],
    ['["a"].exists(x, x > 1)', '18 `>` cannot be used on string and int'],
    ['!request.host', '0 bool is needed here, not string'],
    ['request.host && true', '13 bool is needed here, not string'],
    ['1 ? true : false', '0 bool is needed here, not int'],
    ['request.path', '0 the result is string, where bool is needed'],
    ['reqest.host == "x"', '0 unknown variable `reqest`; did you mean "request"?'],
    [
      '[1].exists(request, .request.path == "/")',
      '4 `request` is taken: name the variable of this macro otherwise',
    ],
    ['request.hots == "x"', '7 `request` has no member `hots`; did you mean "host"?'],
    ['request.constructor == 1', '7 `request` has no member `constructor`'],
    ['agent.labels == 1', '5 `agent` has no member `labels`'],
    ['request.host.port == 1', '12 string has no members'],
    ['request.host[0] == "x"', '12 string has no elements'],
    ['request[agent.name] == ""', '7 `request` is read by its members'],
    ['[request][0].path == ""', '1 `request` is read by its members'],
    ['[agent].exists(a, a.name == "x")', '1 `agent` is read by its members'],
    ['request.host.exists(x, true)', '19 string is neither list nor map'],
    ['foo(1)', '0 unknown function `foo`'],
    ['request.host.foo()', '12 unknown function `foo`'],
    ['request.host.replace("a", "b") == ""', '12 unknown function `replace`'],
    ['Foo{a: 1} == 1', '0 there is no message `Foo`'],
    ['request.path.matches("(")', '20 no valid RE2 pattern'],
    ['request.path.matches(request.host)', '20 `matches` takes a pattern in quotes'],
    ['request.path.matches("(a{1000}){1000}")', '20 no valid RE2 pattern'],
    ['request.path.matches("(?=a)")', '20 no valid RE2 pattern'],
    ['a &&', '2 no valid CEL at "&"'],
    [' ', '1 no valid CEL at its end'],
  ]
  for (const [text, expected] of table) {
    const said = String(result(text))
    t.equal(said.replace(/^\d+/, ''), expected.replace(/^\d+/, ''), text)
  }
  t.equal(
    result('request.port == "443"'),
    '13 `==` cannot be used on int and string',
    'with its place',
  )
  t.equal(
    result('request.host', 'amount'),
    '0 the result is string, where int or uint or double is needed',
  )
  t.equal(
    result('[1]', 'fact'),
    '0 the result is list, where string or bool or int or uint or double is needed',
  )
  t.end()
})

test('an expression that would cost too much is refused before it is evaluated', (t) => {
  const deep = 'the expression is nested too deep'
  const table: readonly (readonly [string, RegExp | boolean])[] = [
    [`${'('.repeat(500)}true${')'.repeat(500)}`, /nested too deep/],
    [`${'['.repeat(40)}1${']'.repeat(40)} == []`, /nested too deep/],
    [`${'{1:'.repeat(40)}1${'}'.repeat(40)} == {}`, /nested too deep/],
    [`1${'+1'.repeat(500)} == 1`, /nested too deep/],
    [`${'true?true:'.repeat(150)}true`, /nested too deep/],
    [`"${'a'.repeat(3_000)}" == ""`, /longer than 2048 characters/],
    ['[1].exists(x, [2].exists(y, x == y))', /cannot stand inside each other/],
    ['"((((((((((((((((((((((((((((((((((((((((((((" != ""', true],
    [Array.from({ length: 60 }, (_, i) => `request.host != "h${i}"`).join(' && '), true],
  ]
  for (const [text, expected] of table) {
    const said = result(text)
    if (typeof expected === 'boolean') t.equal(said, expected, text.slice(0, 40))
    else t.match(said, expected, `${text.slice(0, 40)}: ${deep}`)
  }
  t.end()
})

test('an expression that fails has no value, and its message none of the request’s', (t) => {
  const secret = 'sk-0123456789'
  const subject = new Subject(request({ headers: { authorization: secret }, query: secret }))
  const table: readonly (readonly [string, Wanted, string])[] = [
    ['request.query.zz == "1"', 'bool', unevaluated],
    ['request.headers.zz == "1"', 'bool', unevaluated],
    ['int(request.headers.authorization) > 0', 'bool', unevaluated],
    ['1 / 0 == 1', 'bool', unevaluated],
    ['facts.a == 1', 'bool', unevaluated],
    ['body.a == 1', 'bool', unevaluated],
    ['has(body.a)', 'bool', unevaluated],
    ['[true, 1][1]', 'bool', 'its result is neither true nor false.'],
    ['-1', 'amount', 'its result is no amount.'],
    ['double("NaN")', 'amount', 'its result is no amount.'],
    ['1.5', 'fact', 'its result is no text, whole number or truth value, or too long.'],
    ['request.query.map(x, x)[0]', 'fact', secret],
  ]
  for (const [text, wanted, expected] of table)
    t.equal(result(text, wanted, subject), expected, text)
  const long = new Subject(request({ query: `a=${'x'.repeat(1_001)}` }))
  t.match(result('request.query.a', 'text', long), /its result is no text, or too long/)
  t.end()
})

test('a request that is too large to judge by is not judged in part', (t) => {
  const many = Array.from({ length: 300 }, (_, index) => `a${index}=1`).join('&')
  const subjects: readonly (readonly [string, Subject])[] = [
    ['request.query.a0 == "1"', new Subject(request({ query: many }))],
    ['request.query.a == "1"', new Subject(request({ query: `a=1&b=${'x'.repeat(20_000)}` }))],
    ['request.path != "/"', new Subject(request({ path: `/${'x'.repeat(20_000)}` }))],
    [
      'request.headers.a == "1"',
      new Subject(request({ headers: { a: '1', b: 'x'.repeat(20_000) } })),
    ],
  ]
  for (const [text, subject] of subjects) {
    t.equal(result(text, 'bool', subject), unevaluated, text)
    t.equal(
      result('request.host == "example.com"', 'bool', subject),
      true,
      'what is small is judged',
    )
  }
  t.end()
})

test('hostile texts are matched in linear time', (t) => {
  const subject = new Subject(request({ path: `/${'a'.repeat(16_000)}!` }))
  const begun = performance.now()
  t.equal(result('request.path.matches("^/(a+)+$")', 'bool', subject), false)
  t.equal(result('request.path.split("").all(c, c != "b")', 'bool', subject), true)
  t.ok(performance.now() - begun < 5_000, 'in time')
  t.end()
})

test('a condition that fails refuses, whatever its rule’s effect; a draft’s does not', async (t) => {
  for (const effect of ['allow', 'deny', 'halt']) {
    const failing = withRules(`  - {id: open, effect: allow}
  - {id: a, effect: ${effect}, when: 'request.query.a == "1"'}`)
    const { rules, refusals } = (await policyOf(failing)).classify(request({ query: 'b=secret' }))
    t.same(rules, ['open'])
    t.same(refusals, [
      { code: 'validator-refused', id: 'a', message: `\`when\` of a: ${unevaluated}` },
    ])
  }
  const draft = withRules(`  - {id: a, state: draft, effect: deny, when: 'request.query.a == "1"'}`)
  t.same((await policyOf(draft)).classify(request()).refusals, [])
  const body = await policyOf(withRules('  - {id: a, effect: allow, when: body.a == 1}'))
  const { refusals } = body.classify(request())
  t.same(refusals, [
    {
      code: 'inspection-required',
      id: 'a',
      message: '`when` of a reads the body, and no rule says which decoder reads it.',
    },
  ])
  const budget = await policyOf(
    withRules(
      '  - {id: a, effect: allow}',
      `budgets: [{id: b, scope: run, limits: {requests: 1}, when: 'request.query.a == "1"'}]`,
    ),
  )
  t.equal(budget.classify(request()).refusals[0]?.id, 'b', 'a budget’s condition too')
})

test('charges, facts and resources are computed, and money is rounded up', async (t) => {
  const policy = await policyOf(
    withRules(`  - id: a
    effect: allow
    resource: '"res_page:" + request.path'
    context: { big: 'request.port > 10', port: request.port, whole: '2.0', name: agent.name }
    charge: { risk: 'size(request.path) * 2', cost_usd: 'request.port * 0.0000000000137', effort: 0, tokens: 1.5k, spend: 'request.port * 0.01' }`),
  )
  const { resource, context, charge, refusals } = policy.classify(request({ path: '/abc' }))
  t.equal(resource, 'res_page:/abc')
  t.same(context, { big: true, port: 80, whole: 2, name: 'local' })
  t.same(charge, { risk: 8, cost_usd: 2, effort: 0, tokens: 1_500, spend: 1 })
  t.same(refusals, [])
  const wrong = await policyOf(
    withRules(`  - id: a
    effect: allow
    charge: { cost_usd: '9007200 * 1', risk: '0 - request.port', tokens: '9007199254740992 + 1' }`),
  )
  const codes = wrong.classify(request()).refusals.map(({ code }) => code)
  t.same(codes, ['validator-refused', 'validator-refused', 'validator-refused'])
})
