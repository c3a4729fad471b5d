/** Fuzzes the loading of policies: a changed file is a policy that answers whatever is asked, or has problems at places in it. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { Json } from '../../kernel/content.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { explain } from '../../policy/explain.ts'
import { type CompiledPolicy, compileSource, loadPolicy, type Problem } from '../../policy/load.ts'
import { termsOfSource } from '../../policy/terms.ts'
import { local } from '../policy/facts.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { mutated } from './mutation.ts'

const files: readonly string[] = [
  'policies.yaml',
  'examples/policies/reference.yaml',
  'examples/policies/team.yaml',
]

const pieces: readonly string[] = [
  '\n',
  '  ',
  '- ',
  ': ',
  '#',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '|\n',
  '>-\n',
  '&a ',
  '*a',
  '<<: ',
  '!!str ',
  '---\n',
  '%YAML 1.2\n',
  '\t',
  '\ufeff',
  '\u2028',
  '\r',
  '__proto__: 1\n',
  'id: x\n',
  'rules:\n',
  'effect: deny',
  'effect: approve',
  '*.test',
  '**',
  '1h',
  '10MiB',
  '1e9',
  '-1',
  '0x10',
  '.inf',
  'null',
  'true',
  'request.path == "/a"',
  ' && body.a == 1',
  '(((',
]

/** Lines of a file left out, written twice or exchanged: what stays YAML more often than changed bytes do. */
const relined = (text: string): fc.Arbitrary<string> => {
  const lines = text.split('\n')
  const line = fc.nat(lines.length - 1)
  const edit = fc.tuple(fc.constantFrom('drop', 'copy', 'indent', 'outdent'), line, line)
  return fc.array(edit, { maxLength: 3 }).map((edits) => {
    const now = [...lines]
    for (const [kind, at, to] of edits) {
      const before = now[at] ?? ''
      if (kind === 'drop') now.splice(at, 1)
      else if (kind === 'copy') now.splice(to, 0, before)
      else now[at] = kind === 'indent' ? `  ${before}` : before.replace(/^ {2}/, '')
    }
    return now.join('\n')
  })
}

const facts: fc.Arbitrary<RequestFacts> = fc.record({
  id: fc.constant('boot-1'),
  principal: fc.constantFrom(local, { ...local, agent: 'researcher', tenant: 't', project: 'p' }),
  kind: fc.constantFrom('request', 'websocket', 'tunnel', 'reach'),
  method: fc.constantFrom('GET', 'POST', 'DELETE', 'CONNECT'),
  scheme: fc.constantFrom('http', 'https'),
  host: fc.oneof(
    fc.constantFrom(
      'api.openai.com',
      'api.anthropic.com',
      'pypi.org',
      'example.com',
      '10.0.0.1',
      '2001:db8::1',
      '',
    ),
    fc.domain(),
  ),
  port: fc.constantFrom(80, 443, 8080, 22, 65_535),
  path: fc.oneof(
    fc.constantFrom('', '/', '/v1/chat/completions', '/v1/messages', '/a/b'),
    fc.webPath(),
  ),
  query: fc.oneof(fc.webQueryParameters(), fc.string()),
  headers: fc.dictionary(fc.constantFrom('user-agent', 'x-a', '__proto__'), fc.string()),
  content: fc.option(
    fc.record({
      decoder: fc.constantFrom('json', 'mcp', 'openai', 'sql'),
      body: fc.jsonValue() as fc.Arbitrary<Json>,
      facts: fc.dictionary(
        fc.constantFrom('model', 'mcp_tool', 'sql_class', 'streams', 'tools', 'message_count'),
        fc.oneof(fc.string(), fc.integer(), fc.boolean()),
      ),
      model: fc.option(
        fc.record({
          wire: fc.constantFrom('openai-chat', 'anthropic'),
          model: fc.constantFrom('gpt-4o', 'claude-sonnet-4-5', 'x'),
          streams: fc.boolean(),
          tokensInMax: fc.nat(),
          tokensOutMax: fc.option(fc.nat()),
          choices: fc.integer({ min: 1, max: 9 }),
        }),
      ),
    }),
  ),
})

/** Each problem stands in the text, or directly behind the last character of its line. */
function checkPlaces(text: string, problems: readonly Problem[]): void {
  ensure(problems.length > 0, 'what is no policy has a problem')
  const lines = text.split('\n')
  for (const { line, column, message } of problems) {
    const length = lines[line - 1]?.length
    ensure(length !== undefined, `line ${line} of ${lines.length}: ${message}`)
    ensure(column >= 1 && column <= length + 1, `line ${line} has no column ${column}: ${message}`)
  }
}

async function checkPolicy(policy: CompiledPolicy, asked: readonly RequestFacts[]): Promise<void> {
  for (const each of asked) {
    const { charge, ask, least } = policy.classify(each)
    for (const amount of Object.values({ ...charge, ...ask, ...least })) {
      ensure(
        Number.isSafeInteger(amount) && amount >= 0,
        'what is charged, asked and needed are counts',
      )
    }
    explain(policy, each)
  }
  ensure(termsOfSource(policy.source) !== null, 'what a policy was compiled from has terms')
  const again = await compileSource(policy.source)
  ensure(again.digest === policy.digest && again.source === policy.source, 'it compiles to itself')
}

export const policies: Fuzzed = {
  name: 'policies',
  share: 8,
  roundRuns: 20,
  reaches: ['a policy', 'problems'],
  open: async (reached) => {
    const texts = files.map((path) => readFileSync(path, 'utf8'))
    const text = fc.oneof(
      mutated(fc.constantFrom(...texts.map((each) => Buffer.from(each, 'utf8'))), pieces).map(
        (bytes) => bytes.toString('utf8'),
      ),
      ...texts.map(relined),
    )
    return fc.asyncProperty(text, fc.array(facts, { maxLength: 6 }), async (each, asked) => {
      const loaded = await loadPolicy({ name: 'policies.yaml', text: each })
      reached('policy' in loaded ? 'a policy' : 'problems')
      if ('problems' in loaded) {
        checkPlaces(each, loaded.problems)
        return
      }
      if (loaded.warnings.length > 0) checkPlaces(each, loaded.warnings)
      await checkPolicy(loaded.policy, asked)
    })
  },
}
