/** The decoder of GraphQL: the operation that runs is the one that is judged. */
import { test } from 'tap'
import { levelsMax } from '../../../kernel/decoders/graphql-document.ts'
import { graphQlTokens, tokensMax } from '../../../kernel/decoders/graphql-text.ts'
import { decoded, factsOr, json, request, stepsOf } from './request.ts'

const facts = (kind: string, name: string, fields: string): unknown => ({
  graphql_operation: name,
  graphql_type: kind,
  graphql_fields: fields,
})

const documents: readonly (readonly [query: string, facts: unknown])[] = [
  ['{ me { id } }', facts('query', '', 'me')],
  ['query Q { me, you }', facts('query', 'Q', 'me,you')],
  [
    '\uFEFFmutation M($id: ID! = "}{") @live { a: remove(id: $id) @x(y: "}") { ok } add }',
    facts('mutation', 'M', 'add,remove'),
  ],
  ['subscription { news(in: {list: [1, -2.5e3]}) }', facts('subscription', '', 'news')],
  [
    'query { ...F @skip(if: true) ... on Query { b } ... @include(if: $x) { c } ... { d } } fragment F on Query @y { a ...G } fragment G on Query { e ...F }',
    facts('query', '', 'a,b,c,d,e'),
  ],
  ['{ a(text: """ } mutation { \\""" """) # } comment\n b }', facts('query', '', 'a,b')],
  ['{ a(text: "\\"} mutation {") }', facts('query', '', 'a')],
  ['{ a(text: "") b(t: """""") }', facts('query', '', 'a,b')],
  ['{ ... { ...F } } fragment F on Q { x }', facts('query', '', 'x')],
  ['fragment F on Q { x } { ...F }', facts('query', '', 'x')],
  ['{ query mutation on: fragment }', facts('query', '', 'fragment,mutation,query')],
  ['', 'validator-refused'],
  ['query A { a } query B { b }', 'validator-refused'],
  ['query A { a } query A { b }', 'validator-refused'],
  ['{ a } query B { b }', 'validator-refused'],
  ['{ ...Missing }', 'validator-refused'],
  ['fragment F on Q { x }', 'validator-refused'],
  ['fragment F on Q { x } fragment F on Q { y } { a }', 'malformed-request'],
  ['type Query { a: Int }', 'malformed-request'],
  ['{ a', 'malformed-request'],
  ['{ a } }', 'malformed-request'],
  ['{ a(b: [1}) }', 'malformed-request'],
  ['{ a(b: 1 }', 'malformed-request'],
  ['{ a: }', 'malformed-request'],
  ['{ a @ }', 'malformed-request'],
  ['{ ... on }', 'malformed-request'],
  ['{ ... on T }', 'malformed-request'],
  ['fragment F in T { a } { a }', 'malformed-request'],
  ['query', 'malformed-request'],
  ['{ a(b: "x\n") }', 'malformed-request'],
  ['{ a(b: "x', 'malformed-request'],
  ['{ a(b: """x) }', 'malformed-request'],
  ['{ a % b }', 'malformed-request'],
  ['"a description" { a }', 'malformed-request'],
  ['...', 'malformed-request'],
]

test('a document is read as the specification reads it, or not at all', async (t) => {
  for (const [query, expected] of documents) {
    t.same(factsOr('graphql', request({ body: json({ query }) })), expected, query)
    const raw = request({ contentType: 'application/graphql', text: query })
    t.same(factsOr('graphql', raw), expected, query)
  }
})

const two = 'query A { a } mutation B { b }'

