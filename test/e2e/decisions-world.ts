/** A real gate of three domains, asked by its control listener and reached through its proxy. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { type Answer as Answered, type Ask, exchange } from '../control/world.ts'
import {
  makeDirectory,
  type Origin,
  readEntries,
  startOrigin,
  TestWorld,
  verifyData,
} from './world.ts'

export const tokenOf = (name: string): string => `${name}-token-0123456789abcdefghijklmnop`

const hashOf = (name: string): string =>
  `sha256:${createHash('sha256').update(tokenOf(name)).digest('hex')}`

/** One rule for each domain, one that asks for a token, and budgets that count. */
export function policyOf(port: number, more = ''): string {
  const place = `hosts: [localhost], ports: [${port}], addresses: [127.0.0.0/8, "::1/128"]`
  const note = 'domain: general, action: axn_write, resource: res_record'
  return `version: 1
defaults: { verdict: deny, tls: tunnel }
agents:
  worker: { tenant: acme, project: lab, tokens: ["${hashOf('worker')}"] }
  clerk: { tenant: acme, tokens: ["${hashOf('clerk')}"] }
  trader: { type: act_trading_agent, tokens: ["${hashOf('trader')}"] }
approvers:
  maria: { groups: [risk], tokens: ["${hashOf('maria')}"] }
rules:
  - { id: write, ${place}, methods: [POST], paths: ["/records"], decoder: json, when: has(body.title), context: { title: body.title }, charge: { risk: 2 }, ${note}, effect: allow }
  - { id: doubt, ${place}, methods: [POST], paths: ["/doubt"], domain: general, action: axn_execute, effect: warn }
  - { id: guarded, ${place}, methods: [POST], paths: ["/guarded"], capability: require, domain: general, action: axn_write, resource: res_file, effect: allow }
  - { id: quotes, ${place}, methods: [GET], paths: ["/quotes/*"], domain: finance, action: axn_read_market_data, resource: res_market_data, effect: allow }
  - { id: rebalance, ${place}, methods: [POST], paths: ["/rebalance"], decoder: json, domain: finance, action: axn_rebalance, resource: res_portfolio, context: { portfolio: body.portfolio }, effect: allow }
  - { id: forget, ${place}, methods: [DELETE], domain: ai, action: axn_delete, resource: res_memory, effect: allow }
budgets:
  - { id: few, scope: run, agents: [worker], period: lifetime, limits: { requests: 3 }, on_limit: block }
${more}`
}

export interface Desk {
  readonly world: TestWorld
  readonly origin: Origin
  /** The policy, as it is written. */
  readonly policyText: string
  /** The operator's token. */
  readonly operator: string
  /** As the operator. */
  ask(path: string, body: object): Promise<Answered>
  get(path: string): Promise<Answered>
  /** As whoever has this token, or anything else. */
  as(
    token: string | null,
    path: string,
    more?: Ask & { readonly method?: string },
  ): Promise<Answered>
  digest(): string
  /** Entries of the refusals of the API itself. */
  rejected(): readonly Readonly<Record<string, unknown>>[]
}

export type Json = Readonly<Record<string, unknown>>

export const general = '/api/v1/general/decisions/request'
export const batch = '/api/v1/constitutional/validate/batch'

export const write = { actor: 'worker/one', action: 'axn_write', resource: 'res_record' }
export const record = { ...write, context: { title: 'Friday' } }

export async function openDesk(t: Test, more = ''): Promise<Desk> {
  const origin = await startOrigin(t)
  const policyText = policyOf(origin.port, more)
  const world = new TestWorld(makeDirectory(t), policyText, { agent: null })
  await world.open()
  t.teardown(() => world.close())
  const operator = readFileSync(`${world.settings.dataDirectory}/control.token`, 'utf8').trim()
  const as: Desk['as'] = (token, path, { method = 'POST', ...rest } = {}) => {
    const { control } = world.world
    const where = 'port' in control ? control : { socketPath: control.path }
    return exchange(where, { method, path, token, ...rest })
  }
  return {
    ...{ world, origin, policyText, operator, as },
    ask: (path, body) => as(operator, path, { body }),
    get: (path) => as(operator, path, { method: 'GET' }),
    digest: () => world.world.gate.policy.digest,
    rejected: () => readEntries(world.settings.dataDirectory, ['rejected']).map(({ data }) => data),
  }
}

/** A test at a desk of its own; its ledger verifies and replays at the end. */
export function deskTest(
  name: string,
  play: (t: Test, desk: Desk) => Promise<void>,
  more = '',
): void {
  void test(name, async (t) => {
    const desk = await openDesk(t, more)
    await play(t, desk)
    t.same(desk.world.seals, [])
    await desk.world.close()
    await verifyData(t, desk.world.settings.dataDirectory)
  })
}

/** Status and first reason code of a refusal of the API, and that it has an entry. */
export function refusalOf(answer: Answered): {
  readonly status: number
  readonly code: unknown
  readonly hasEntry: boolean
} {
  const [reason] = (answer.json['reasons'] ?? []) as readonly Json[]
  return {
    status: answer.status,
    code: reason?.['code'],
    hasEntry: answer.json['receipt'] !== null && answer.json['receipt'] !== undefined,
  }
}

/** What has been used of the requests of a budget, in all its purses. */
export async function usedOf({ get }: Desk, budget: string): Promise<number> {
  const { purses } = (await get('/api/v1/status')).json as { purses: readonly Json[] }
  return purses
    .filter((purse) => purse['budget'] === budget && purse['dimension'] === 'requests')
    .reduce((sum, purse) => sum + Number(purse['limit']) - Number(purse['left']), 0)
}
