/** The clients that makers of models publish, inside TLS: what the ledger settles is what the provider said. */
import type { Vector } from '../../kernel/dimension.ts'
import type { Call } from './agent-models.ts'
import { calling } from './calling.ts'
import { type GateRun, inspectTest } from './inspect-world.ts'
import { emptyBill, modelRules, pricesOf, rates, serveModels } from './model-servers.ts'

const budgets = '  - { id: money, scope: run, limits: { cost_usd: 5.00, tokens: 500k } }'
const prices = pricesOf('gpt-test', 'claude-test')
const usage = { input: 123, output: 37 }
const bill = emptyBill()

interface Settled {
  readonly actual: Vector
  readonly usage_source?: string
}

/** What so many model calls were settled at, in the order of their end. */
async function settled(run: GateRun, count: number): Promise<readonly Settled[]> {
  await run.eventually(() => run.entries('settlement').length >= count)
  return run.entries('settlement').map(({ data }) => data as unknown as Settled)
}

const cost = (input: number, output: number): number =>
  (input * rates.input + output * rates.output) * 1000

inspectTest(
  'each published client gets its answer whole, and the ledger has the tokens and the cost of it',
  { serve: serveModels(bill, usage), rules: modelRules, budgets, prices },
  async (t, run, origin) => {
    const calls: readonly Call[] = [
      { client: 'openai', model: 'gpt-test', streams: false },
      { client: 'openai', model: 'gpt-test', streams: true },
      { client: 'anthropic', model: 'claude-test', streams: false },
      { client: 'anthropic', model: 'claude-test', streams: true },
    ]
    const told = await calling(run, { url: origin.url, calls })
    t.equal(told.length, calls.length)
    for (const [index, { error, input, output, text }] of told.entries()) {
      const name = `${calls[index]?.client} ${calls[index]?.streams ? 'streaming' : 'whole'}`
      t.equal(error, '', `${name}: no error`)
      t.equal(text, 'word '.repeat(usage.output), `${name}: every word`)
      t.same({ input, output }, usage, `${name}: the usage that the provider told`)
    }
    const { input, output } = usage
    t.equal(bill.calls, calls.length, 'the provider was asked once for each')
    t.equal(bill.nanoUsd, calls.length * cost(input, output))
    const all = await settled(run, calls.length)
    t.equal(all.length, calls.length, 'each call is settled once')
    for (const { actual, usage_source } of all) {
      const wanted = {
        ...{ tokens_in: input, tokens_out: output, tokens: input + output },
        cost_usd: cost(input, output),
      }
      t.match(actual, wanted, 'tokens and cost are what the provider said')
      t.equal(usage_source, 'response')
    }
  },
)

inspectTest(
  'an OpenAI stream whose client asks for no usage is metered all the same',
  { serve: serveModels(emptyBill(), usage), rules: modelRules, budgets, prices },
  async (t, run, origin) => {
    const body = JSON.stringify({ model: 'gpt-test', stream: true, messages: [] })
    const { output } = await run.curl('-d', body, ...json, `${origin.url}/v1/chat/completions`)
    t.match(output.toString(), /data: \[DONE\]\n\n$/, 'the stream came to its end')
    t.equal((await settled(run, 1))[0]?.actual['tokens_out'], usage.output)
  },
)

const json = ['-H', 'content-type: application/json']

inspectTest(
  'what a call may answer is clamped to what the budget has left for it',
  {
    serve: serveModels(emptyBill(), { input: 100, output: 5000 }),
    rules: modelRules,
    budgets: '  - { id: money, scope: run, limits: { cost_usd: 0.10 } }',
    prices,
  },
  async (t, run, origin) => {
    const asked = { model: 'gpt-test', max_tokens: 4096, messages: [] }
    const to = `${origin.url}/v1/chat/completions`
    const { output } = await run.curl('-d', JSON.stringify(asked), ...json, to)
    const { usage: used } = JSON.parse(output.toString()) as {
      usage: { completion_tokens: number }
    }
    t.ok(used.completion_tokens < 4096, 'the provider was told of less')
    t.ok(used.completion_tokens > 1000, 'and of all that was left')
    const spent = Number((await settled(run, 1))[0]?.actual['cost_usd'])
    t.ok(spent <= 100_000_000, `${spent} nano-USD are within ten cents`)
  },
)

for (const client of ['openai', 'anthropic'] as const) {
  inspectTest(
    `a model without a price is refused to ${client}'s client as unpriced-model, and nobody is asked`,
    { serve: serveModels(emptyBill()), rules: modelRules, budgets, prices },
    async (t, run, origin) => {
      const calls = [{ client, model: 'never-heard-of-it', streams: true }]
      const [told] = await calling(run, { url: origin.url, calls })
      t.match(told?.error, /^PermissionDeniedError: 403/, 'the client raises what it knows')
      t.match(told?.error, /unpriced-model/)
      t.same(origin.asked, [])
      t.equal(run.saying('unpriced-model').length, 1)
    },
  )
}
