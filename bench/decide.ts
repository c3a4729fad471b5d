/** Decisions: classified, judged by a domain and stepped, in this process; and over the decision API. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import type { Classification } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Principal } from '../kernel/scope.ts'
import { emptyState } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import { type CompiledPolicy, loadPolicy } from '../policy/load.ts'
import { figure, quantile, type Section } from './figures.ts'
import { cpuSeconds, startServer, stopServer } from './process.ts'

const principal: Principal = {
  agent: 'trader',
  run: 'default',
  tenant: null,
  project: null,
  actor: null,
  key: null,
}

/** So many rules, of which one is about the host that is asked; it names a domain. */
function policyText(rules: number): string {
  const others = Array.from(
    { length: rules - 1 },
    (_, index) =>
      `  - { id: other-${index}, hosts: [host-${index}.example], methods: [GET], effect: allow }`,
  )
  return `version: 1
agents: { trader: {} }
rules:
${others.join('\n')}
  - id: read-pump
    hosts: [scada.example]
    methods: [GET]
    paths: ["/assets/**"]
    domain: general
    action: axn_read
    resource: res_record:pump-7
    effect: allow
budgets:
  - { id: per-run, scope: run, limits: { requests: 1000000000 }, on_limit: block }
`
}

async function loaded(rules: number): Promise<CompiledPolicy> {
  const read = await loadPolicy({ name: 'bench.yaml', text: policyText(rules) })
  if ('policy' in read) return read.policy
  throw new Error(read.problems.map(({ message }) => message).join('; '))
}

function factsOf(index: number, distinct: number): RequestFacts {
  return {
    id: `request-${index}`,
    principal,
    kind: 'request',
    method: 'GET',
    scheme: 'http',
    host: 'scada.example',
    port: 80,
    path: `/assets/pump-${index % distinct}`,
    query: '',
    headers: {},
    content: null,
  }
}

const at = 1_790_000_000_000

/** Everything that is decided about one request, in microseconds each. */
function timesOf(policy: CompiledPolicy, seconds: number, distinct: number): readonly number[] {
  const times: number[] = []
  const load = step(emptyState, { kind: 'load', at, digest: policy.digest }, policy)
  const begun = performance.now()
  for (let index = 0; performance.now() - begun < seconds * 1000; index += 1) {
    const facts = factsOf(index, distinct)
    const before = performance.now()
    const classified: Classification = policy.classify(facts)
    const judgement = policy.judge(facts, classified, { at, proofs: [] })
    step(
      load.state,
      {
        kind: 'admit',
        at,
        request: facts.id,
        principal,
        host: facts.host,
        rules: classified.rules,
        drafts: classified.drafts,
        budgets: classified.budgets,
        charge: judgement?.charge ?? {},
        ask: {},
        refusals: classified.refusals,
        queue: 'open',
      },
      policy,
    )
    times.push((performance.now() - before) * 1000)
  }
  // The first third warms up.
  return times.slice(Math.floor(times.length / 3))
}

interface DecideOptions {
  readonly directory: string
  /** Of the gate: the proxy's, and the next one for its control listener. */
  readonly port: number
  readonly seconds: number
}

/** Decisions in process with few and many rules, and what the API answers. */
export async function benchDecide(options: DecideOptions): Promise<Section> {
  const { seconds } = options
  const rows: string[][] = []
  for (const rules of [10, 100, 10_000]) {
    const policy = await loaded(rules)
    // As many paths as there are entries to remember, twice: half of them are asked anew.
    const times = timesOf(policy, seconds / 2, 64)
    const { hits, misses } = policy.memory
    const share = hits + misses === 0 ? 0 : (100 * hits) / (hits + misses)
    const figures = [quantile(times, 0.5), quantile(times, 0.99)].map(
      (time) => `${figure(time)} µs`,
    )
    rows.push([
      `decision, ${rules.toLocaleString('en-US')} rules and a domain`,
      ...figures,
      `${figure(share)} %`,
    ])
  }
  rows.push(...(await apiRows(options)))
  return {
    title: 'Decisions',
    note: 'classify, judge and step in this process; then over HTTP, one preview entry each. Goals: 100 rules p50 ≤ 30 µs, 10,000 ≤ 2 × 10; remembered > 85 %.',
    heads: ['what', 'p50', 'p99', 'remembered, or a CPU-second'],
    rows,
  }
}

/** So many requests are under way at once. */
const concurrency = 16

async function apiRows({ directory, port, seconds }: DecideOptions): Promise<string[][]> {
  const home = join(directory, 'decide')
  mkdirSync(home)
  const policy = join(home, 'policies.yaml')
  writeFileSync(policy, policyText(100))
  const data = join(home, 'data')
  const command = [process.execPath, 'dist/cli/main.js', 'start', '--listen', `127.0.0.1:${port}`]
  command.push('--control', `127.0.0.1:${port + 1}`, '--policy', policy, '--data', data)
  command.push('--any-filesystem', '--log-level', 'silent')
  const started = await startServer(command, port)
  try {
    const token = readFileSync(join(data, 'control.token'), 'utf8').trim()
    const ask = { actor: 'trader', action: 'axn_read', resource: 'res_record:pump-7', context: {} }
    const single = await load({
      ...{ pid: started.pid, port: port + 1, token, seconds },
      ...{ path: '/api/v1/general/decisions/request', body: JSON.stringify(ask) },
    })
    const items = Array.from({ length: 50 }, () => ({ ...ask, domain: 'general' }))
    const batch = await load({
      ...{ pid: started.pid, port: port + 1, token, seconds },
      ...{ path: '/api/v1/constitutional/validate/batch', body: JSON.stringify({ items }) },
    })
    return [
      ['decision API, one', ...single],
      ['decision API, batch of 50', ...batch],
    ]
  } finally {
    await stopServer(started)
  }
}

interface Load {
  readonly pid: number
  readonly port: number
  readonly token: string
  readonly path: string
  readonly body: string
  readonly seconds: number
}

/** p50, p99 in ms, and requests a CPU-second of the gate. */
async function load(options: Load): Promise<string[]> {
  const { body, path, pid, port, seconds, token } = options
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
  }
  const times: number[] = []
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const begun = performance.now()
      const asked = request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent })
      asked.on('response', (response) => {
        response.resume()
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
          times.push(performance.now() - begun)
          resolve()
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
  const until = performance.now() + seconds * 1000
  await one()
  const cpu = cpuSeconds(pid)
  const lanes = Array.from({ length: concurrency }, async () => {
    while (performance.now() < until) await one()
  })
  await Promise.all(lanes)
  agent.destroy()
  const rate = times.length / (cpuSeconds(pid) - cpu)
  return [`${figure(quantile(times, 0.5))} ms`, `${figure(quantile(times, 0.99))} ms`, figure(rate)]
}
