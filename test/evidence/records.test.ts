/** Views of the ledger: each record is what its entries say, joined as they belong together. */
import { type Test, test } from 'tap'
import type { IndexDesk } from '../../evidence/index/desk.ts'
import { csvOf } from '../../evidence/records/csv.ts'
import { limitsOf, withLimits } from '../../evidence/records/limits.ts'
import type { ModelRecord } from '../../evidence/records/model-record.ts'
import type { Step } from '../../evidence/records/trace.ts'
import type { RecordsAsk, RecordView } from '../../evidence/records/views.ts'
import { systemDraft } from '../../gate/statement.ts'
import type { Draft } from '../../ledger/entry.ts'
import { compiled, GateWorld, policyText, settlement } from '../gate/world.ts'
import { entriesOf, makePlace, World } from '../ledger/open-ledger.ts'
import { edit, pathOf } from '../ledger/stored-ledger.ts'
import { ask, called, desk } from './index-world.ts'

async function viewOf(
  index: IndexDesk,
  view: RecordView,
  more: Partial<RecordsAsk> = {},
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { records } = await index.records({ ...ask(), view, ...more })
  return records as readonly Readonly<Record<string, unknown>>[]
}

test('a call of a model is told with its settlement, and a refused one without', async (t) => {
  const { place } = await called(t)
  const index = desk(t, place)
  await index.feedAll()
  const records = (await viewOf(index, 'models')) as unknown as readonly ModelRecord[]
  const entries = entriesOf(place)
  const decisions = entries.filter(
    ({ data, kind }) => kind === 'decision' && data['model'] === 'm-1',
  )
  t.equal(records.length, decisions.length)
  for (const [at, record] of records.entries()) {
    const decision = decisions[at]
    const { request, verdict } = decision?.data ?? {}
    const ended = entries.find(
      ({ data, kind }) => kind === 'settlement' && data['request'] === request,
    )
    const cost = (ended?.data['actual'] as { cost_usd?: number } | undefined)?.cost_usd ?? null
    t.match(record, {
      ...{ request, verdict, model: 'm-1', cost_nano_usd: cost, extensions: 0 },
      decision: `${decision?.seq}-${decision?.hash.slice(0, 16)}`,
      settlement: ended === undefined ? '' : `${ended.seq}-${ended.hash.slice(0, 16)}`,
      prompt_hash: ended === undefined ? '' : 'aa',
      code: verdict === 'deny' ? 'rule-denied' : '',
    })
  }
  t.ok(records.some(({ settlement: one }) => one === ''))
  t.ok(records.some(({ settlement: one }) => one !== ''))
})

test('sums of a run are those of its entries', async (t) => {
  const { place } = await called(t)
  const index = desk(t, place)
  await index.feedAll()
  const entries = entriesOf(place)
  const runs = await viewOf(index, 'runs')
  for (const { agent, cost_nano_usd: cost, decisions, entries: count, refused, run } of runs) {
    const own = entries.filter(({ actor }) => actor.agent === agent && actor.run === run)
    const spent = own.map(
      ({ data }) => (data['actual'] as { cost_usd?: number } | undefined)?.cost_usd ?? 0,
    )
    t.equal(count, own.length)
    t.equal(decisions, own.filter(({ kind }) => kind === 'decision').length)
    t.equal(refused, own.filter(({ data }) => data['verdict'] === 'deny').length)
    t.equal(
      cost,
      spent.reduce((sum, one) => sum + one, 0),
    )
  }
  const named = new Set(
    entries.flatMap(({ actor }) => (actor.run ? [`${actor.agent}/${actor.run}`] : [])),
  )
  t.equal(runs.length, named.size)
})

test('a trace sums up what a run had cost by each step, over pages as in one', async (t) => {
  const { place } = await called(t)
  const index = desk(t, place)
  await index.feedAll()
  const filter = { agent: 'agent1', run: 'r1' }
  const whole = (await viewOf(index, 'trace', { filter })) as unknown as readonly Step[]
  t.ok(whole.length > 3)
  let spent = 0
  for (const step of whole) {
    spent += step.cost_nano_usd
    t.equal(step.spent_nano_usd, spent)
    t.equal(step.settlement === '', step.verdict === 'deny')
  }
  const paged: object[] = []
  let after: number | null = null
  do {
    const page = await index.records({ ...ask(filter, { limit: 3, after }), view: 'trace' })
    paged.push(...page.records)
    after = page.after
  } while (after !== null)
  t.same(paged, whole)
})

/** Entries of a ledger that is opened twice, the first time without its end. */
async function troubled(t: Test, drafts: readonly Draft[]): Promise<IndexDesk> {
  const place = makePlace()
  t.teardown(place.remove)
  const world = new World(place)
  const first = await world.open()
  for (const draft of drafts) await first.append(draft)
  await first.close()
  const second = await world.open()
  await second.close()
  const index = desk(t, place)
  await index.feedAll()
  return index
}

test('records of the system tell of starts, stops, policies and what an operator wrote', async (t) => {
  const load = (digest: string, verdict: string): Draft => ({
    kind: 'policy.load',
    actor: {},
    data: { at: 1, by: 'file', digest, mode: 'enforce', trigger: 'reload', verdict },
  })
  const note = {
    type: 'migration',
    severity: 'warning',
    causedBy: '3-ab',
    message: 'moved',
    by: 'operator',
  } as const
  const index = await troubled(t, [
    ...[load('sha256:1', 'allow'), load('sha256:2', 'deny'), load('sha256:3', 'allow')],
    systemDraft(5, note),
  ])
  const records = await viewOf(index, 'system')
  t.match(records, [
    { type: 'start' },
    { type: 'deployment', before: '', after: 'sha256:1', severity: 'info' },
    { type: 'deployment', before: 'sha256:1', after: 'sha256:2', severity: 'warning' },
    { type: 'deployment', before: 'sha256:1', after: 'sha256:3' },
    { type: 'migration', severity: 'warning', caused_by: '3-ab', message: 'moved', by: 'operator' },
    { type: 'stop' },
    { type: 'start' },
    { type: 'stop' },
  ])
})

