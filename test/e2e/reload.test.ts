/** A reload tightens at once and never loosens; whatever is wrong with the file, the old policy stays. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { startGate } from './child.ts'
import { ask } from './wire.ts'
import {
  makeDirectory,
  type Origin,
  policyText,
  startOrigin,
  type TestWorld,
  verifyData,
  worldTest,
} from './world.ts'

const limited = (requests: number): string => `  - id: count
    scope: agent
    period: lifetime
    limits: { requests: ${requests} }
    on_limit: block`

const denySecret = '  - { id: secret, hosts: [localhost], paths: ["/secret"], effect: deny }'

const failures = 'haltgate_policy_reload_failures_total'

for (const trigger of ['SIGHUP', 'file change'] as const) {
  void test(`${trigger} puts a tighter policy into force in a running gate`, async (t) => {
    const origin = await startOrigin(t)
    const directory = makeDirectory(t)
    const file = join(directory, 'policies.yaml')
    const ports = [origin.port]
    writeFileSync(file, policyText({ ports }))
    const gate = await startGate(t, directory)
    t.equal((await ask(gate.port, `${origin.url}/secret`)).status, 200)
    writeFileSync(file, policyText({ ports, rules: denySecret }))
    if (trigger === 'SIGHUP') gate.child.kill('SIGHUP')
    await gate.says(new RegExp(`"trigger":"${trigger}","msg":"the policy was reloaded"`))
    const refused = await ask(gate.port, `${origin.url}/secret`)
    t.equal(refused.headers.get('haltgate-reason'), 'rule-denied')
    t.equal((await ask(gate.port, `${origin.url}/other`)).status, 200)
    const broken = policyText({ ports, rules: denySecret }).replace('effect: deny', 'efect: deny')
    writeFileSync(file, broken)
    if (trigger === 'SIGHUP') gate.child.kill('SIGHUP')
    await gate.says(new RegExp(`"trigger":"${trigger}","msg":"the old policy stays in force"`))
    t.match(gate.said(), /policies\.yaml:\d+:\d+: /, 'the problem is told with its place')
    t.equal((await ask(gate.port, `${origin.url}/secret`)).status, 403, 'and still denied')
    gate.child.kill('SIGTERM')
    t.equal(await gate.ended, 0)
    await verifyData(t, gate.settings.dataDirectory)
  })
}

interface Bad {
  readonly name: string
  readonly text: (good: string) => string
  readonly problem: RegExp
}

const bad: readonly Bad[] = [
  {
    name: 'a limit that rises',
    text: (good) => good.replace('requests: 5', 'requests: 6'),
    problem: /count/,
  },
  {
    name: 'a budget that is gone',
    text: (good) => good.slice(0, good.indexOf('budgets:')),
    problem: /count/,
  },
  {
    name: 'a budget that is only a draft now',
    text: (good) => good.replace('id: count', 'id: count\n    state: draft'),
    problem: /count/,
  },
  {
    name: 'a budget that counts less',
    text: (good) => good.replace('id: count', 'id: count\n    paths: ["/x"]'),
    problem: /count/,
  },
  {
    name: 'an unknown key',
    text: (good) => good.replace('on_limit', 'on_limits'),
    problem: /^\S*policies\.yaml:\d+:\d+: .*on_limits/,
  },
  {
    name: 'a unit that is none',
    text: (good) => good.replace('requests: 5', 'requests: 5 pints'),
    problem: /^\S*policies\.yaml:\d+:\d+: /,
  },
  { name: 'no YAML', text: () => 'version: [1', problem: /^\S*policies\.yaml:\d+:\d+: / },
  { name: 'an empty file', text: () => '', problem: /policies\.yaml:/ },
  {
    name: 'the agent of the listener gone',
    text: (good) => good.replace('tester:', 'another:'),
    problem: /tester/,
  },
]

/** A reload that must fail, and must leave everything as it was. */
async function checkKept(t: Test, world: TestWorld, { name, problem }: Omit<Bad, 'text'>) {
  const { digest } = world.world.gate.policy
  const before = await world.metric(failures)
  const { status, body } = await world.control('POST', '/api/v1/policy/reload')
  t.equal(status, 422, name)
  t.match(body['problems'], [problem], `${name}: what is wrong`)
  t.equal(world.world.gate.policy.digest, digest, `${name}: the old policy stays`)
  t.equal(await world.metric(failures), before + 1, `${name}: the metric says so`)
  const ready = await world.control('GET', '/readyz')
  t.equal(ready.status, 200, `${name}: the gate works on`)
}

