/** Thousands of requests at once spend a budget once: the origin's own count is the witness. */
import type { Test } from 'tap'
import { type Answer, ask, asRun } from './wire.ts'
import { type Origin, type TestWorld, worldTest } from './world.ts'

const requests = 2_000
const limit = 100
const runs = 20

const lifetime = (onLimit: string): string => `  - id: burst
    scope: agent
    period: lifetime
    limits: { requests: ${limit} }
    on_limit: ${onLimit}`

/** Sends requests all at once, spread over many runs, and answers how many got which status and reason. */
async function burst(world: TestWorld, url: string, count: number): Promise<Map<string, number>> {
  const tally = new Map<string, number>()
  const { port } = world
  const one = async (index: number): Promise<void> => {
    const headers = asRun('tester', `run-${index % runs}`)
    const answer = await ask(port, `${url}/${index}`, { headers, waitMs: 25_000 })
    const outcome = `${answer.status} ${answer.headers.get('haltgate-reason') ?? ''}`.trim()
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
  }
  await Promise.all(Array.from({ length: count }, (_, index) => one(index)))
  return tally
}

const spentOn = (world: TestWorld, budget: string): number =>
  world.world.gate.status().purses.find((purse) => purse.budget === budget)?.posted ?? Number.NaN

worldTest(
  'of 2,000 requests at once, exactly the 100 of the budget reach the origin',
  { budgets: lifetime('block') },
  async (t, world, origin) => {
    const tally = await burst(world, origin.url, requests)
    t.equal(origin.total, limit, 'by its own count')
    t.strictSame(Object.fromEntries(tally), {
      '200': limit,
      '403 budget-exhausted': requests - limit,
    })
    t.equal((await world.get(`${origin.url}/late`, asRun('tester', 'fresh'))).status, 403)
    t.equal(origin.total, limit, 'and a run that nobody named before gains nothing')
    t.equal(spentOn(world, 'burst'), limit)
  },
)

worldTest(
  'a budget that kills lets 100 of 2,000 through, and halts its agent for good',
  { budgets: lifetime('kill') },
  async (t, world, origin) => {
    const before = await burst(world, origin.url, limit)
    t.strictSame(Object.fromEntries(before), { '200': limit }, 'the limit itself halts nothing')
    const after = await burst(world, origin.url, requests - limit)
    t.equal(origin.total, limit, 'by its own count')
    t.strictSame(Object.fromEntries(after), {
      '403 budget-exhausted': 1,
      '403 halted': requests - limit - 1,
    })
    await world.reopen()
    t.equal((await world.get(origin.url)).headers.get('haltgate-reason'), 'halted')
  },
)

worldTest(
  'a budget that kills while its 100 are under way never lets more than those through',
  { budgets: lifetime('kill') },
  async (t, world, origin) => {
    const tally = await burst(world, origin.url, requests)
    const answered = [...tally.values()].reduce((sum, count) => sum + count, 0)
    t.equal(answered, requests, 'each request has an answer')
    t.ok(origin.total <= limit, `${origin.total} reached the origin: the halt cut the others off`)
    t.equal(tally.get('403 budget-exhausted'), 1, 'one request ran into the limit, and halted all')
    const dispatched = world.entries('settlement').filter(({ data }) => {
      return data['outcome'] !== 'voided'
    })
    t.ok(origin.total <= dispatched.length, 'no request reached it that was not settled as sent')
  },
)

const windowMs = 800
const queued = 500

interface Passing {
  readonly admitted: readonly number[]
  readonly arrived: readonly number[]
  /** Longest time from an admission to its arrival. */
  readonly slowest: number
}

/** When each request was admitted, by the ledger, and arrived, by the origin's clock. */
function passing(world: TestWorld, arrivals: ReadonlyMap<string, number>): Passing {
  const admitted: number[] = []
  const arrived: number[] = []
  let slowest = 0
  for (const { data } of world.entries('decision')) {
    const [at, path] = [Number(data['at']), String(data['path'])]
    const arrival = arrivals.get(path)
    if (data['verdict'] !== 'allow' || arrival === undefined) continue
    admitted.push(at)
    arrived.push(arrival)
    slowest = Math.max(slowest, arrival - at)
  }
  return { admitted, arrived, slowest }
}

/** The most instants that lie in any window of a length, its end not included. */
function mostWithin(instants: readonly number[], lengthMs: number): number {
  const sorted = [...instants].sort((left, right) => left - right)
  let most = 0
  let first = 0
  for (const [index, instant] of sorted.entries()) {
    while (instant - (sorted[first] ?? 0) >= lengthMs) first += 1
    most = Math.max(most, index - first + 1)
  }
  return most
}

async function checkWindow(t: Test, world: TestWorld, origin: Origin): Promise<void> {
  const arrivals = new Map<string, number>()
  origin.server.prependListener('request', ({ url }: { url?: string }) => {
    arrivals.set(url ?? '', Date.now())
  })
  const tally = await burst(world, origin.url, queued)
  t.strictSame(Object.fromEntries(tally), { '200': queued }, 'all of them had their turn')
  t.equal(origin.total, queued)
  const { admitted, arrived, slowest } = passing(world, arrivals)
  t.equal(admitted.length, queued, 'each arrival has its decision')
  t.ok(mostWithin(admitted, windowMs) <= limit, 'no window admits more than the limit')
  // An arrival lags its admission by the disk and the dial: only that much may shorten a window.
  t.comment(`slowest way from admission to origin: ${slowest} ms of a window of ${windowMs} ms`)
  const most = mostWithin(arrived, Math.max(1, windowMs - slowest))
  t.ok(most <= limit, `at most ${limit} arrived in any window, and ${most} did`)
  const spread = Math.max(...arrived) - Math.min(...arrived)
  t.ok(spread >= (queued / limit - 1) * windowMs - slowest, `they came over ${spread} ms`)
}

worldTest(
  'of 500 requests at once in a queue, no window ever sees more than its limit',
  {
    budgets: `  - id: paced
    scope: agent
    window: ${windowMs}ms
    limits: { requests: ${limit} }
    on_limit: queue
    queue: { length: 1000, wait: 20s }`,
  },
  checkWindow,
)

worldTest(
  'whoever finds the queue full is told when to come again, and spends nothing',
  {
    budgets: `  - id: paced
    scope: agent
    window: 60s
    limits: { requests: 2 }
    on_limit: queue
    queue: { length: 3, wait: 1s }`,
  },
  async (t, world, origin) => {
    const answers: Answer[] = await Promise.all(
      Array.from({ length: 10 }, (_, index) => world.get(`${origin.url}/${index}`)),
    )
    const reasons = answers.map(({ headers }) => headers.get('haltgate-reason') ?? '')
    t.strictSame(reasons.sort(), [
      ...['', ''],
      ...Array.from({ length: 5 }, () => 'queue-full'),
      ...Array.from({ length: 3 }, () => 'rate-limited'),
    ])
    const refused = answers.filter(({ status }) => status === 429)
    for (const { headers } of refused) {
      const after = Number(headers.get('retry-after'))
      // Whoever came while the first two were still open may find one of them given back in a second.
      const least = headers.get('haltgate-reason') === 'queue-full' ? 1 : 50
      t.ok(after >= least && after <= 60, `Retry-After: ${after}`)
    }
    t.equal(origin.total, 2)
    t.equal(spentOn(world, 'paced'), 2)
  },
)
