/** Snapshots and contracts: what is no state is refused, and each contract catches the state that breaks it. */
import { test } from 'tap'
import { canonical } from '../../kernel/canonical.ts'
import { ContractError } from '../../kernel/contract.ts'
import {
  checkHoldChange,
  checkPurseChange,
  checkScopeChange,
  checkState,
  checkWhole,
} from '../../kernel/contracts.ts'
import { restore, snapshot } from '../../kernel/snapshot.ts'
import {
  type Account,
  emptyState,
  type Hold,
  type Purse,
  type ScopeState,
  type State,
} from '../../kernel/state.ts'
import { Table } from '../../kernel/table.ts'
import { changed } from './changed.ts'
import { budget, minute, scope, start, termsOf, World } from './world.ts'

/** A state with something of everything in it. */
function busy(): World {
  const budgets = [
    budget('run', { requests: 9, tokens: 100 }),
    budget(
      'rate',
      { hosts: 5, requests: 9 },
      { scope: 'agent', period: { kind: 'window', lengthMs: minute } },
    ),
    budget('daily', { requests: 9 }, { scope: 'fleet', period: { kind: 'day' } }),
  ]
  const world = new World(termsOf({ budgets }))
  world.whole({}, { tokens: 7 })
  world.now += 5
  world.whole({ host: 'b' })
  const { hold } = world.admit({ charge: { tokens: 3 } })
  world.dispatch(hold?.request ?? '')
  world.admit()
  world.halt('run:ann/old')
  return world
}

test('a snapshot is canonical, names its version, and restores exactly', async (t) => {
  const { state, terms } = busy()
  const text = snapshot(state)
  t.equal(text, canonical(JSON.parse(text)))
  const copy = restore(text)
  t.equal(snapshot(copy), text)
  checkState(copy, terms)
  t.equal(
    snapshot(restore(snapshot(emptyState))),
    '{"holds":[],"now":0,"policy":"","purses":[],"runs":[],"scopes":[],"version":1}',
  )
})

const nonsense: readonly (readonly [readonly (string | number)[], unknown])[] = [
  [['version'], 2],
  [['now'], -1],
  [['now'], 1.5],
  [['now'], 'x'],
  [['policy'], 5],
  [['holds'], {}],
  [['holds', 0], null],
  [['holds', 0, 'state'], 'settled'],
  [['holds', 0, 'vector'], null],
  [['holds', 0, 'vector', 'Bad'], 1],
  [['holds', 0, 'path', 0], 'planet'],
  [['holds', 0, 'lines', 0, 'purse'], 'gone'],
  [['holds', 0, 'lines', 0, 'amounts'], []],
  [['holds', 0, 'extra'], 1],
  [['holds', 0, 'request'], undefined],
  [['holds', 0, 'incarnations', 1], 1],
  [['holds', 0, 'incarnations'], []],
  [['holds', 0, 'admittedAt'], start + minute],
  [['purses', 0, 'key'], 'agent:ann run rate'],
  [['purses', 0, 'period'], 5],
  [['purses', 0, 'period'], { kind: 'year' }],
  [['purses', 0, 'period'], { kind: 'day', lengthMs: 5 }],
  [['purses', 0, 'accounts', 1, 'held'], 5],
  [['purses', 0, 'accounts', 1, 'posted'], 50],
  [['purses', 0, 'accounts', 1, 'refills', 0, 'at'], start * 2],
  [['purses', 0, 'accounts', 1, 'refills', 0, 'amount'], 2],
  [
    ['purses', 0, 'dimensions'],
    ['requests', 'hosts'],
  ],
  [
    ['purses', 0, 'hosts'],
    ['b', 'b'],
  ],
  [['purses', 0, 'hostsUntil'], []],
  [['purses', 1, 'accounts', 0, 'expired'], 1],
  [['purses', 1, 'instance'], ''],
  [['runs', 0, 'number'], 5],
  [['runs'], []],
  [['scopes', 0, 'mode'], 'draining'],
  [['scopes', 0, 'cause'], null],
  [['scopes', 0, 'cause'], 'boredom'],
  [['scopes', 0, 'incarnation'], 1],
]
for (const [path, value] of nonsense) {
  test(`a snapshot with ${path.join('.')} = ${JSON.stringify(value)} is refused`, async (t) => {
    const text = snapshot(busy().state)
    t.throws(() => restore(changed(text, path, value)), ContractError)
  })
}

test('a text that is not canonical, not JSON, out of order or too deep is refused', async (t) => {
  const text = snapshot(busy().state)
  const parsed = JSON.parse(text)
  t.throws(() => restore(`${text} `), { message: /canonical text/ })
  t.throws(() => restore(text.slice(1)), { message: 'a snapshot is JSON' })
  t.throws(() => restore('['.repeat(100_000)), ContractError)
  t.throws(() => restore(canonical({ ...parsed, purses: parsed.purses.reverse() })), {
    message: 'a table of a snapshot ascends',
  })
})

const account: Account = {
  granted: 10,
  revoked: 1,
  posted: 4,
  overrun: 0,
  held: 2,
  expired: 1,
  refills: [],
  tier: 0,
  declared: 10,
}
const purse: Purse = {
  key: 'fleet run b',
  budget: 'b',
  scope: scope('fleet'),
  period: { kind: 'run' },
  instance: '',
  dimensions: ['requests'],
  accounts: [account],
  hosts: [],
  hostsUntil: [],
}

