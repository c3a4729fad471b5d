/** Model calls from their bound to what they settle. */
import { createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import type { ModelCall } from '../../../kernel/content.ts'
import type { Vector } from '../../../kernel/dimension.ts'
import { ModelRun } from '../../../proxy/inspect/model-run.ts'

const price = { input: 1000, cachedInput: 500, cacheWrite: 1000, output: 2000 }
const hashKey = Buffer.alloc(32, 7)
const model: ModelCall = {
  wire: 'openai-chat',
  model: 'gpt-4o',
  streams: false,
  tokensInMax: 100,
  tokensOutMax: null,
  choices: 1,
}
const body = Buffer.from('{"model":"gpt-4o","messages":[]}')
const usage = { prompt_tokens: 10, completion_tokens: 4 }
const answer = Buffer.from(JSON.stringify({ choices: [], usage }))
const spent = { cost_usd: 18, tokens: 14, tokens_in: 10, tokens_out: 4 }
const plain = { contentType: 'application/json', contentEncoding: '' }
const keyed = (bytes: Buffer | string): string =>
  `hmac-sha256:${createHmac('sha256', hashKey).update(bytes).digest('hex')}`

const runOf = (limits: Vector, call: Partial<ModelCall> = {}): ModelRun =>
  new ModelRun({ model: { ...model, ...call }, price, limits, hashKey })

void test('a body is bounded by the tightest dimension, and hashed as it leaves', async (t) => {
  for (const [limits, most] of [
    [{ tokens_out: 30 }, 30],
    [{ tokens: 130 }, 30],
    // 100 tokens in at most cost 100 nano-USD, and the 60 that are left are 30 tokens out.
    [{ cost_usd: 160 }, 30],
    [{ cost_usd: 160, tokens_out: 5, tokens: 500 }, 5],
  ] as const) {
    const run = runOf(limits)
    const bounded = run.bound(body)
    const said = JSON.parse(bounded?.toString() ?? '{}') as Record<string, unknown>
    t.equal(said['max_completion_tokens'], most)
    run.begin(plain)
    run.push(answer)
    const { hashes } = await run.finish({ whole: true, status: 200 })
    t.strictSame(hashes, { prompt: keyed(bounded ?? ''), response: keyed(answer) })
  }
  t.strictSame(runOf({}).bound(body), body, 'nothing bounds it')
  t.equal(runOf({ tokens: 100 }).bound(body), null, 'not one token is left')
  t.equal(runOf({ cost_usd: 101 }).bound(body), null)
  t.equal(runOf({ tokens_out: 3 }, { choices: 4 }).bound(body), null)
})

void test('a call settles what its answer says, and forfeits its hold where nobody knows', async (t) => {
  const limits = { tokens: 500, cost_usd: 900, bytes_down: 7 }
  const held = { tokens: 500, cost_usd: 900 }
  const nothing = { cost_usd: 0, tokens: 0, tokens_in: 0, tokens_out: 0 }
  const coded = { ...plain, contentEncoding: 'gzip' }
  for (const [name, head, bytes, ending, actual, source] of [
    ['whole', plain, answer, [true, 200], spent, 'response'],
    ['coded', coded, gzipSync(answer), [true, 200], spent, 'response'],
    ['cut off', plain, answer, [false, 200], held, 'forfeit'],
    ['an error, whole', plain, Buffer.from('{"error":1}'), [true, 429], nothing, 'response'],
    ['an error, coded', coded, gzipSync('{"error":1}'), [true, 500], nothing, 'response'],
    ['an error, cut off', plain, answer, [false, 500], held, 'forfeit'],
    ['a redirect', plain, Buffer.alloc(0), [true, 302], held, 'forfeit'],
    ['no content', plain, Buffer.alloc(0), [true, 204], held, 'forfeit'],
    ['not modified', plain, Buffer.alloc(0), [true, 304], held, 'forfeit'],
    ['a lie', plain, Buffer.from('{"usage":{"prompt_tokens":-1}}'), [true, 200], held, 'forfeit'],
    ['no JSON', plain, Buffer.from('<html>'), [true, 200], held, 'forfeit'],
  ] as const) {
    const run = runOf(limits)
    run.bound(body)
    run.begin(head)
    t.ok(run.push(bytes))
    const [whole, status] = ending
    const settlement = await run.finish({ whole, status })
    t.match(settlement, { outcome: 'settled', usage_source: source }, name)
    t.strictSame(settlement.actual, actual, name)
    t.equal(settlement.hashes?.response, keyed(bytes), 'as it came')
  }
})

void test('a call that had no answer forfeits all, and has no hash of one', async (t) => {
  const run = runOf({ tokens: 500 })
  run.bound(body)
  t.notOk(run.speaksEvents)
  const { actual, hashes } = await run.finish({ whole: false, status: 0 })
  t.strictSame([actual, Object.keys(hashes ?? {})], [{ tokens: 500 }, ['prompt']])
})

void test('a stream that answers more than is held is told of with the event that does', (t) => {
  const run = runOf({ tokens_out: 2 }, { streams: true })
  run.begin({ contentType: 'text/event-stream', contentEncoding: '' })
  const event = Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
  t.strictSame([run.push(event), run.push(event), run.push(event)], [true, true, false])
  t.ok(run.speaksEvents)
  t.end()
})
