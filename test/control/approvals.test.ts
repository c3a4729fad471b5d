/** People answer over the control listener: a real gate, each by its own token, and no role more than its own. */
import { createHash } from 'node:crypto'
import { type Test, test } from 'tap'
import { createMetrics } from '../../control/metrics.ts'
import { startControl } from '../../control/server.ts'
import type { Role } from '../../control/token.ts'
import { ApprovalWorld, codeOf, people, policy } from '../gate/approval-world.ts'
import { compiled } from '../gate/world.ts'
import { type Ask, exchange, readerToken, token } from './world.ts'

const auditorToken = 'auditor-token-0123456789abcdefghijklmnop'
const tokenOf = (name: string): string => `${name}-token-0123456789abcdefghijklmnop`

/** maria and jo are of risk, sam is of sales; one yes of risk is needed, or two. */
function approvers(need = 1): string {
  const groups = { maria: 'risk', jo: 'risk', sam: 'sales' }
  const each = Object.entries(groups).map(([name, group]) => {
    const hash = createHash('sha256').update(tokenOf(name)).digest('hex')
    return { name, group, hash }
  })
  return policy(`of: [risk], need: ${need}`).replace('agents:', people(each))
}

interface Desk {
  readonly world: ApprovalWorld
  ask(method: string, path: string, more?: Ask): ReturnType<typeof exchange>
  say(who: string, id: string, what: 'approve' | 'deny', body?: object): ReturnType<typeof exchange>
}

async function open(t: Test, need = 1): Promise<Desk> {
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  await world.open(await compiled(approvers(need)))
  t.teardown(() => world.close())
  const metrics = createMetrics()
  metrics.attach(world.gate)
  const known: readonly (readonly [string, Role])[] = [
    [token, 'operator'],
    [readerToken, 'viewer'],
    [auditorToken, 'auditor'],
  ]
  const { digest } = world.gate.policy
  const control = await startControl({
    listen: { host: '127.0.0.1', port: 0 },
    gate: world.gate,
    tokens: known.map(([shown, role]) => ({ token: shown, role })),
    reload: async () => ({ ok: true, digest }),
    metrics,
    version: '0.1.0',
    durability: 'group',
  })
  t.teardown(() => control.close())
  const where = 'port' in control.address ? control.address : { host: '', port: 0 }
  const ask: Desk['ask'] = (method, path, more = {}) => exchange(where, { method, path, ...more })
  const say: Desk['say'] = (who, id, what, body = { reason: 'as it should be' }) =>
    ask('POST', `/api/v1/approvals/${id}/${what}`, { token: who, body })
  return { world, ask, say }
}

test('whoever is asked reads what waits, says yes in its own name, and the retry passes once', async (t) => {
  const { ask, say, world } = await open(t)
  const id = await world.wait({ path: '/orders/7' })
  const read = await ask('GET', '/api/v1/approvals', { token: tokenOf('maria') })
  t.match(read.json, {
    total: 1,
    approvals: [
      {
        ...{ id, state: 'pending', agent: 'a', host: 'ask.example.com', wanted_by: ['person'] },
        ...{ quorums: [{ need: 1, of: ['risk'] }], matter: { method: 'POST', path: '/orders/7' } },
        expires: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
      },
    ],
  })
  const metrics = await ask('GET', '/metrics', { token: null })
  t.match(metrics.text, /^haltgate_approvals_pending 1$/m)
  const answer = await say(tokenOf('maria'), id, 'approve')
  t.match(answer.json, { ok: true, approval: id, state: 'approved', receipt: { seq: Number } })
  t.match(world.last('approval'), { by: 'maria', groups: ['risk'], reason: 'as it should be' })
  t.equal(await world.passes({ path: '/orders/7' }), true)
  t.equal(codeOf(await world.ask({ path: '/orders/7' })), 'approval-required')
})