test('a start that follows no stop is told as an unclean one, with what it follows', async (t) => {
  const world = await called(t, 5)
  const { place } = world
  edit(pathOf(place, -1), (lines) => lines.slice(0, -1))
  const ledger = await world.open()
  await ledger.close()
  const index = desk(t, place)
  await index.feedAll()
  const [first] = entriesOf(place).filter(({ kind }) => kind === 'boot.open')
  t.match(await viewOf(index, 'system'), [
    { type: 'start' },
    {
      type: 'unclean-stop',
      severity: 'warning',
      caused_by: `${first?.seq}-${first?.hash.slice(0, 16)}`,
    },
    { type: 'stop' },
  ])
})

test('a real gate’s grants, halts and reinstatements are told with who, why, before and after', async (t) => {
  const world = new GateWorld()
  t.teardown(() => world.place.remove())
  const budgets = '  - { id: per-agent, scope: agent, period: lifetime, limits: { requests: 5 } }'
  await world.open(await compiled(policyText(budgets)))
  t.teardown(() => world.close())
  const passage = await world.pass()
  passage.open(() => undefined)
  passage.settle(settlement)
  await world.grant('agent:a', 3)
  await world.halt('agent:a')
  await world.gate.reinstate({
    scope: world.order('agent:a').scope,
    reason: 'again',
    by: 'operator',
  })
  await world.quiet()
  const index = desk(t, world.place)
  await index.feedAll()
  const changes = await viewOf(index, 'changes')
  t.match(changes, [
    { what: 'policy.load', before: '', after: /^sha256:/ },
    {
      what: 'grant',
      by: 'operator',
      subject: /^agent:a .*requests$/,
      after: '+3',
      reason: 'enough',
    },
    { what: 'halt', subject: 'agent:a', before: 'running', after: 'halted', reason: 'enough' },
    { what: 'reinstate', subject: 'agent:a', before: 'halted', after: 'running, incarnation 1' },
  ])
  const steps = await viewOf(index, 'trace', { filter: { agent: 'a', run: 'r1' } })
  t.match(steps, [
    { what: 'GET ok.example.com:80/', verdict: 'allow', outcome: 'settled', status: 200 },
  ])
})

test('limits before and after are those of a replay, of a purse that was used and of one that was not', async (t) => {
  const world = new GateWorld()
  t.teardown(() => world.place.remove())
  const budgets = '  - { id: per-agent, scope: agent, period: lifetime, limits: { requests: 5 } }'
  const policy = await compiled(policyText(budgets))
  await world.open(policy)
  t.teardown(() => world.close())
  await world.grant('agent:b', 7)
  const passage = await world.pass()
  passage.open(() => undefined)
  passage.settle(settlement)
  await world.grant('agent:a', 3)
  const { cause: _, ...order } = world.order('agent:a')
  const revoked = { kind: 'revoke', budget: '', dimension: 'requests', amount: 100 } as const
  await world.gate.grant({ ...order, ...revoked })
  await world.grant('agent:a', -1)
  await world.gate.reinstate({ scope: order.scope, reason: 'it runs', by: 'operator' })
  await world.quiet()
  const index = desk(t, world.place)
  await index.feedAll()
  const changes = (await viewOf(index, 'changes')).filter(({ what }) => what !== 'policy.load')
  const seqs = new Set(changes.map(({ seq }) => Number(seq)))
  const { directory } = world.place
  const replayed = { directory, seqs, termsOf: () => policy, entriesMax: 1_000 }
  const limits = limitsOf(replayed)
  t.equal(limits.stopped, null)
  t.match(withLimits(changes, limits), [
    { what: 'grant', verdict: 'allow', before: '5', after: '12' },
    { what: 'grant', verdict: 'allow', before: '5', after: '8' },
    { what: 'revoke', verdict: 'allow', before: '8', after: '0' },
    { what: 'grant', verdict: 'deny', before: '', after: 'unchanged' },
    { what: 'reinstate', verdict: 'deny', before: '', after: 'unchanged' },
  ])
  const few = limitsOf({ ...replayed, entriesMax: Math.min(...seqs) + 1 })
  t.match(few.stopped, /^more than \d+ entries would have to be replayed$/)
  t.equal(few.limits.size, 1, 'what was reached is told')
  const blind = limitsOf({ ...replayed, termsOf: () => null })
  t.match(blind.stopped, /^entry \d+ does not follow/)
  t.equal(blind.limits.size, 0, 'nothing is told of a state that does not follow')
})

/** What a spreadsheet would run, or a terminal obey. */
const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1+1', '=cmd|" /C calc"!A0']

test('no cell of comma-separated values begins like a formula, and no line is broken by one', async (t) => {
  for (const formula of formulas) {
    const text = csvOf([['head'], [formula]])
    t.notMatch(text.split('\n')[1], /^"?[=+\-@\t\r＝]/, JSON.stringify(text))
  }
  t.equal(csvOf([['a,b', 'c"d', 'e\nf', null, 5, -5]]), '"a,b","c""d",e\\u000af,,5,-5\n')
  t.notMatch(csvOf([['\u001b[2J\u202e']]), /[\u001b\u202e]/)
})
