/** What a yes is bound to beside bytes: the form of a request, and what detectors look for in it. */
import { approvalTest, asking, codeOf } from './approval-world.ts'
import { policyText } from './world.ts'

const rules = asking()

approvalTest(
  'a yes to a GET is none to a WebSocket that begins with the same bytes, nor the other way round',
  { policy: policyText('', { rules }) },
  async (t, world) => {
    const get = { method: 'GET', path: '/feed' } as const
    const socket = { ...get, kind: 'websocket' } as const
    t.match(await world.approve(await world.wait(get)), { ok: true })
    const other = await world.ask(socket)
    t.equal(codeOf(other), 'approval-required')
    t.equal(await world.passes(get), true)
    t.match(await world.approve(await world.wait(socket)), { ok: true })
    t.equal(codeOf(await world.ask(get)), 'approval-required')
    t.equal(await world.passes(socket), true)
  },
)

approvalTest(
  'a permit for requests lets no WebSocket pass',
  { policy: policyText('', { rules }) },
  async (t, world) => {
    const get = { method: 'GET', path: '/feed' } as const
    const more = { permits: 5, permitsMs: 60_000 }
    t.match(await world.approve(await world.wait(get), more), { ok: true })
    t.equal(await world.passes(get), true)
    t.equal(await world.passes({ ...get, path: '/other' }), true, 'by the permit')
    t.equal(codeOf(await world.ask({ ...get, kind: 'websocket' })), 'approval-required')
  },
)

const byBody = (payload: string): string =>
  policyText('', { rules: asking('', `, decoder: json, when: "body.qty > 5"${payload}`) })

approvalTest(
  'a rule that asks people by what the body says has it read, and looked through first',
  { policy: byBody(', payload: block') },
  async (t, world) => {
    const needed: unknown[] = []
    const { read } = world
    world.read = (asked) => {
      needed.push(asked)
      return read(asked)
    }
    world.body = '{"qty":6}'
    t.match(await world.approve(await world.wait()), { ok: true })
    t.equal(await world.passes(), true)
    t.match(needed, [{ decoder: 'json', payload: [{ rule: 'person', action: 'block' }] }])
    world.body = '{"qty":5}'
    t.equal(
      codeOf(await world.ask()),
      'no-rule',
      'nobody is asked about what the rule does not mean',
    )
  },
)
