/** Several decisions in turn, decisions that hold, stricter ones, and who may ask for which. */
import { decodeJwt } from 'jose'
import {
  batch,
  type Desk,
  deskTest,
  general,
  type Json,
  record,
  refusalOf,
  tokenOf,
  usedOf,
} from './decisions-world.ts'

deskTest(
  'each of several sees the holds of the ones before, and none of them stays',
  async (t, desk) => {
    const items = Array(5).fill({ ...record, domain: 'general' })
    for (const [path, member] of [
      [batch, 'items'],
      ['/api/v1/runtime/simulate', 'steps'],
    ] as const) {
      const { json } = await desk.ask(path, { [member]: items })
      const decisions = json['decisions'] as readonly Json[]
      t.equal(json['total'], 5)
      t.same(
        decisions.map(({ decision }) => decision),
        ['permit', 'permit', 'permit', 'deny', 'deny'],
        path,
      )
      t.match(decisions[3], {
        reasoning: [{ code: 'budget-exhausted', id: 'few' }],
        violations: [{ principle: 'budgets' }],
      })
      t.equal(
        new Set(decisions.map(({ receipt }) => receipt)).size,
        5,
        'each has an entry of its own',
      )
    }
    t.equal(await usedOf(desk, 'few'), 0)
    const full = Array(50).fill({ ...record, domain: 'general', actor: 'trader' })
    t.match(await desk.ask(batch, { items: full }), { status: 200, json: { total: 50 } })
  },
)

deskTest(
  'with commit a hold is made, settled by what it cost, and given back by nobody twice',
  async (t, desk) => {
    const committed = { ...record, commit: true }
    const first = await desk.ask(general, committed)
    t.match(first.json, { decision: 'permit', hold: /^\S+$/ })
    t.equal(await usedOf(desk, 'few'), 1, 'it holds')
    const hold = String(first.json['hold'])
    t.match(await desk.ask(`/api/v1/holds/${hold}/settle`, { actual: { risk: 1 } }), {
      status: 200,
      json: { ok: true, hold },
    })
    t.equal(await usedOf(desk, 'few'), 1, 'and was spent')
    const twice = await desk.ask(`/api/v1/holds/${hold}/settle`, { actual: {} })
    t.same(refusalOf(twice), { status: 404, code: 'approval-unknown', hasEntry: true })
    const giveBack = (id: unknown): ReturnType<Desk['ask']> =>
      desk.ask(`/api/v1/holds/${id}/void`, {})
    const unused = (await desk.ask(general, committed)).json['hold']
    t.match(await giveBack(unused), { status: 200, json: { ok: true, hold: unused } })
    t.equal(await usedOf(desk, 'few'), 1, 'all of it is given back')
    t.equal((await giveBack(unused)).status, 404, 'once')
    const second = await desk.ask(general, committed)
    await desk.ask(general, committed)
    t.match((await desk.ask(general, committed)).json, {
      decision: 'deny',
      hold: null,
      reasoning: [{ id: 'few' }],
    })
    await desk.ask('/api/v1/halts', { scope: 'run:worker/one', reason: 'a test' })
    const halted = await desk.ask(`/api/v1/holds/${second.json['hold']}/settle`, { actual: {} })
    t.same(refusalOf(halted), { status: 409, code: 'halted', hasEntry: true })
    t.match((await desk.ask(general, record)).json, {
      decision: 'deny',
      verdict: 'halt',
      violations: [{ severity: 'critical', principle: 'halts' }],
    })
    await desk.world.close()
    const outcomes = desk.world.entries('settlement').map(({ data }) => data['outcome'])
    t.same(
      outcomes,
      ['settled', 'voided', 'voided', 'voided'],
      'what is open when the gate ends is given back',
    )
  },
)

deskTest('a caller can make it stricter, and never milder', async (t, desk) => {
  const doubt = { actor: 'worker/two', action: 'axn_execute', context: {} }
  const levels = [
    [undefined, 'standard', 'permit'],
    ['permissive', 'standard', 'permit'],
    ['standard', 'standard', 'permit'],
    ['strict', 'strict', 'deny'],
  ] as const
  for (const [asked, level, decision] of levels) {
    const { json } = await desk.ask(general, {
      ...doubt,
      ...(asked === undefined ? {} : { compliance_level: asked }),
    })
    t.match(json, { verdict: 'warn', compliance_level: level, decision }, String(asked))
    t.equal(json['capability_token'] === null, decision === 'deny')
    t.ok(Number((json['compliance'] as Json)['score']) < 1, 'a warning is not nothing')
  }
  const strict = await desk.ask(general, { ...doubt, compliance_level: 'strict', commit: true })
  t.match(
    strict.json,
    { decision: 'deny', hold: null },
    'and holds nothing that it does not permit',
  )
  t.same(desk.world.entries('decision'), [])
})

