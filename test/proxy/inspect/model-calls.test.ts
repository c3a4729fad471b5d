/** Calls of models over real sockets: what is bounded, what is settled, and how an answer ends. */
import { gzipSync } from 'node:zlib'
import { readAnswer } from '../../e2e/wire.ts'
import { eventually } from '../world.ts'
import {
  actualOf,
  call,
  dial,
  money,
  placeTest,
  post,
  postHead,
  settlements,
} from './forward-world.ts'

placeTest(
  'a model call settles what its answer says, and all of its hold where it says nothing',
  { budgets: money },
  async (t, place) => {
    let count = 0
    for (const [how, status, tokens, source] of [
      ['', 200, 16, 'response'],
      ['gzip', 200, 16, 'response'],
      ['429', 429, 0, 'response'],
      ['204', 204, null, 'forfeit'],
      ['304', 304, null, 'forfeit'],
      ['half', 200, null, 'forfeit'],
    ] as const) {
      const bounded = call({ max_tokens: 50 })
      const answer = await post(place, '/v1/chat/completions', bounded, { 'X-Answer': how })
      t.equal(answer.status, status, how)
      count += 1
      await eventually(() => settlements(place).length === count)
      const last = settlements(place)[count - 1]
      t.equal(last?.['usage_source'], source, how)
      const actual = last?.['actual'] as Record<string, number>
      if (tokens === null) t.ok((actual['tokens'] ?? 0) >= 50, `${how}: ${actual['tokens']}`)
      else t.equal(actual['tokens'], tokens, how)
    }
  },
)

placeTest(
  'a body that the bound makes longer is sent whole, and counts as what was sent',
  {
    budgets: `budgets:
  - { id: tokens, scope: agent, period: lifetime, limits: { tokens: 5000, bytes_up: 100000 }, on_limit: block }
`,
  },
  async (t, place) => {
    const body = call()
    t.equal((await post(place, '/v1/chat/completions', body)).status, 200)
    const sent = place.seen[0]
    t.match(sent?.body, '"max_completion_tokens":')
    t.equal(sent?.headers['content-length'], String(sent?.body.length))
    const { bytes_up: grown = 0 } = await actualOf(place, 0)
    t.ok(grown >= (sent?.body.length ?? 0) + 100, `${grown}`)
    const plain = JSON.stringify({ qty: 1, note: 'x'.repeat(1500) })
    const coded = gzipSync(plain)
    const { socket, text } = dial(t, place)
    const head = postHead(place, '/order', [
      'Content-Encoding: gzip',
      `Content-Length: ${coded.length}`,
    ])
    socket.write(Buffer.concat([Buffer.from(head), coded]))
    await eventually(() => readAnswer(text(), false) !== null)
    t.equal(place.seen[1]?.body, plain, 'it arrives without its coding')
    t.notOk(place.seen[1]?.headers['content-encoding'])
    const { bytes_up: unfolded = 0 } = await actualOf(place, 1)
    t.ok(unfolded > plain.length, 'and counts as what left')
  },
)

placeTest(
  'a stream that says more than is held is ended with an event, and never beyond a length that was told',
  {
    budgets: `budgets:
  - { id: out, scope: agent, period: lifetime, limits: { tokens_out: 20 }, on_limit: block }
`,
  },
  async (t, place) => {
    const { world } = place
    const body = call({ stream: true })
    const answer = await post(place, '/v1/chat/completions', body, { 'X-Answer': 'long' })
    t.match(answer.body, /\n\ndata: \{"error":\{"message":"[^"]+","type":"haltgate"/)
    await eventually(() => settlements(place).length === 1)
    t.match(settlements(place)[0], { cut: 'budget-exhausted' })
    await world.control('POST', '/api/v1/grants', {
      ...{
        scope: 'agent:tester',
        budget: 'out',
        dimension: 'tokens_out',
        amount: 20,
        reason: 'more',
      },
    })
    const measured = await post(place, '/v1/chat/completions', body, { 'X-Answer': 'measured' })
    t.notMatch(measured.body, 'haltgate', 'what was promised is broken off, and not filled up')
  },
)

placeTest(
  'a client that leaves while the usage of its call is still unfolded settles it once',
  { budgets: money },
  async (t, place) => {
    const { world } = place
    for (let round = 0; round < 5; round += 1) {
      const { socket, text } = dial(t, place)
      const body = call({ stream: true, max_tokens: 2000 })
      const head = postHead(place, '/v1/chat/completions', [
        'X-Answer: open',
        `Content-Length: ${body.length}`,
      ])
      socket.write(head + body)
      await eventually(() => text().includes('200 OK'))
      socket.destroy()
    }
    // Closed at once: what is under way then is waited for.
    await world.close()
    const all = settlements(place)
    t.equal(all.length, 5)
    for (const { outcome } of all) t.equal(outcome, 'settled')
  },
)
