/** A yes is to what people were told of: what wants one later, or beside, is asked about by itself. */
import { test } from 'tap'
import type { Judgement } from '../../kernel/domain.ts'
import { ApprovalWorld, approvalTest, asking, codeOf } from './approval-world.ts'
import { compiled, policyText } from './world.ts'

const budget = `  - id: few
    scope: agent
    period: lifetime
    limits: { requests: 2 }
    on_limit: approve`

approvalTest(
  'permits to a rule overdraw no budget that asks people itself',
  { policy: policyText(budget, { rules: asking() }) },
  async (t, world) => {
    const more = { permits: 50, permitsMs: 60_000 }
    t.match(await world.approve(await world.wait(), more), { ok: true })
    t.equal(await world.passes(), true)
    t.equal(await world.passes({ path: '/2' }), true, 'by the permit')
    t.match(await world.ask({ path: '/3' }), {
      code: 'approval-required',
      reasons: [{ id: 'person' }, { id: 'few' }],
    })
    const id = await world.wait({ path: '/4' })
    t.match(await world.approve(id, more), { ok: true }, 'who is told of the budget')
    t.equal(await world.passes({ path: '/5' }), true, 'may permit more than it has')
  },
)

const said = (code: string): Judgement => ({
  violations: [
    {
      ...{ domain: 'energy', code, severity: 'high', verdict: 'approve', need: 1, of: [] },
      ...{ message: 'People must agree.', recommendation: 'Wait.' },
    },
  ],
  ...{ checks: [], charge: {}, marks: [], controls: [], riskLevel: 0, added: {} },
})

test('a yes, and a permit, are to the checks that were named, and to no other', async (t) => {
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  let judgement = said('switching')
  await world.open({ ...(await compiled(policyText())), judge: () => judgement })
  t.teardown(() => world.close())
  const at = { host: 'ok.example.com' }
  const permits = { permits: 5, permitsMs: 60_000 }
  t.match(await world.approve(await world.wait(at), permits), { ok: true })
  judgement = said('another')
  t.equal(codeOf(await world.ask(at)), 'approval-required', 'asked anew')
  t.equal(codeOf(await world.ask({ ...at, path: '/x' })), 'approval-required', 'not permitted')
  judgement = said('switching')
  t.equal(await world.passes({ ...at, path: '/y' }), true, 'by the permit')
})

test('the human on whose behalf it is asked answers under no spelling of the name', async (t) => {
  const text = policyText('', { rules: asking() })
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  await world.open(
    await compiled(text.replace('a: { tenant: acme }', 'a: { tenant: acme, actor: Maria }')),
  )
  t.teardown(() => world.close())
  const { principal } = world.facts()
  const id = await world.wait({ principal: { ...principal, actor: 'Maria' } })
  for (const by of ['Maria', 'maria', 'MARIA', 'a', 'A']) {
    t.match(
      await world.approve(id, { by }),
      { ok: false, reasons: [{ code: 'approver-refused' }] },
      by,
    )
  }
  t.match(await world.approve(id, { by: 'jo' }), { ok: true })
})