test('each role does what it is for, and nothing else', async (t) => {
  const { ask, say, world } = await open(t)
  const id = await world.wait()
  const maria = tokenOf('maria')
  for (const [who, statuses] of [
    [readerToken, [200, 200, 403, 403]],
    [auditorToken, [200, 200, 403, 403]],
    [maria, [403, 200, 403, 404]],
    [`${maria}x`, [401, 401, 401, 401]],
  ] as const) {
    const answers = [
      await ask('GET', '/api/v1/status', { token: who }),
      await ask('GET', '/api/v1/approvals', { token: who }),
      await ask('POST', '/api/v1/halts', { token: who, body: { scope: 'fleet', reason: 'x' } }),
      await say(who, 'request-0', 'deny'),
    ]
    t.same(
      answers.map(({ status }) => status),
      statuses,
    )
  }
  const [sam, operator] = [
    await say(tokenOf('sam'), id, 'approve'),
    await say(token, id, 'approve'),
  ]
  t.match(sam, { status: 403, json: { type: 'urn:haltgate:reason:approver-refused' } })
  t.match(operator, { status: 403 }, 'the operator is not of risk')
  t.match(world.gate.approvals(), [{ state: 'pending' }])
  t.equal((await say(maria, id, 'approve')).status, 200)
  t.match(await say(maria, id, 'deny'), {
    status: 409,
    json: { type: 'urn:haltgate:reason:approval-closed' },
  })
})

test('two of a quorum say yes, each once', async (t) => {
  const { say, world } = await open(t, 2)
  const id = await world.wait()
  const [maria, jo] = [tokenOf('maria'), tokenOf('jo')]
  t.match((await say(maria, id, 'approve')).json, { state: 'pending' })
  t.match(await say(maria, id, 'approve'), { status: 403 })
  t.match((await say(jo, id, 'approve')).json, { state: 'approved' })
})

test('a policy that takes a token away takes its word away in the same turn', async (t) => {
  const { say, world } = await open(t)
  await world.load(await compiled(policy()))
  const id = await world.wait()
  t.equal((await say(tokenOf('maria'), id, 'approve')).status, 401)
  t.match((await say(token, id, 'approve')).json, { ok: true, state: 'approved' })
  t.match(world.last('approval'), { by: 'operator', groups: ['operator'] })
})

/** Each line: what is wrong, the body, and what the detail must say. */
const malformed: readonly (readonly [string, 'approve' | 'deny', object, RegExp])[] = [
  ['a no without a reason', 'deny', {}, /reason/],
  ['a reason of blanks', 'deny', { reason: ' ' }, /reason/],
  ['a reason of too many bytes', 'deny', { reason: 'ü'.repeat(129) }, /256 bytes/],
  ['a reason with a control sign', 'approve', { reason: 'a\u001b[2J' }, /reason/],
  ['permits without a time', 'approve', { permits: 2 }, /go together/],
  ['a time without permits', 'approve', { for_ms: 1_000 }, /go together/],
  ['half a permit', 'approve', { permits: 0.5, for_ms: 1 }, /permits must be integer/],
  ['permits of a no', 'deny', { reason: 'x', permits: 2, for_ms: 5 }, /unknown key "permits"/],
  ['too many permits', 'approve', { permits: 1e9, for_ms: 5 }, /permits must be <=/],
  ['somebody else’s name', 'approve', { by: 'jo' }, /unknown key "by"/],
]

test('a malformed answer is 400 with what to change, and never reaches the gate', async (t) => {
  const { ask, say, world } = await open(t)
  const id = await world.wait()
  const maria = tokenOf('maria')
  for (const [what, path, body, says] of malformed) {
    const answer = await say(maria, id, path, body)
    t.equal(answer.status, 400, `${what}: ${answer.text}`)
    t.match(answer.json['detail'], says, what)
  }
  for (const odd of ['a%20b', '..%2Fx', 'x'.repeat(129), 'ä']) {
    const answer = await say(maria, encodeURI(odd), 'deny')
    t.ok(answer.status >= 400 && answer.status < 500, `${odd}: ${answer.status}`)
  }
  t.equal((await ask('GET', `/api/v1/approvals/${id}/approve`)).status, 405)
  t.equal(world.entries('approval').length, 0)
})

test('a yes that is for more of its kind is counted down', async (t) => {
  const { say, world } = await open(t)
  const body = { permits: 1, for_ms: 60_000 }
  t.equal((await say(tokenOf('maria'), await world.wait(), 'approve', body)).status, 200)
  t.equal(await world.passes(), true)
  t.equal(await world.passes({ path: '/more' }), true)
  t.equal(codeOf(await world.ask({ path: '/more' })), 'approval-required')
})
