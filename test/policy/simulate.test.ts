/** Recorded decisions under another policy: what changes, what stays, and what nobody can say. */
import fc from 'fast-check'
import { test } from 'tap'
import type { AdmitEvent } from '../../kernel/event.ts'
import type { Verdict } from '../../kernel/verdict.ts'
import { Simulation } from '../../policy/simulate.ts'
import type { RecordedDecision } from '../../policy/simulate-facts.ts'
import { type SimulationReport, Tally } from '../../policy/simulate-report.ts'
import { base, local, policyOf, withRules } from './facts.ts'
import '../kernel/seed.ts'

const admission: AdmitEvent = {
  ...{ kind: 'admit', at: 1_000, request: 'r', principal: local, host: 'a.test' },
  ...{ rules: ['open'], drafts: [], budgets: [], charge: { requests: 1, effort: 1, inflight: 1 } },
  ...{ ask: {}, refusals: [], queue: 'open' },
}

let seq = 0

/** An allowed GET http://a.test/ of the agent `local`, changed as asked. */
function decision(
  changes: Partial<RecordedDecision> = {},
  event: Partial<AdmitEvent> = {},
): RecordedDecision {
  seq += 1
  return {
    ...{ seq, kind: 'request', method: 'GET', scheme: 'http', port: 80, path: '/' },
    ...{ isPathRedacted: false, decoder: '', model: '', verdict: 'allow', code: '' },
    isApproved: false,
    event: { ...admission, request: `r${seq}`, ...event },
    ...changes,
  }
}

/** Takes the decisions, each settled at once. */
async function simulated(
  text: string,
  decisions: readonly RecordedDecision[],
  actual = {},
): Promise<SimulationReport> {
  const tally = new Tally()
  const simulation = new Simulation(await policyOf(text), tally)
  for (const each of decisions) {
    simulation.take({ kind: 'decision', decision: each })
    if (each.verdict !== 'allow') continue
    const { at, request } = each.event
    const event = { kind: 'settle', at, request, outcome: 'settled', actual } as const
    simulation.take({ kind: 'event', seq: each.seq, event })
  }
  return tally.report()
}

const open = '  - {id: open, hosts: [a.test], effect: allow}'

test('a rule that is gone, or new, changes the verdicts of its requests, and the report says by what', async (t) => {
  const denied: Partial<RecordedDecision> = { verdict: 'deny', code: 'no-rule' }
  const decisions = [
    decision(),
    decision(),
    decision(denied, { host: 'b.test', rules: [] }),
    decision({ path: '/x/1' }),
  ]
  const text = withRules(`${open}
  - {id: fresh, hosts: [b.test], effect: allow}
  - {id: no-x, hosts: [a.test], paths: ["/x/**"], ports: [80], effect: deny}`)
  const report = await simulated(text, decisions)
  t.match(report, { decisions: 4, same: 2, changed: 2, unknown: 0 })
  const [one, two] = report.changes
  t.match(one, { before: 'deny', after: 'allow', id: 'fresh', host: 'b.test', count: 1 })
  t.match(two, { before: 'allow', after: 'deny', id: 'no-x', code: 'rule-denied', host: 'a.test' })
  t.equal(two?.example, 'GET http://a.test/x/1')
  t.same(two?.seqs, [decisions[3]?.seq])
})

test('budgets are spent as the ledger says, at its times, and refuse where the candidate has less', async (t) => {
  const minute = (index: number): Partial<AdmitEvent> => ({ at: 1_000 + index * 20_000 })
  const decisions = Array.from({ length: 6 }, (_, index) => decision({}, minute(index)))
  const budgets = `budgets:
  - {id: minute, scope: agent, window: 60s, limits: {requests: 2}}`
  const report = await simulated(withRules(open, budgets), decisions)
  t.equal(report.changed, 2, 'two of three fit in each minute')
  t.match(report.changes[0], { after: 'deny', id: 'minute', code: 'rate-limited', count: 2 })
  t.match(report.spends, [
    { agent: 'local', dimension: 'requests', before: 6, after: 4 },
    { agent: 'local', dimension: 'effort', before: 6, after: 4 },
  ])
  const bytes = `budgets:\n  - {id: bytes, scope: agent, limits: {bytes_down: 250}}`
  const metered = decisions.map((each) => ({
    ...each,
    event: { ...each.event, ask: { bytes_down: 1_000 } },
  }))
  const cut = await simulated(withRules(open, bytes), metered, { bytes_down: 100 })
  t.match(cut.changes[0], { after: 'deny', id: 'bytes', code: 'budget-exhausted', count: 3 })
})

test('what a rule charges anew is what is spent', async (t) => {
  const charging = '  - {id: open, hosts: [a.test], charge: {risk: 7}, effect: allow}'
  const report = await simulated(withRules(charging), [decision(), decision()])
  t.match(report.spends, [{ agent: 'local', dimension: 'risk', before: 0, after: 14 }])
  t.equal(report.changed, 0)
})

