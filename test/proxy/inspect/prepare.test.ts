/** What leaves for an admitted request, and who reads its answer. */
import { test } from 'tap'
import type { Passage } from '../../../gate/passage.ts'
import type { Content } from '../../../kernel/content.ts'
import type { Classification } from '../../../kernel/policy.ts'
import { openInspector } from '../../../payload/inspect.ts'
import { Judged } from '../../../proxy/inspect/judged.ts'
import { type Prepared, prepare } from '../../../proxy/inspect/prepare.ts'
import type { Injected, Outgoing } from '../../../proxy/sight.ts'
import { type Asked, sceneOf } from './play.ts'

const inspector = openInspector({ secrets: [], key: Buffer.alloc(32, 1) })
const responses = {
  ...{ rule: 'r', action: 'block' as const, detectors: ['jwt' as const], responses: true },
}
const model = {
  ...{ wire: 'openai-chat' as const, model: 'm', streams: false, tokensInMax: 10 },
  ...{ tokensOutMax: null, choices: 1 },
}
const price = { input: 1, cachedInput: 1, cacheWrite: 1, output: 1 }

interface Judging extends Asked {
  readonly body?: Buffer | null
  readonly content?: Partial<Content> | null
  readonly says?: Partial<Classification>
  readonly holds?: Passage['limits']
  readonly token?: string | null
}

function prepared(judging: Judging): ReturnType<typeof prepare> {
  const scene = sceneOf({ ...judging, sight: { inspector, ...judging.sight } })
  const judged = new Judged(scene.desk, scene.messages, scene.intake)
  judged.body = judging.body ?? null
  const { content = null } = judging
  const none = { decoder: 'json' as const, body: null, facts: {}, model: null }
  judged.content = content === null ? null : { ...none, ...content }
  const classification = { payload: [], inject: [], price: null, ...judging.says }
  const passage = { classification, limits: judging.holds ?? {} } as unknown as Passage
  return prepare(scene.desk, scene.intake, {
    passage,
    judged,
    token: judging.token === undefined ? '' : judging.token,
  })
}

function good(judging: Judging): Prepared {
  const ready = prepared(judging)
  if (!ready.ok) throw new Error(ready.message)
  return ready
}

/** The values of a header, which is looked for without regard to its case. */
function valuesOf({ headers }: Prepared, name: string): string[] {
  const values: string[] = []
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() === name) values.push(headers[index + 1] ?? '')
  }
  return values
}

const call = { content: { decoder: 'openai' as const, model }, says: { price } }
const body = Buffer.from('{"model":"m","messages":[]}')

void test('only codings that the gate reads are asked for, and none where detectors or the gate edit', (t) => {
  const tools = { decoder: 'mcp' as const, facts: { mcp_method: 'tools/list' } }
  const cases: readonly (readonly [string, readonly string[], Judging, readonly string[]])[] = [
    ['nobody reads', ['gzip, zstd'], {}, ['gzip, zstd']],
    ['a model', ['gzip;q=0.5, zstd, br, *'], { ...call, body }, ['gzip;q=0.5, br']],
    ['a model, in two headers', ['zstd', 'GZIP'], { ...call, body }, ['GZIP']],
    ['a model, of nothing that is known', ['zstd, *'], { ...call, body }, ['identity']],
    ['a model, where nothing was asked', [], { ...call, body }, []],
    ['detectors', ['gzip'], { says: { payload: [responses] } }, ['identity']],
    ['detectors, where nothing was asked', [], { says: { payload: [responses] } }, ['identity']],
    ['not in plain', ['identity;q=0'], { says: { payload: [responses] } }, ['identity']],
    ['a list of tools', ['gzip'], { content: tools, body }, ['identity']],
    ['another method of MCP', ['gzip'], { content: { ...tools, facts: {} }, body }, ['gzip']],
  ]
  for (const [name, asked, judging, expected] of cases) {
    const headers = asked.flatMap((value) => ['accept-encoding', value])
    t.strictSame(valuesOf(good({ ...judging, headers }), 'accept-encoding'), expected, name)
  }
  t.end()
})

void test('what detectors look at comes whole and not in ranges', (t) => {
  const headers = ['Range', 'bytes=5-', 'X', 'y']
  const looked = good({ headers, says: { payload: [responses] } })
  t.strictSame([valuesOf(looked, 'range'), valuesOf(looked, 'x')], [[], ['y']])
  t.strictSame(valuesOf(good({ headers }), 'range'), ['bytes=5-'])
  t.end()
})

void test('the length that is told is that of what leaves', (t) => {
  for (const [name, judging, length] of [
    ["the client's own", { length: 9 }, ['9']],
    ["the client's own, in chunks", { length: null }, []],
    ['judged, and longer', { length: 9, body: Buffer.alloc(20) }, ['20']],
    ['judged, and shorter', { length: 9, body: Buffer.alloc(2) }, ['2']],
    ['judged, in chunks', { length: null, body: Buffer.alloc(20) }, ['20']],
    ['none', { length: 0, body: Buffer.alloc(0) }, ['0']],
  ] as const) {
    const ready = good(judging)
    t.strictSame(valuesOf(ready, 'content-length'), length, name)
    t.equal(ready.body === null, !('body' in judging) || judging.length === 0, name)
  }
  t.end()
})

void test('a model call is bounded, or refused where not one token is left', (t) => {
  const ready = good({ ...call, body, length: body.length, holds: { tokens_out: 7 } })
  t.match(ready.body?.toString(), '"max_tokens":7')
  t.strictSame(valuesOf(ready, 'content-length'), [String(ready.body?.length)])
  t.ok(ready.answered?.run)
  const refused = prepared({ ...call, body, holds: { tokens: 10 } })
  t.match(refused, { ok: false, code: 'budget-exhausted' })
  t.equal(good({ ...call, body, says: { price: null } }).answered, null, 'a model without a price')
  t.end()
})

void test('credentials are set inside of TLS only, and a query with them', (t) => {
  const inject = (_: readonly string[], { headers, query }: Outgoing): Injected => ({
    ok: true,
    outgoing: { headers: [...headers, 'Authorization', 'Bearer s'], query: `${query}&k=s` },
  })
  const says = { inject: ['up'] }
  const asked = { says, query: 'a=1', sight: { inject } }
  t.match(prepared(asked), { ok: false, code: 'inspection-required' })
  const ready = good({ ...asked, scheme: 'https' })
  t.equal(ready.path, '/v1?a=1&k=s')
  t.strictSame(valuesOf(ready, 'authorization'), ['Bearer s'])
  t.match(prepared({ says, scheme: 'https' }), { ok: false, code: 'policy-unavailable' })
  t.end()
})

test('a token goes along where one was signed, and nothing goes without the one that it needs', (t) => {
  t.same(valuesOf(good({ token: 'a.b.c' }), 'haltgate-capability'), ['a.b.c'])
  t.same(valuesOf(good({}), 'haltgate-capability'), [])
  t.match(prepared({ token: null }), { ok: false, code: 'policy-unavailable' })
  t.end()
})
