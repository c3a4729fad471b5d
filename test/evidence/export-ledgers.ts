/** Signed ledgers for the tests of exports and bundles: written by the real writer, with entries of every kind. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Draft } from '../../ledger/entry.ts'
import type { Ledger, LedgerOptions } from '../../ledger/ledger.ts'
import type { World } from '../ledger/open-ledger.ts'
import { begin, unsynced } from '../ledger/stored-ledger.ts'

/** The source of a policy that decided, and its digest. */
export const policySource = '{"agents":{},"version":1}'
export const policyDigest = createHash('sha256').update(policySource).digest('hex')

const policy = `sha256:${policyDigest}`

/** A decision of one agent and run, as the gate writes it. */
export function decided(index: number, more: object = {}): Draft {
  const isDenied = index % 5 === 0
  const data = {
    action: 'get',
    at: 1,
    controls: ['soc-2/CC6.1'],
    host: 'api.example.com',
    kind: 'request',
    method: 'GET',
    mode: 'enforce',
    path: `/a/${index}`,
    policy,
    port: 443,
    reasons: isDenied ? [{ code: 'rule-denied', id: 'no-fives' }] : [],
    request: `request-${index}`,
    rules: ['all'],
    scheme: 'https',
    verdict: isDenied ? 'deny' : 'allow',
    ...more,
  }
  const actor = { agent: index % 2 === 0 ? 'even' : 'odd', run: `r${index % 3}` }
  return { kind: 'decision', actor, data: sorted(data) }
}

/** One of each kind that the gate appends. */
export const others: readonly Draft[] = [
  {
    kind: 'policy.load',
    actor: {},
    data: { at: 1, digest: policy, mode: 'enforce', trigger: 'start', verdict: 'allow' },
  },
  {
    kind: 'preview',
    actor: { agent: 'even', run: 'r0' },
    data: sorted({
      action: 'axn_read',
      domain: 'healthcare',
      host: '',
      policy,
      request: 'p-1',
      resource: 'res_record',
      verdict: 'deny',
    }),
  },
  {
    kind: 'settlement',
    actor: { agent: 'even', key: 'k1', principal: 'someone', project: 'p', run: 'r0', tenant: 't' },
    data: sorted({
      actual: { bytes_down: 20, bytes_up: 10 },
      at: 2,
      duration_ms: 12,
      outcome: 'settled',
      request: 'request-2',
      source: 'proxy',
      status: 200,
    }),
  },
  {
    kind: 'extension',
    actor: { agent: 'even', run: 'r0' },
    data: sorted({ ask: { bytes_up: 10 }, at: 2, request: 'request-2', verdict: 'allow' }),
  },
  {
    kind: 'rejected',
    actor: { agent: 'even' },
    data: sorted({
      at: 3,
      code: 'bad-request',
      count: 7,
      listener: 'gate',
      message: 'It is no request.',
      status: 400,
    }),
  },
  {
    kind: 'approval',
    actor: {},
    data: sorted({
      approval: 'a-1',
      at: 3,
      by: 'anna',
      op: 'approve',
      reason: 'it is fine',
      verdict: 'allow',
    }),
  },
  {
    kind: 'halt',
    actor: {},
    data: sorted({
      at: 3,
      by: 'operator',
      cause: 'operator',
      reason: 'too loud',
      scope: 'agent:even',
      verdict: 'allow',
    }),
  },
  {
    kind: 'reinstate',
    actor: {},
    data: sorted({
      at: 4,
      by: 'operator',
      incarnation: 1,
      reason: 'quiet again',
      scope: 'agent:even',
      verdict: 'allow',
    }),
  },
  {
    kind: 'grant',
    actor: {},
    data: sorted({
      amount: 5,
      at: 4,
      budget: 'daily',
      by: 'operator',
      dimension: 'cost_usd',
      reason: '=cmd()',
      scope: 'agent:even',
      verdict: 'allow',
    }),
  },
  {
    kind: 'revoke',
    actor: {},
    data: sorted({
      amount: 5,
      at: 4,
      budget: 'daily',
      by: 'operator',
      dimension: 'cost_usd',
      reason: 'too much',
      reasons: [{ code: 'no-such-budget', id: 'daily' }],
      scope: 'agent:even',
      verdict: 'deny',
    }),
  },
  {
    kind: 'alert',
    actor: {},
    data: sorted({
      at: 4,
      budget: 'daily',
      dimension: 'cost_usd',
      held: 1,
      limit: 10,
      posted: 8,
      scope: 'agent:even',
      tier: 80,
    }),
  },
  {
    kind: 'incident',
    actor: {},
    data: sorted({ at: 4, code: 'clock', message: 'The clock went back.' }),
  },
  {
    kind: 'system',
    actor: {},
    data: sorted({ at: 4, message: 'a deployment', severity: 'info', type: 'deployment' }),
  },
]

export function sorted(members: object): object {
  return Object.fromEntries(
    Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1)),
  )
}

export interface Filled {
  readonly world: World
  readonly policies: string
}

/** A closed ledger of all kinds and so many decisions, in several segments; signed unless it is asked otherwise. */
export async function filledLedger(
  t: Test,
  { decisions = 60, signed = true, more = [] as readonly Draft[] } = {},
): Promise<Filled> {
  const world = begin(t)
  const ledger = await opened(world, signed)
  for (const draft of [...others, ...more]) await ledger.append(draft)
  for (let index = 0; index < decisions; index += 1) {
    world.clock.now += 7
    await ledger.append(decided(index))
  }
  await ledger.close()
  const policies = join(world.place.data, 'policies')
  mkdirSync(policies)
  writeFileSync(join(policies, `${policyDigest}.json`), policySource)
  return { world, policies }
}

export function opened(
  world: World,
  signed: boolean,
  more: Partial<LedgerOptions> = {},
): Promise<Ledger> {
  return world.open({
    files: unsynced,
    segmentBytesMax: 16_000,
    // What the tests of bundles are about is not what the sum of a ledger's amounts is.
    fold: () => {},
    ...(signed
      ? {
          checkpoints: {
            directory: join(world.place.data, 'checkpoint-keys'),
            generate: () => generateKeyPairSync('ed25519').privateKey,
          },
        }
      : {}),
    ...more,
  })
}
