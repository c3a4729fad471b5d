/** Makes bodies in the formats that decoders read beside model calls: forms, GraphQL, JSON-RPC, MCP, SQL, vector stores. */
import fc from 'fast-check'
import { jsonString, jsonText, objectText } from './json-text.ts'

const formPart = fc.constantFrom(
  'a',
  'b',
  'query',
  '%41',
  'a+b',
  '%C3%A9',
  '',
  'sql',
  '__proto__',
  '%',
  '%ff',
)

export const formText: fc.Arbitrary<string> = fc
  .array(fc.tuple(formPart, fc.constantFrom('=', '=', '=', ''), formPart), { maxLength: 5 })
  .map((pairs) => pairs.map((pair) => pair.join('')).join('&'))

const graphQlName = fc.constantFrom(
  'a',
  'b',
  'user',
  'Get',
  '__typename',
  'on',
  'limit',
  'query',
  'fragment',
)

const graphQlValue = fc.constantFrom(
  '1',
  '-1.5e3',
  '"s"',
  '"a\\"b"',
  '"""block \\""" }"""',
  '$v',
  '[1, 2]',
  '{k: 1}',
  'ENUM',
  'true',
)

const given = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.tuple(graphQlName, graphQlValue).map(([name, value]) => `(${name}: ${value}, limit: 3)`),
)

const directive = fc.constantFrom('', '', '', ' @skip(if: $v)', ' @live')

const selection: fc.Arbitrary<string> = fc.letrec<{ set: string }>((tie) => {
  const field = fc
    .tuple(
      fc.constantFrom('', '', 'x: '),
      graphQlName,
      given,
      directive,
      fc.option(tie('set'), { nil: '' }),
    )
    .map((parts) => parts.join(''))
  const inline = fc
    .tuple(fc.constantFrom('... ', '... on T ', '... @a '), tie('set'))
    .map((parts) => parts.join(''))
  const item = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    field,
    fc.constantFrom('...F', '...G', '# c\n'),
    inline,
  )
  return {
    set: fc.array(item, { minLength: 1, maxLength: 3 }).map((all) => ` { ${all.join(', ')} }`),
  }
}).set

const operation = fc
  .tuple(
    fc.constantFrom('', 'query', 'query Q', 'mutation M', 'subscription S', 'query Q($v: Int = 1)'),
    directive,
    selection,
  )
  .map(([head, mark, inside]) => (head === '' ? inside : `${head}${mark}${inside}`))

const fragment = fc
  .tuple(fc.constantFrom('F', 'G'), selection)
  .map(([name, inside]) => `fragment ${name} on T${inside}`)

export const graphQlText: fc.Arbitrary<string> = fc
  .tuple(operation, fc.array(fc.oneof(fragment, fragment, operation), { maxLength: 2 }))
  .map(([first, others]) => [first, ...others].join('\n'))

const identifier = fc.constantFrom('1', '"a"', 'null', '1.5', '{}')

const params = fc.oneof(
  fc
    .tuple(fc.constantFrom('name', 'name', 'uri', 'Name', 'cursor'), jsonString, jsonText)
    .map(([name, value, other]) =>
      objectText([
        [name, value],
        ['arguments', other],
      ]),
    ),
  fc.constantFrom('{}', '[]', 'null', '5'),
)

function rpcOf(methods: readonly string[]): fc.Arbitrary<string> {
  return fc
    .record(
      {
        jsonrpc: fc.oneof(
          { weight: 9, arbitrary: fc.constant('"2.0"') },
          fc.constantFrom('"1.0"', '2.0'),
        ),
        method: fc.constantFrom(...methods).map((name) => JSON.stringify(name)),
        id: identifier,
        params,
      },
      { requiredKeys: ['jsonrpc', 'method'] },
    )
    .chain((members) => {
      const alone = objectText(Object.entries(members))
      const answering = jsonText.map((result) => objectText(Object.entries({ ...members, result })))
      return fc.oneof({ weight: 6, arbitrary: fc.constant(alone) }, answering)
    })
}

export const rpcText: fc.Arbitrary<string> = rpcOf(['eth_call', 'a', ''])

export const mcpText: fc.Arbitrary<string> = rpcOf([
  'tools/call',
  'tools/list',
  'prompts/get',
  'resources/read',
  'notifications/initialized',
])

const sqlWord = fc.constantFrom(
  ...'select from where limit offset insert into update delete join table with as union values create drop top fetch first rows only'.split(
    ' ',
  ),
  'FROM',
  'SELECT',
  't1',
  'schema.t2',
  '*',
  '1',
  '10',
  '1e5',
  '0xFF',
  ',',
  '.',
  '=',
  '(',
  ')',
  ';',
  "'text'",
  "'it''s'",
  '"Name"',
  '`name`',
  '[name]',
  '-- comment\n',
  '/* comment */',
  '$1',
  '$$ body $$',
  '@v',
  ':p',
  '?',
)

export const sqlText: fc.Arbitrary<string> = fc.oneof(
  fc.array(sqlWord, { minLength: 1, maxLength: 14 }).map((words) => words.join(' ')),
  fc
    .tuple(
      fc.constantFrom('t', 'a.b', '"T"', '`t`'),
      fc.nat(500),
      fc.constantFrom('', ' OFFSET 5', ';', ' FORMAT JSON'),
    )
    .map(([table, limit, end]) => `SELECT x, 'y' FROM ${table} WHERE a = 1 LIMIT ${limit}${end}`),
  fc.constantFrom(
    'SELECT TOP 5 * FROM t',
    'VALUES (1)',
    'DROP TABLE t',
    'EXPLAIN ANALYZE SELECT 1',
    'SHOW TABLES',
  ),
)

const vectorPath = fc.constantFrom(
  '/query',
  '/vectors/upsert',
  '/records/namespaces/n%20s/search',
  '/collections/c/points/search',
  '/collections/c%2B/points/query/batch',
  '/collections/%ff/points',
  '/v1/graphql',
  '/v2/vectordb/entities/search',
  '/v1/vector/query',
  '/api/v2/tenants/t/databases/d/collections/c/query',
  '/api/v1/collections',
  '/other',
)

const vectorCount = fc.constantFrom(
  '5',
  '10',
  '-1',
  '1e2',
  '"5"',
  'null',
  '1.5',
  '9007199254740993',
)

/** A request to a vector store. */
export const vectorCall: fc.Arbitrary<{ readonly path: string; readonly text: string }> = fc
  .tuple(
    vectorPath,
    fc.record(
      {
        topK: vectorCount,
        limit: vectorCount,
        n_results: vectorCount,
        query: fc.oneof(
          fc.constantFrom('{"top_k":5}', '{}', '[1,2]'),
          graphQlText.map((text) => JSON.stringify(text)),
          selection.map((inside) => JSON.stringify(`{ Get${inside} }`)),
        ),
        operationName: fc.constantFrom('"Q"', 'null'),
        searches: fc.constantFrom('[{"limit":3},{"limit":4}]', '[]', '[{}]'),
        collectionName: jsonString,
        data: jsonText,
        query_embeddings: jsonText,
        namespace: jsonString,
      },
      { requiredKeys: [] },
    ),
  )
  .map(([path, members]) => ({ path, text: objectText(Object.entries(members)) }))
