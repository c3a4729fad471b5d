/** The commands of people: what they print, what they end with, against a real gate and its listener. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { type ApprovalContext, approve, deny, list } from '../../cli/approvals.ts'
import { settingsOf, UsageError } from '../../cli/settings.ts'
import { createMetrics } from '../../control/metrics.ts'
import { startControl } from '../../control/server.ts'
import { ApprovalWorld, codeOf, policy } from '../gate/approval-world.ts'
import { compiled } from '../gate/world.ts'

const token = 'operator-token-0123456789abcdefghijklmnop'

interface Desk {
  readonly world: ApprovalWorld
  readonly printed: string[]
  readonly context: ApprovalContext
}

async function open(t: Test): Promise<Desk> {
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  await world.open(await compiled(policy()))
  t.teardown(() => world.close())
  const { digest } = world.gate.policy
  const control = await startControl({
    listen: { host: '127.0.0.1', port: 0 },
    gate: world.gate,
    tokens: [{ token, role: 'operator' }],
    reload: async () => ({ ok: true, digest }),
    metrics: createMetrics(),
    version: '0.1.0',
    durability: 'group',
  })
  t.teardown(() => control.close())
  const data = t.testdir()
  writeFileSync(join(data, 'control.token'), `${token}\n`)
  const port = 'port' in control.address ? control.address.port : 0
  const settings = settingsOf({ control: `127.0.0.1:${port}`, data }, {})
  const printed: string[] = []
  const print = (text: string): void => void printed.push(text)
  return { world, printed, context: { settings, token: null, json: false, print } }
}

test('what waits is listed with who asks, for what, and until when; and approved it passes once', async (t) => {
  const { context, printed, world } = await open(t)
  t.equal(await list(context, false), 0)
  t.equal(printed.pop(), 'nothing waits for a person')
  const id = await world.wait({ path: '/orders/\u001b[2J7' })
  t.equal(await list(context, false), 0)
  const [heads, row] = (printed.pop() ?? '').split('\n')
  t.match(heads, /^id +state +agent +what +wanted by +yes +expires$/)
  t.match(row, /pending +a\/r1 +POST ask\.example\.com\/orders\/\?\[2J7 +person +- \(of 1\) +2026-/)
  t.ok(row?.startsWith(id))
  t.equal(await approve(context, id, { reason: 'fine' }), 0)
  t.equal(printed.pop(), `${id} is approved`)
  await list(context, false)
  t.equal(printed.pop(), 'nothing waits for a person')
  await list(context, true)
  t.match(printed.pop(), /approved/)
  t.equal(await world.passes({ path: '/orders/\u001b[2J7' }), true)
})

test('a no ends with its reason, and a second answer with 1', async (t) => {
  const { context, printed, world } = await open(t)
  const id = await world.wait()
  t.equal(await deny(context, id, 'too much'), 0)
  t.equal(printed.pop(), `${id} is denied`)
  t.match(await world.ask(), { code: 'approval-denied', approval: { reason: 'too much' } })
  t.equal(await approve(context, id, {}), 1)
  t.match(printed.pop(), /^refused: .*denied/)
  t.equal(await approve({ ...context, json: true }, 'request-0', {}), 1)
  t.match(JSON.parse(printed.pop() ?? ''), { type: 'urn:haltgate:reason:approval-unknown' })
})

test('more of its kind are approved with a count and a time', async (t) => {
  const { context, printed, world } = await open(t)
  const id = await world.wait()
  t.equal(await approve(context, id, { permits: '2', for: '1h' }), 0)
  t.equal(printed.pop(), `${id} is approved, and 2 more of its kind for 1h`)
  for (const path of ['/orders', '/two', '/three']) t.equal(await world.passes({ path }), true)
  t.equal(codeOf(await world.ask({ path: '/four' })), 'approval-required')
})

test('what cannot be meant is told before anything is asked', async (t) => {
  const { context } = await open(t)
  for (const flags of [
    { permits: '2' },
    { for: '1h' },
    { permits: 'x', for: '1h' },
    { permits: '0', for: '1h' },
    { permits: '2', for: 'soon' },
  ]) {
    await t.rejects(approve(context, 'id', flags), UsageError, JSON.stringify(flags))
  }
  await t.rejects(deny(context, '../../halts', 'x'), UsageError)
})