test('what the ledger does not hold is unknown, and is not guessed', async (t) => {
  const denied: Partial<RecordedDecision> = { verdict: 'deny' }
  const finding = { code: 'destination-forbidden', id: '', message: '' } as const
  const table: readonly (readonly [string, string, RecordedDecision])[] = [
    ['query-or-headers', `${open.slice(0, -1)}, when: 'request.headers["a"] == "b"'}`, decision()],
    ['query-or-headers', `${open.slice(0, -1)}, when: 'has(request.query.a)'}`, decision()],
    ['body', `${open.slice(0, -1)}, tls: inspect, decoder: json, when: body.a == 1}`, decision()],
    [
      'body',
      `${open.slice(0, -1)}, decoder: json, when: body.a == 1}`,
      decision({ decoder: 'json' }),
    ],
    ['body', `${open.slice(0, -1)}, decoder: json}`, decision({ decoder: 'form' })],
    ['path', `${open.slice(0, -1)}, paths: ["/**"]}`, decision({ isPathRedacted: true })],
    [
      'payload',
      `${open.slice(0, -1)}, id: other, payload: block}`.replace('id: open, ', ''),
      decision(),
    ],
    [
      'destination',
      `${open.slice(0, -1)}, addresses: [10.0.0.0/8]}`,
      decision(denied, { refusals: [finding] }),
    ],
    [
      'approval',
      `${open}\n  - {id: ask, hosts: [a.test], effect: approve}`,
      decision({ isApproved: true }),
    ],
  ]
  for (const [why, rules, recorded] of table) {
    const report = await simulated(withRules(rules), [recorded])
    t.match(report, { unknown: 1, changed: 0, same: 0, whyUnknown: { [why]: 1 } }, rules)
  }
})

test('what is decided without that which is hidden is known', async (t) => {
  const table: readonly (readonly [string, RecordedDecision])[] = [
    [`'request.method == "PUT" && has(request.query.a)'`, decision()],
    [`'request.method == "GET" || request.headers["a"] == "b"'`, decision()],
    [`'request.host == "a.test"'`, decision({ isPathRedacted: true })],
  ]
  for (const [when, recorded] of table) {
    const rules = `${open}\n  - {id: more, hosts: [a.test], when: ${when}, effect: warn}`
    t.equal((await simulated(withRules(rules), [recorded])).unknown, 0, when)
  }
  const decoded = `${open.slice(0, -1)}, decoder: json}`
  const report = await simulated(withRules(decoded), [decision({ decoder: 'json' })])
  t.match(report, { unknown: 0, same: 1 }, 'that it was read is recorded')
})

test('a model that the candidate does not price is refused', async (t) => {
  const rules = `${open.slice(0, -1)}, decoder: openai}`
  const call = { decoder: 'openai', model: 'nobodys-model' } as const
  const report = await simulated(withRules(rules), [decision(call, { ask: { tokens_in: 9 } })])
  t.match(report.changes[0], { after: 'deny', code: 'unpriced-model' })
})

test('no halt that followed from the old policy binds the new one, and those of operators do', async (t) => {
  const policy = await policyOf(withRules(open))
  for (const [cause, changed] of [
    ['rule', 0],
    ['operator', 1],
  ] as const) {
    const tally = new Tally()
    const simulation = new Simulation(policy, tally)
    const event = { kind: 'halt', at: 999, scope: 'agent:local', cause } as never
    simulation.take({ kind: 'event', seq: 0, event })
    simulation.take({ kind: 'decision', decision: decision() })
    t.equal(tally.report().changed, changed, cause)
  }
})

test('whatever stands in the entries, the simulation goes on', async (t) => {
  const policy = await policyOf(base)
  const word = fc.oneof(fc.constantFrom('a.test', 'x.b.test', '/', '__proto__', 'GET'), fc.string())
  const number = fc.oneof(fc.integer(), fc.double())
  const vector = fc.dictionary(word, number)
  const event = fc.record({
    ...{ host: word, request: word, at: number, charge: vector, ask: vector },
    rules: fc.array(word),
    queue: fc.constantFrom('open', 'full', 'expired'),
  })
  const recorded = fc.record({
    kind: fc.constantFrom('request', 'tunnel', 'reach', 'websocket', 'action'),
    ...{ method: word, path: word, port: number, isPathRedacted: fc.boolean() },
    verdict: fc.constantFrom<Verdict>('allow', 'deny', 'halt', 'queue'),
    decoder: fc.constantFrom('', 'json', 'openai'),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(recorded, event), { maxLength: 12 }), (entries) => {
      const tally = new Tally()
      const simulation = new Simulation(policy, tally)
      for (const [changes, more] of entries) {
        const one = decision(changes as Partial<RecordedDecision>, more as Partial<AdmitEvent>)
        simulation.take({ kind: 'decision', decision: one })
      }
      const { decisions, same, changed, unknown } = tally.report()
      return decisions === entries.length && same + changed + unknown === decisions
    }),
  )
  t.end()
})
