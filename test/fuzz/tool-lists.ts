/** Fuzzes the filter of MCP's tool lists: no other tool is seen, and nothing but tools is taken out. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { filterTools } from '../../kernel/decoders/mcp-tools.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { jsonPieces, jsonText, objectText } from './json-text.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

const tool = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('"a"', '"b"', '"\\u0061"', '"c.d"', '""'), jsonText)
      .map(([name, schema]) => `{"inputSchema":${schema}, "name":${name}}`),
  },
  fc.constantFrom('{}', '{"name":5}', 'null', '{"Name":"a"}'),
)

const answer = fc
  .tuple(
    fc.array(tool, { maxLength: 4 }).map((all) => `[${all.join(' ,')}]`),
    fc.constantFrom('result', 'result', 'result', 'error', 'method', 'other'),
    jsonText,
    fc.constantFrom('', ' ', '\n'),
  )
  .map(([tools, name, cursor, space]) =>
    objectText(
      [
        ['jsonrpc', '"2.0"'],
        ['id', '1'],
        [
          name,
          objectText(
            [
              ['tools', tools],
              ['nextCursor', cursor],
            ],
            space,
          ),
        ],
      ],
      space,
    ),
  )

const bytes = mutated(
  answer.map((text) => Buffer.from(text, 'utf8')),
  [...jsonPieces, '"tools"', '"result"', '"name"'],
)

interface Listed {
  readonly result?: { readonly tools?: readonly { readonly name?: unknown }[] }
}

const parse = (body: Uint8Array): Listed => JSON.parse(Buffer.from(body).toString('utf8'))

export const toolLists: Fuzzed = {
  name: 'tool-lists',
  share: 2,
  roundRuns: 300,
  reaches: ['filtered', 'as it came', 'refused'],
  open: async (reached) =>
    fc.property(bytes, fc.subarray(['a', 'b', 'c.d', '']), (body, allowed) => {
      const isAllowed = (name: string): boolean => allowed.includes(name)
      const filtered = timely(body.length, () => filterTools(body, isAllowed))
      if (filtered === null) {
        reached('refused')
        return
      }
      reached(Buffer.from(filtered).equals(body) ? 'as it came' : 'filtered')
      const [before, after] = [parse(body), parse(filtered)]
      const tools = before.result?.tools
      const kept = tools?.filter(({ name }) => isAllowed(String(name)))
      const expected =
        tools === undefined ? before : { ...before, result: { ...before.result, tools: kept } }
      ensure(isDeepStrictEqual(after, expected), 'only tools that are not allowed are taken out')
      const everything = filterTools(body, () => true)
      ensure(
        everything !== null && Buffer.from(everything).equals(body),
        'who may see all gets every byte',
      )
      const again = filterTools(filtered, isAllowed)
      ensure(again !== null && Buffer.from(again).equals(filtered), 'what is filtered stays so')
    }),
}