deskTest(
  'what needs a person says so; with commit it is asked for, and passes once that was said',
  async (t, desk) => {
    const body = {
      actor: 'trader',
      action: 'axn_rebalance',
      resource: 'res_portfolio',
      context: { portfolio: 'growth' },
    }
    const path = '/api/v1/finance/decisions/request'
    t.match((await desk.ask(path, body)).json, {
      decision: 'deny',
      verdict: 'approve',
      approval: null,
    })
    t.match((await desk.get('/api/v1/approvals')).json, { total: 0 })
    const asked = (await desk.ask(path, { ...body, commit: true })).json
    t.match(asked, {
      decision: 'deny',
      verdict: 'approve',
      approval: { id: /^\S+$/, expires: /Z$/ },
    })
    const { id } = asked['approval'] as { id: string }
    const yes = await desk.as(tokenOf('maria'), `/api/v1/approvals/${id}/approve`, { body: {} })
    t.equal(yes.status, 200, yes.text)
    t.match((await desk.ask(path, { ...body, commit: true })).json, {
      decision: 'permit',
      hold: /\S/,
    })
    const forget = { actor: 'worker', action: 'axn_delete', resource: 'res_memory', context: {} }
    t.match(
      (await desk.ask('/decisions/request', forget)).json,
      { domain: 'ai', verdict: 'approve' },
      'the domain ai',
    )
  },
)

deskTest(
  'an agent asks about itself with its own token, holds nothing, and reads nothing else',
  async (t, desk) => {
    const token = tokenOf('worker')
    t.match(await desk.as(token, general, { body: record }), {
      status: 200,
      json: { decision: 'permit' },
    })
    const items = [{ ...record, domain: 'general' }]
    t.match(await desk.as(token, batch, { body: { items } }), { status: 200 })
    const foreign = await desk.as(token, general, { body: { ...record, actor: 'trader' } })
    t.same(refusalOf(foreign), { status: 403, code: 'identity-unknown', hasEntry: true })
    const mixed = await desk.as(token, batch, {
      body: { items: [...items, { ...record, actor: 'workers/x' }] },
    })
    t.same(refusalOf(mixed), { status: 403, code: 'identity-unknown', hasEntry: true })
    const held = await desk.as(token, general, { body: { ...record, commit: true } })
    t.same(refusalOf(held), { status: 403, code: 'rule-denied', hasEntry: true })
    t.same(desk.world.entries('decision'), [])
    for (const path of [
      '/api/v1/status',
      '/api/v1/runs',
      '/api/v1/approvals',
      '/api/v1/domains',
      '/api/v1/constitutional/audit',
      '/openapi.json',
    ]) {
      t.equal((await desk.as(token, path, { method: 'GET' })).status, 403, path)
    }
    const orders: readonly (readonly [string, object])[] = [
      ['/api/v1/governance/policies/evaluate', { ...record, domain: 'general' }],
      ['/api/v1/constitutional/policies/synthesize', {}],
      ['/api/v1/holds/x/settle', { actual: {} }],
      ['/api/v1/halts', { scope: 'fleet', reason: 'x' }],
      ['/api/v1/approvals/x/approve', {}],
    ]
    for (const [path, body] of orders)
      t.equal((await desk.as(token, path, { body })).status, 403, path)
    t.equal(
      (await desk.as(tokenOf('maria'), general, { body: record })).status,
      403,
      'nor does an approver ask',
    )
    t.equal((await desk.as(null, general, { body: record })).status, 401)
  },
)

deskTest(
  'an agent that asks without end has to wait, and the operator does not',
  async (t, desk) => {
    const items = Array(50).fill({ ...record, domain: 'general' })
    const statuses: number[] = []
    for (let asked = 0; asked < 13; asked += 1) {
      const answer = await desk.as(tokenOf('worker'), batch, { body: { items } })
      statuses.push(answer.status)
      if (answer.status === 429) t.match(answer.headers, { 'retry-after': /^\d+$/ })
    }
    t.same(statuses, [...Array(12).fill(200), 429])
    t.equal(
      (
        await desk.as(tokenOf('trader'), batch, {
          body: { items: [{ ...record, actor: 'trader' }] },
        })
      ).status,
      200,
    )
    t.equal((await desk.ask(batch, { items })).status, 200)
  },
)

deskTest(
  'what is answered is of the policy that judged it, whatever is loaded meanwhile',
  async (t, desk) => {
    const before = desk.digest()
    const body = { ...record, constitutional_hash: before }
    const asks = Array.from({ length: 30 }, () => desk.ask(general, body))
    const rule = '  - { id: more, hosts: [more.example.com], effect: deny }'
    desk.world.writePolicy(desk.policyText.replace('budgets:', `${rule}\nbudgets:`))
    const reloaded = desk.ask('/api/v1/policy/reload', {})
    const during = Array.from({ length: 30 }, () => desk.ask(general, body))
    t.equal((await reloaded).status, 200)
    for (const answer of await Promise.all([...asks, ...during])) {
      if (answer.status === 409) {
        t.match(answer.json, { reasons: [{ code: 'policy-mismatch' }] })
        continue
      }
      const { capability_token: token, constitutional_hash: digest } = answer.json
      t.same([answer.status, digest, decodeJwt(String(token))['pol']], [200, before, before])
    }
    t.equal((await desk.ask(general, body)).status, 409)
    t.equal((await desk.ask(general, { ...body, constitutional_hash: desk.digest() })).status, 200)
  },
)