worldTest(
  'whatever is wrong with the file, the old policy stays, and metric and ledger say so',
  { budgets: limited(5) },
  async (t, world, origin) => {
    const good = policyText({ ports: [origin.port], budgets: limited(5) })
    for (const { name, text, problem } of bad) {
      const broken = text(good)
      t.not(broken, good, name)
      world.writePolicy(broken)
      await checkKept(t, world, { name, problem })
    }
    const { policyFile } = world.settings
    rmSync(policyFile)
    await checkKept(t, world, { name: 'no file', problem: /cannot be read.*ENOENT/ })
    mkdirSync(policyFile)
    await checkKept(t, world, { name: 'a directory', problem: /cannot be read.*EISDIR/ })
    rmSync(policyFile, { recursive: true })
    for (let index = 0; index < 5; index += 1) await world.get(origin.url)
    const refused = await world.get(origin.url)
    t.equal(refused.headers.get('haltgate-reason'), 'budget-exhausted', 'the limit is still 5')
    const loads = world.entries('policy.load')
    const denied = loads.filter(({ data }) => data['verdict'] === 'deny')
    t.equal(denied.length, bad.length + 2, 'each refused reload has an entry')
    t.ok(
      denied.every(({ data }) => String(data['problems']).length > 0),
      'that says what was wrong',
    )
  },
)

worldTest(
  'a reload to the same policy is no news, and a tighter limit binds at once',
  { budgets: limited(5) },
  async (t, world, origin) => {
    const reload = () => world.control('POST', '/api/v1/policy/reload')
    t.equal((await reload()).status, 200)
    t.equal(world.entries('policy.load').length, 1, 'nothing was loaded')
    for (let index = 0; index < 3; index += 1) await world.get(origin.url)
    world.writePolicy(policyText({ ports: [origin.port], budgets: limited(3) }))
    t.equal((await reload()).status, 200)
    const refused = await world.get(origin.url)
    t.equal(refused.headers.get('haltgate-reason'), 'budget-exhausted')
    t.equal(refused.headers.get('haltgate-policy'), world.world.gate.policy.digest)
    world.writePolicy(policyText({ ports: [origin.port], budgets: limited(5) }))
    t.equal((await reload()).status, 422, 'there is no way back by an edit')
    t.equal(origin.total, 3)
  },
)

/** Answers a request to /slow when it is told to, and any other at once. */
function slowly(): {
  readonly serve: RequestListener
  readonly next: () => Promise<ServerResponse>
} {
  const waiting: ((response: ServerResponse) => void)[] = []
  return {
    next: () => new Promise((resolve) => waiting.push(resolve)),
    serve: (request, response) => {
      if (request.url === '/slow') waiting.shift()?.(response)
      else response.end('ok')
    },
  }
}

const slow = slowly()

worldTest(
  'what is under way goes on after a reload that denies it',
  { serve: slow.serve },
  async (t, world, origin) => {
    const arrived = slow.next()
    const answer = world.get(`${origin.url}/slow`)
    const response = await arrived
    response.write('first ')
    const rules = '  - { id: closed, hosts: [localhost], effect: deny }'
    world.writePolicy(policyText({ ports: [origin.port], rules }))
    t.same(await world.world.reload(), { ok: true, digest: world.world.gate.policy.digest })
    t.equal((await world.get(origin.url)).headers.get('haltgate-reason'), 'rule-denied')
    response.end('second')
    t.match(await answer, { status: 200, body: /first.*second/s })
  },
)

/** Sends requests until one is refused, and answers how many passed. */
async function passed(world: TestWorld, origin: Origin): Promise<number> {
  for (let count = 0; count < 50; count += 1) {
    const answer = await world.get(origin.url)
    if (answer.status !== 200) return count
  }
  return 50
}

worldTest(
  'a restart with a looser policy raises no open account; a grant does',
  { budgets: limited(3) },
  async (t, world, origin) => {
    t.equal(await passed(world, origin), 3)
    await world.close()
    world.writePolicy(policyText({ ports: [origin.port], budgets: limited(10) }))
    await world.open()
    t.equal(await passed(world, origin), 0, 'an edit and a restart buy nothing')
    const order = { scope: 'agent:tester', budget: 'count', dimension: 'requests' }
    const reason = 'the work is worth it'
    const granted = await world.control('POST', '/api/v1/grants', { ...order, amount: 2, reason })
    t.equal(granted.status, 200, JSON.stringify(granted.body))
    t.equal(await passed(world, origin), 2, 'an operator does')
    await world.reopen()
    t.equal(await passed(world, origin), 0)
    t.equal(origin.total, 5)
  },
)
