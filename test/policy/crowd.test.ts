/** A policy under which more may speak about one request than an entry can hold is refused when it is loaded. */
import { test } from 'tap'
import { policyOf, request, spoken, withRules } from './facts.ts'

type Make = (index: number) => string

const rules = (count: number, make: Make): string => {
  return withRules(
    Array.from({ length: count }, (_, index) => `  - {id: r${index}, ${make(index)}}`).join('\n'),
  )
}

const budgets = (count: number, fields: string): string => {
  const list = Array.from({ length: count }, (_, index) => {
    return `  - {id: b${index}, scope: run, limits: {requests: 1}${fields}}`
  })
  return withRules('  - {id: a, effect: allow}', `budgets:\n${list.join('\n')}`)
}

test('more than a hundred rules or budgets that nothing narrows are a problem, with its line', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    [rules(101, () => 'effect: warn'), 'p:107:10: more than 100 rules speak about every request'],
    [
      rules(101, () => 'effect: deny, hosts: [a.test]'),
      'p:107:10: more than 100 rules speak about a request to a.test',
    ],
    [
      rules(101, (index) => `effect: deny, hosts: [${index < 60 ? '"*.b.test"' : 'a.b.test'}]`),
      'p:107:10: more than 100 rules speak about a request to a.b.test',
    ],
    [
      rules(101, () => 'effect: deny, hosts: ["*.b.test"]'),
      'p:107:10: more than 100 rules speak about a request to *.b.test',
    ],
    [rules(101, (index) => (index < 50 ? 'effect: deny' : 'effect: warn')), 'p:107:10: '],
    [rules(101, () => 'effect: deny, state: draft'), 'p:107:10: more than 100 draft rules speak'],
    [budgets(101, ''), 'p:109:10: more than 100 budgets speak about every request'],
    [
      budgets(101, ', hosts: [a.test, b.test], ports: [80, 81]'),
      'p:109:10: more than 100 budgets speak about a request to a.test',
    ],
  ]
  for (const [text, expected] of table) {
    const said = await spoken(text)
    const [first = ''] = said
    t.equal(said.length, 1, first)
    t.ok(first.replace(/^policies\.yaml/, 'p').startsWith(expected), `${first} / ${expected}`)
  }
})

test('a hundred may speak, and any number of which not all can speak at once', async (t) => {
  const table: readonly string[] = [
    rules(100, () => 'effect: warn'),
    rules(300, (index) => `effect: deny, hosts: [h${index}.test]`),
    rules(300, (index) => `effect: deny, ports: [${index + 1}]`),
    rules(300, (index) => `effect: ${index < 100 ? 'warn' : 'deny'}, methods: [M${index}]`),
    rules(300, (index) => `effect: deny, paths: [/${index}]`),
    rules(300, () => 'effect: deny, agents: [local]'),
    rules(300, () => 'effect: deny, state: disabled'),
    rules(150, (index) => `effect: warn, state: ${index < 75 ? 'active' : 'draft'}`),
    rules(
      150,
      (index) => `effect: deny, hosts: ["*", "!${index < 75 ? 'a' : 'b'}.test"]`,
    ).replaceAll('"*"', 'a.test, b.test'),
    budgets(100, ''),
    budgets(300, ', methods: [POST]'),
  ]
  for (const text of table) t.ok(await policyOf(text), text.slice(0, 160))
  const { rules: found } = (await policyOf(table[0] ?? '')).classify(request())
  t.equal(found.length, 100)
})
