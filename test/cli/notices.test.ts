/** A webhook hears of everything that waits, at least once, signed; and nothing waits for the webhook. */
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { test } from 'tap'
import { Notices, noticesMax, noticeTarget, type Post, signed } from '../../cli/notices.ts'
import { UsageError } from '../../cli/settings.ts'
import type { ApprovalView } from '../../gate/approval-view.ts'
import { settled, VirtualClock } from '../gate/clock.ts'

const view = (id: string, more: Partial<ApprovalView> = {}): ApprovalView => ({
  ...{ id, state: 'pending', agent: 'a', run: 'r1', tenant: null, project: null, actor: null },
  ...{ host: 'ask.example.com', matter: null, wantedBy: ['person'], yes: [], reason: '' },
  ...{ quorums: [{ need: 1, of: [] }], askedAt: 0, expiresAt: 60_000, holds: {}, digest: 'ab' },
  ...more,
})

const asked = (id: string) => ({ id, state: 'pending', view: view(id) }) as const
const over = (id: string) => ({ id, state: 'approved', view: null }) as const

interface World {
  readonly notices: Notices
  readonly clock: VirtualClock
  /** Ids as they were posted, and when. */
  readonly posted: string[]
  readonly logged: object[]
  /** What the webhook answers; a negative number is no answer. */
  status: number
}

function open(secret = ''): World {
  const clock = new VirtualClock()
  const beganMs = clock.monotonicMs()
  const logged: object[] = []
  const posted: string[] = []
  const post: Post = async (_url, { body }) => {
    posted.push(`${JSON.parse(body).approval.id} ${clock.monotonicMs() - beganMs}`)
    if (world.status < 0) throw new Error('ECONNREFUSED')
    return world.status
  }
  const url = new URL('http://hook.example.com/')
  const log = (_level: string, fields: object): void => void logged.push(fields)
  const notices = new Notices({ url, secret, clock, log, post })
  const world = { notices, clock, posted, logged, status: 200 }
  return world
}

test('what is asked is told once where it is taken, in a turn of its own', async (t) => {
  const world = open()
  world.notices.tell(asked('one'))
  t.same(world.posted, [], 'whoever decides is not kept')
  world.notices.tell(asked('one'))
  await world.clock.pass(600_000)
  t.same(world.posted, ['one 0'])
  t.same(world.notices.counts, { failures: 0, lost: 0, waiting: 0 })
})

test('what is not taken is told again, ever later, until it is, or is over', async (t) => {
  const world = open()
  world.status = 500
  world.notices.tell(asked('one'))
  world.notices.tell(asked('two'))
  await world.clock.pass(7_000)
  t.same(world.posted, [
    'one 0',
    'two 0',
    'one 1000',
    'two 1000',
    'one 3000',
    'two 3000',
    'one 7000',
    'two 7000',
  ])
  world.notices.tell(over('two'))
  world.status = -1
  await world.clock.pass(8_000)
  t.same(world.posted.slice(8), ['one 15000'])
  world.status = 204
  await world.clock.pass(16_000)
  t.same(world.posted.slice(9), ['one 31000'])
  t.same(world.notices.counts, { failures: 9, lost: 0, waiting: 0 })
  t.match(world.logged[0], { approval: 'one', tries: 1, retry_ms: 1_000, error: 'it answered 500' })
  t.match(world.logged.at(-1), { error: 'ECONNREFUSED' })
  t.equal(world.clock.timers, 0)
})

test('a redirect is no success, and the wait between two tries has an end', async (t) => {
  const world = open()
  world.status = 302
  world.notices.tell(asked('one'))
  await world.clock.pass(3_600_000)
  const times = world.posted.map((line) => Number(line.split(' ')[1]))
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
  t.equal(Math.max(...gaps), 300_000)
  t.ok(times.length > 15)
})

test('there is room for as many as can wait, and what is lost is counted', async (t) => {
  const world = open()
  for (let count = 0; count <= noticesMax; count += 1) world.notices.tell(asked(`n${count}`))
  t.match(world.notices.counts, { lost: 1, waiting: noticesMax })
  t.match(world.logged, [{ approval: `n${noticesMax}` }])
  world.notices.close()
  await world.clock.pass(1)
  t.same(world.posted, [], 'a gate that ends tells nothing more')
  t.equal(world.clock.timers, 0)
})

test('a start tells what waits, and not what was answered', async (t) => {
  const world = open()
  world.notices.begin([view('one'), view('two', { state: 'approved' }), view('three')])
  await world.clock.pass(0)
  t.same(world.posted, ['one 0', 'three 0'])
})

test('what is posted is signed over its instant and its bytes', async (t) => {
  const heard: { body: string; signature: string }[] = []
  const hook = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => {
      body += part
    })
    request.on('end', () => {
      heard.push({ body, signature: String(request.headers['haltgate-signature']) })
      response.writeHead(202).end()
    })
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  t.teardown(() => hook.close())
  const address = hook.address()
  const port = typeof address === 'object' ? address?.port : 0
  const { clock } = open()
  const url = new URL(`http://127.0.0.1:${port}/hook`)
  const notices = new Notices({ url, secret: 'sesame', clock, log: () => undefined })
  notices.tell(asked('one'))
  await clock.pass(0)
  while (notices.counts.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 2))
  const [first] = heard
  t.match(JSON.parse(first?.body ?? '{}'), {
    type: 'approval.asked',
    approval: { id: 'one', agent: 'a', expires: '1970-01-01T00:01:00.000Z' },
  })
  const [, seconds, code] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(first?.signature ?? '') ?? []
  t.equal(Number(seconds), Math.floor(clock.now() / 1000))
  const expected = createHmac('sha256', 'sesame').update(`${seconds}.${first?.body}`).digest('hex')
  t.equal(code, expected)
  t.same(signed('', 'body', 0), {}, 'without a secret nothing is signed')
  await settled()
})

test('where notices go is an http URL, and their secret stands in the environment or a file', async (t) => {
  const hook = 'https://hook.example.com/x'
  t.equal(noticeTarget(null, {}), null)
  t.equal(noticeTarget('', {}), null)
  t.match(noticeTarget(hook, {}), { url: { href: hook }, secret: '' })
  t.match(noticeTarget(hook, { HALTGATE_NOTIFY_SECRET: 'sesame' }), { secret: 'sesame' })
  const directory = t.testdir({ secret: 'from a file\n' })
  const environment = { HALTGATE_NOTIFY_SECRET_FILE: `${directory}/secret` }
  t.match(noticeTarget(hook, environment), { secret: 'from a file' })
  for (const bad of ['hook', 'ftp://hook.example.com', 'file:///etc/passwd']) {
    t.throws(() => noticeTarget(bad, {}), UsageError, bad)
  }
  const gone = { HALTGATE_NOTIFY_SECRET_FILE: `${directory}/gone` }
  t.throws(() => noticeTarget(hook, gone), UsageError)
})
