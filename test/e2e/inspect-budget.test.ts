/**
 * A dollar is a dollar: whatever an agent and its provider do, what the provider bills never exceeds the budget, as the
 * provider itself counts it.
 */
import { once } from 'node:events'
import { calling } from './calling.ts'
import { openInside } from './inspect-inside.ts'
import { inspectTest } from './inspect-world.ts'
import { emptyBill, modelRules, pricesOf, rates, serveModels } from './model-servers.ts'

const dollar = 1_000_000_000
const budgets = '  - { id: dollar, scope: run, limits: { cost_usd: 1.00 } }'
const prices = pricesOf('gpt-test', 'claude-test')
const terms = { rules: modelRules, budgets, prices }
const json = ['-H', 'content-type: application/json']

const calls = [
  { client: 'openai', model: 'gpt-test', streams: false },
  { client: 'openai', model: 'gpt-test', streams: true },
  { client: 'anthropic', model: 'claude-test', streams: false },
  { client: 'anthropic', model: 'claude-test', streams: true },
] as const

const looped = emptyBill()

inspectTest(
  'an agent that calls models in a loop is stopped before its provider has billed the dollar',
  { ...terms, serve: serveModels(looped, { input: 900, output: 700 }) },
  async (t, run, { url }) => {
    const told = await calling(run, { url, calls, workers: 8 })
    const well = told.filter(({ error }) => error === '')
    const stopped = told.filter(({ error }) => error !== '')
    t.equal(stopped.length, 8, 'every worker was stopped')
    for (const { error } of stopped) t.match(error, /budget-exhausted/)
    t.ok(looped.nanoUsd <= dollar, `${looped.nanoUsd} nano-USD were billed`)
    t.ok(looped.nanoUsd > 0.8 * dollar, 'and most of the dollar was of use')
    t.ok(well.length > 15, `${well.length} calls went well`)
    await run.eventually(() => run.entries('settlement').length === looped.calls)
    const settled = run.entries('settlement').reduce((sum, { data }) => sum + costOf(data), 0)
    t.equal(settled, looped.nanoUsd, 'the ledger has what the provider counted, to the nano-dollar')
  },
)

function costOf(settled: object): number {
  const { actual } = settled as { readonly actual: Readonly<Record<string, number>> }
  return actual['cost_usd'] ?? 0
}

const deaf = emptyBill()

inspectTest(
  'a provider that streams on beyond what it may is cut, and its client reads why',
  { ...terms, serve: serveModels(deaf, { output: 200_000, ignoresLimit: true, pauseMs: 1 }) },
  async (t, run, { url }) => {
    const asked = { model: 'gpt-test', stream: true, max_tokens: 2000, messages: [] }
    const to = `${url}/v1/chat/completions`
    const { output } = await run.curl('-N', '-d', JSON.stringify(asked), ...json, to)
    const text = output.toString()
    const last = text.trimEnd().split('\n\n').at(-1) ?? ''
    t.match(last, /^data: \{"error":\{.*"code":"budget-exhausted"/, 'the last event is an error')
    const words = text.split('"content":"word "').length - 1
    t.ok(words >= 1900 && words < 2100, `${words} words passed, and 2,000 were allowed`)
    t.ok(deaf.output < 20_000, `the provider was let go of after ${deaf.output}`)
    await run.eventually(() => run.entries('settlement').length === 1)
    t.equal(run.saying('budget-exhausted').length, 1)
    t.match(run.entries('settlement')[0]?.data, { usage_source: 'forfeit' })
  },
)

const silent = emptyBill()

inspectTest(
  'calls whose provider tells no usage forfeit all that was held, so that they cannot go on for ever',
  { ...terms, serve: serveModels(silent, { output: 10, hidesUsage: true }) },
  async (t, run, { url }) => {
    const told = await calling(run, { url, calls, workers: 2 })
    t.equal(told.filter(({ error }) => error !== '').length, 2, 'both workers were stopped')
    t.ok(silent.nanoUsd <= dollar)
    await run.eventually(() => run.entries('settlement').length === silent.calls)
    const settlements = run.entries('settlement')
    for (const { data } of settlements) t.match(data, { usage_source: 'forfeit' })
    const held = run
      .entries('decision')
      .reduce(
        (sum, { data }) =>
          sum + ((data as { hold?: Record<string, number> }).hold?.['cost_usd'] ?? 0),
        0,
      )
    const forfeited = settlements.reduce((sum, { data }) => sum + costOf(data), 0)
    t.equal(forfeited, held, 'what was held is gone')
    t.ok(forfeited > 0.9 * dollar && forfeited <= dollar)
  },
)

const left = emptyBill()

inspectTest(
  'a client that leaves in the middle of a stream pays for all that was held, and its provider is let go of',
  { ...terms, serve: serveModels(left, { output: 100_000, pauseMs: 5 }) },
  async (t, run, origin) => {
    const body = JSON.stringify({ model: 'gpt-test', stream: true, max_tokens: 5000, messages: [] })
    const secure = await openInside(run, { port: origin.port })
    secure.on('error', () => undefined)
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:${origin.port}\r\n`
    secure.write(
      `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await once(secure, 'data')
    secure.destroy()
    await run.eventually(() => run.entries('settlement').length === 1)
    const [settlement] = run.entries('settlement')
    t.match(settlement?.data, { usage_source: 'forfeit' })
    t.ok(
      costOf(settlement?.data ?? {}) >= 5000 * rates.output * 1000,
      'every token that it allowed',
    )
    await run.eventually(() => origin.sockets.size === 0)
    const words = left.output
    t.ok(words < 5000, `the provider stopped after ${words} words`)
    const loop = await calling(run, {
      url: origin.url,
      workers: 1,
      calls: [{ client: 'openai', model: 'gpt-test', streams: true, leavesAfter: 3 }],
    })
    t.match(loop.at(-1)?.error, /budget-exhausted/, 'leaving early again and again comes to an end')
    t.ok(left.nanoUsd <= dollar)
  },
)