const bodies: readonly (readonly [value: unknown, facts: unknown])[] = [
  [{ query: two, operationName: 'B' }, facts('mutation', 'B', 'b')],
  [{ query: two, operationName: 'A', variables: {} }, facts('query', 'A', 'a')],
  [{ query: '{a}', operationName: null, variables: null }, facts('query', '', 'a')],
  [{ query: two, operationName: 'C' }, 'validator-refused'],
  [{ query: two, operationName: '' }, 'validator-refused'],
  [{ query: 'query A {a}', operationName: 'B' }, 'validator-refused'],
  [{ query: '{a}', operationName: 1 }, 'validator-refused'],
  [{ query: '{a}', variables: [] }, 'validator-refused'],
  [{ query: '{a}', Query: 'mutation {b}' }, 'validator-refused'],
  [{ query: '{a}', extensions: { persistedQuery: { sha256Hash: 'x' } } }, 'validator-refused'],
  [{ query: '{a}', extensions: { trace: true } }, facts('query', '', 'a')],
  [{ query: '{a}', documentId: 'x' }, 'validator-refused'],
  [{ extensions: { persistedQuery: { sha256Hash: 'x' } } }, 'validator-refused'],
  [{ id: 'x' }, 'validator-refused'],
  [[{ query: '{a}' }], 'validator-refused'],
]

test('a body names one operation of a whole document', async (t) => {
  for (const [value, expected] of bodies) {
    t.same(factsOr('graphql', request({ body: json(value) })), expected, JSON.stringify(value))
  }
  t.equal(
    factsOr('graphql', request({ text: '{"query":"{a}","query":"{b}"}' })),
    'malformed-request',
  )
  const latin = request({ contentType: 'application/graphql', body: new Uint8Array([0xff]) })
  t.equal(factsOr('graphql', latin), 'malformed-request')
})

const queries: readonly (readonly [method: string, query: string, text: string, facts: unknown])[] =
  [
    ['GET', 'query=%7Ba%7D&variables=%7B%22x%22%3A1%7D', '', facts('query', '', 'a')],
    ['GET', 'query={a}&variables=&operationName', '', facts('query', '', 'a')],
    ['GET', 'query={a}&variables=[1]', '', 'validator-refused'],
    ['GET', 'query={a}&variables={', '', 'malformed-request'],
    ['GET', 'query={a}&extensions=x', '', 'malformed-request'],
    ['GET', 'query={a}&query={b}', '', 'malformed-request'],
    ['GET', 'query={a}', '{}', 'validator-refused'],
    ['GET', 'id=5', '', 'validator-refused'],
    ['POST', 'query={b}', '{"query":"{a}"}', 'validator-refused'],
    ['POST', 'doc_id=1', '{"query":"{a}"}', 'validator-refused'],
    ['POST', 'a=1&a=2', '{"query":"{a}"}', 'malformed-request'],
    ['POST', 'trace=1', '{"query":"{a}"}', facts('query', '', 'a')],
    ['PUT', '', '{"query":"{a}"}', 'validator-refused'],
  ]

test('a query string and a body never say two things', async (t) => {
  for (const [method, query, text, expected] of queries) {
    t.same(factsOr('graphql', request({ method, query, text })), expected, `${method} ${query}`)
  }
  const content = decoded(
    'graphql',
    request({ method: 'GET', query: 'query={a}&variables={"x":1}' }),
  )
  t.match(content, { body: { query: '{a}', variables: { x: 1 } } })
  t.equal(Object.getPrototypeOf(Object(content).body), null)
})

test('documents have limits, and are walked over once', async (t) => {
  const nested = (levels: number): string => `{a${'{a'.repeat(levels)}${'}'.repeat(levels)}}`
  const inline = (levels: number): string => `${'{...'.repeat(levels)}{a}${'}'.repeat(levels)}`
  const read = (query: string): unknown => factsOr('graphql', request({ body: json({ query }) }))
  t.same(read(nested(levelsMax)), facts('query', '', 'a'))
  t.equal(read(nested(levelsMax + 1)), 'malformed-request')
  t.same(read(inline(levelsMax)), facts('query', '', 'a'))
  t.equal(read(inline(levelsMax + 1)), 'malformed-request')
  t.equal(typeof graphQlTokens('a '.repeat(tokensMax + 1)), 'string')
  for (const shape of ['{', '"""\\"""', '#\n', 'a{b}', '...', '{...a ', ',']) {
    const steps = [2000, 4000].map((size) => {
      const query = shape.repeat(size)
      return stepsOf(() => graphQlTokens(query))
    })
    const [less = 0, more = 0] = steps
    t.ok(more <= 2.2 * less + 100, `${shape}: ${less} and ${more} steps`)
    t.ok(typeof read(shape.repeat(100_000)) === 'string', shape)
  }
})