const moves: readonly (readonly [Partial<Account>, RegExp])[] = [
  [{ granted: 11 }, /^P4/],
  [{ granted: 9 }, /^P4/],
  [{ declared: 11 }, /^P4/],
  [{ revoked: 0 }, /^P3/],
  [{ posted: 3 }, /^P3/],
  [{ expired: 0 }, /^P3/],
  [{ held: -1 }, /^P1/],
  [{ held: 7 }, /^I3/],
  [{ posted: 2 ** 53 }, /^P8/],
  [{ posted: 0.5, expired: 0 }, /^P8/],
  [{ overrun: -1 }, /^P8/],
  [{ revoked: 11 }, /revoked than was granted/],
  [{ expired: 5 }, /leaves a window/],
  [{ refills: Array.from({ length: 65 }, (_, at) => ({ at, amount: 1 })) }, /bounded/],
]
for (const [move, message] of moves) {
  test(`a step that makes an account ${JSON.stringify(move).slice(0, 40)} is a violation`, async (t) => {
    const after = { ...purse, accounts: [{ ...account, ...move }] }
    t.throws(() => checkPurseChange({ before: purse, after, granting: false }), { message })
  })
}

test('only a grant may raise what was granted, and not even a grant may lower it', async (t) => {
  const raised = { ...purse, accounts: [{ ...account, granted: 11 }] }
  checkPurseChange({ before: purse, after: raised, granting: true })
  t.throws(() => checkPurseChange({ before: raised, after: purse, granting: true }), /^.*P3/)
  const overrun = { ...purse, accounts: [{ ...account, overrun: 5 }] }
  t.throws(() => checkPurseChange({ before: overrun, after: purse, granting: true }), {
    message: /^P3/,
  })
  const lost = { ...purse, accounts: [] }
  t.throws(() => checkPurseChange({ before: purse, after: lost, granting: false }), ContractError)
})

test('a halted incarnation stays halted, and an incarnation rises by one from a halt', async (t) => {
  const running: ScopeState = {
    scope: scope('agent:ann'),
    mode: 'running',
    incarnation: 0,
    since: 0,
    cause: null,
  }
  const halted: ScopeState = { ...running, mode: 'halted', cause: 'operator' }
  checkScopeChange(undefined, running)
  checkScopeChange(running, halted)
  checkScopeChange(halted, { ...running, incarnation: 1 })
  for (const [before, after] of [
    [halted, running],
    [halted, halted],
    [halted, { ...running, incarnation: 2 }],
    [running, { ...running, incarnation: 1 }],
    [undefined, { ...running, incarnation: 1 }],
  ] as const) {
    t.throws(() => checkScopeChange(before, after), ContractError)
  }
})

test('a hold moves from held to dispatched to its end, and no other way', async (t) => {
  const held: Hold = {
    request: 'q',
    state: 'held',
    admittedAt: 0,
    path: [],
    incarnations: [],
    lines: [],
    vector: {},
  }
  const dispatched: Hold = { ...held, state: 'dispatched' }
  checkHoldChange(undefined, held)
  checkHoldChange(held, dispatched)
  checkHoldChange(dispatched, null)
  checkHoldChange(held, held)
  t.throws(() => checkHoldChange(undefined, dispatched), { message: /^P6/ })
  t.throws(() => checkHoldChange(dispatched, held), { message: /^P6/ })
  t.throws(() => checkHoldChange(undefined, null), { message: /^P6/ })
  t.throws(() => checkHoldChange(undefined, { ...held, vector: { wall: -1 } }), { message: /^P8/ })
})

test('the deep check finds what no step could have made', async (t) => {
  const { state, terms } = busy()
  checkState(state, terms)
  const run = state.purses.get('run:ann/r1 run run')
  const hold = state.holds.get('q0003')
  if (run === undefined || hold === undefined) throw new Error('the world is as it was built')
  const put = <V>(table: Table<V>, key: string, value: V): Table<V> => table.set(key, value)
  const withAccount = (change: Partial<Account>): State => {
    const accounts = run.accounts.map((each) => ({ ...each, ...change }))
    return { ...state, purses: put(state.purses, run.key, { ...run, accounts }) }
  }
  const broken: readonly State[] = [
    { ...state, now: -1 },
    { ...state, purses: put(state.purses, 'other', run) },
    { ...state, holds: put(state.holds, 'other', hold) },
    { ...state, holds: Table.empty() },
    { ...state, runs: put(state.runs, 'ann', 1) },
    { ...state, runs: put(state.runs, 'zoe', 1) },
    {
      ...state,
      scopes: put(state.scopes, 'x', {
        scope: scope('run:a/b'),
        mode: 'running',
        incarnation: 0,
        since: 0,
        cause: null,
      }),
    },
    withAccount({ held: 0 }),
    withAccount({ refills: [{ at: 5, amount: 1 }] }),
    { ...state, purses: put(state.purses, run.key, { ...run, hosts: ['a'], hostsUntil: [5] }) },
    {
      ...state,
      purses: put(state.purses, run.key, {
        ...run,
        dimensions: ['hosts', 'tokens'],
        hosts: ['a', 'b', 'c'],
      }),
    },
  ]
  for (const [index, each] of broken.entries()) {
    t.throws(() => checkWhole(each), ContractError, `broken state ${index}`)
  }
  const wider = termsOf({ budgets: [budget('run', { requests: 9, risk: 1 })] })
  t.throws(() => checkState(state, wider), { message: /all dimensions of its budget/ })
  checkState({ ...state, policy: 'sha256:other' }, wider)
  checkState(
    state,
    termsOf({
      budgets: [
        budget('daily', { risk: 1 }, { scope: 'agent', period: { kind: 'day' } }),
        budget('run', { risk: 1 }, { period: { kind: 'lifetime' } }),
      ],
    }),
  )
})
