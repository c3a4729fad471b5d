/** Every refusal that plain HTTP can meet keeps the whole contract, and leaves exactly one entry, which it names. */
import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { connect, createServer } from 'node:net'
import { type Test, test } from 'tap'
import { type ReasonCode, reasons } from '../../kernel/reasons.ts'
import { problemFaults } from './problem.ts'
import {
  budgets,
  get,
  ofDestination,
  ofFront,
  ofKernel,
  type Place,
  type Row,
  rules,
  serve,
  silentMs,
} from './refusal-rows.ts'
import { type Answer, readAnswer, send } from './wire.ts'
import { listen, makeDirectory, policyText, startOrigin, TestWorld, verifyData } from './world.ts'

/** What is wrong with a refusal's head, as sentences. */
function headFaults(answer: Answer, row: Row, digest: string): readonly string[] {
  const { code } = row
  const status = row.status ?? reasons[code].status
  const { retry } = reasons[code]
  const phrase = `${STATUS_CODES[status]} (haltgate: ${code})`
  const decision = row.decision ?? (status >= 500 ? 'error' : 'deny')
  const wanted: readonly (readonly [name: string, value: string | RegExp])[] = [
    ['content-type', 'application/problem+json'],
    ['content-length', String(answer.body.length)],
    ['cache-control', 'no-store'],
    ['haltgate-decision', decision],
    ['haltgate-reason', code],
    ['haltgate-retry', retry],
    ['haltgate-policy', digest],
    ['proxy-status', new RegExp(`^haltgate; error=[a-z_]+; details="${code}"$`)],
    ['haltgate-receipt', /^\d+-[0-9a-f]{16}$/],
  ]
  const faults = wanted.flatMap(([name, value]) => {
    const given = answer.headers.get(name) ?? ''
    const fits = typeof value === 'string' ? given === value : value.test(given)
    return fits ? [] : [`${name} is '${given}', not ${value}`]
  })
  if (answer.status !== status) faults.push(`the status is ${answer.status}, not ${status}`)
  if (answer.phrase !== phrase) faults.push(`the phrase is '${answer.phrase}', not '${phrase}'`)
  const waits = answer.headers.has('retry-after')
  if (waits && retry !== 'after') faults.push('Retry-After where waiting does not help')
  if (!waits && status === 429) faults.push('429 without Retry-After')
  if (answer.headers.has('proxy-authenticate') !== (status === 407)) {
    faults.push('Proxy-Authenticate belongs to 407')
  }
  return faults
}

/** Sends a row's bytes and checks all that was promised of its refusal. */
async function checkRow(t: Test, row: Row, place: Place): Promise<void> {
  const { world } = place
  await row.prepare?.(place)
  const before = world.entries('decision', 'rejected').length
  const answer = await send(world.port, row.bytes(place))
  checkAnswer(t, row, { answer, world, before })
}

function checkAnswer(
  t: Test,
  row: Row,
  { answer, world, before }: { answer: Answer; world: TestWorld; before: number },
): void {
  const { digest } = world.world.gate.policy
  t.strictSame(headFaults(answer, row, digest), [], `${row.name}: the head`)
  t.strictSame(problemFaults(answer, row.code), [], `${row.name}: the body`)
  const made = world.entries('decision', 'rejected').slice(before)
  t.equal(made.length, 1, `${row.name}: one entry`)
  const receipt = made.map(({ seq, hash }) => `${seq}-${hash.slice(0, 16)}`)[0]
  t.equal(answer.headers.get('haltgate-receipt'), receipt, `${row.name}: the receipt names it`)
}

async function openPlace(t: Test): Promise<Place> {
  const origin = await startOrigin(t, serve)
  const liar = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('220 mail.example ESMTP\r\n')
  })
  const closed = createServer()
  const liarPort = await listen(t, liar)
  const closedPort = await listen(t, closed)
  closed.close()
  const policy = policyText({ ports: [origin.port], rules: rules(closedPort, liarPort), budgets })
  const limits = { upstreamHeadersTimeoutMs: silentMs }
  const world = new TestWorld(makeDirectory(t), policy, { limits })
  await world.open()
  t.teardown(() => world.close())
  return { world, origin: origin.url, closed: closedPort, liar: liarPort }
}

async function closePlace(t: Test, { world }: Place): Promise<void> {
  await world.close()
  await verifyData(t, world.settings.dataDirectory)
}

for (const [name, rows] of [
  ['a refusal of the kernel', ofKernel],
  ['a refusal for the destination', ofDestination],
] as const) {
  void test(`${name} keeps the contract and leaves one entry`, async (t) => {
    const place = await openPlace(t)
    for (const row of rows) await checkRow(t, row, place)
    await closePlace(t, place)
  })
}

void test('a malformed request is refused by the contract and leaves one entry', async (t) => {
  const place = await openPlace(t)
  // More than twenty in a second would be folded: the second half waits for the next one.
  const half = Math.ceil(ofFront.length / 2)
  for (const [index, row] of ofFront.entries()) {
    if (index % half === 0) await nextSecond()
    await checkRow(t, row, place)
  }
  await closePlace(t, place)
})

void test('no rule can open the metadata address: the gate does not start with it', async (t) => {
  for (const range of ['169.254.0.0/16', '169.254.169.254/32', 'fd00:ec2::/32']) {
    const rule = `  - { id: leak, hosts: [metadata.test], addresses: ["${range}"], effect: allow }`
    const world = new TestWorld(makeDirectory(t), policyText({ ports: [1], rules: rule }))
    t.teardown(() => world.close())
    await t.rejects(world.open(), /policies\.yaml:\d+:\d+: .*(metadata|never)/, range)
  }
})

function nextSecond(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_005 - (Date.now() % 1_000)))
}

void test('inside a tunnel to port 80 a Host that is not the target is refused', async (t) => {
  const place = await openPlace(t)
  const { world } = place
  const opening = 'CONNECT plain.test:80 HTTP/1.1\r\n\r\n'
  const inner = 'GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n'
  const before = world.entries('decision', 'rejected').length
  const opened = await send(world.port, opening + inner, {
    keep: (socket) => t.teardown(() => socket.destroy()),
  })
  t.equal(opened.status, 200)
  const answer = await tunnelled(world.port, opening, inner)
  const made = world.entries('decision', 'rejected').length - before
  t.equal(made, 2, 'the same request twice: sent with the CONNECT, and after its answer')
  checkAnswer(
    t,
    { name: 'host', code: 'authority-mismatch', bytes: () => '' },
    {
      ...{ answer, world },
      before: before + 1,
    },
  )
  await closePlace(t, place)
})

void test('a body that the parser gives up on ends its request, and is refused with 413', async (t) => {
  const place = await openPlace(t)
  const { world } = place
  const head = get(place.origin, 'Transfer-Encoding: chunked').replace('GET', 'POST')
  const answer = await send(world.port, `${head}1;${'a'.repeat(20_000)}`)
  t.equal(answer.status, 413)
  t.strictSame(problemFaults(answer, 'request-too-large'), [])
  const receipts = world.entries('rejected').map(({ seq, hash }) => `${seq}-${hash.slice(0, 16)}`)
  t.strictSame(receipts, [answer.headers.get('haltgate-receipt')], 'one entry rejects it')
  await world.eventually(() => world.entries('settlement').length > 0)
  await closePlace(t, place)
  const [decided] = world.entries('decision')
  const [settled] = world.entries('settlement')
  t.equal(settled?.data['request'], decided?.data['request'], 'what was admitted is settled')
})

/** Opens a tunnel, then sends a request in it, and answers what came to that. */
function tunnelled(port: number, opening: string, inner: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let isOpen = false
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (!isOpen && end >= 0) {
        isOpen = true
        text = text.slice(end + 4)
        socket.write(inner)
      }
      const answer = isOpen && text !== '' ? readAnswer(text, false) : null
      if (answer === null) return
      socket.destroy()
      resolve(answer)
    })
    socket.write(opening)
  })
}

const token = 'correct-horse-battery-staple'

void test('who does not say who they are is refused by the contract', async (t) => {
  const origin = await startOrigin(t)
  const hash = createHash('sha256').update(token).digest('hex')
  const agents = `  tester: { tokens: ["sha256:${hash}"] }`
  const policy = policyText({ ports: [origin.port], agents })
  const world = new TestWorld(makeDirectory(t), policy, { agent: null })
  await world.open()
  t.teardown(() => world.close())
  const place = { world, origin: origin.url, closed: 0, liar: 0 }
  const claims: readonly (readonly [string, ReasonCode, readonly string[]])[] = [
    ['nobody', 'identity-required', []],
    ['no Basic', 'identity-required', [`Proxy-Authorization: Bearer ${token}`]],
    ['a bad token', 'identity-unknown', [claim('tester', 'wrong')]],
    ['no token', 'identity-unknown', [claim('tester', '')]],
    ['an unknown agent', 'identity-unknown', [claim('stranger', token)]],
    ['a bad run', 'identity-unknown', [claim('tester+../x', token)]],
  ]
  for (const [name, code, headers] of claims) {
    await checkRow(t, { name, code, bytes: () => get(origin.url, ...headers) }, place)
    const bytes = `CONNECT localhost:1 HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`
    await checkRow(t, { name: `${name}, in a CONNECT`, code, bytes: () => bytes }, place)
  }
  t.equal(origin.total, 0)
  const known = await send(world.port, get(origin.url, claim('tester+one', token)))
  t.equal(known.status, 200, 'and who does is let through')
  await closePlace(t, place)
  t.notMatch(JSON.stringify(world.entries()), token, 'no credential is in the ledger (I6)')
})

const claim = (user: string, password: string): string =>
  `Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

void test('3,000 malformed requests leave a few entries a second, whose counts add up', async (t) => {
  const place = await openPlace(t)
  const { world } = place
  const total = 3_000
  const wave = 500
  for (let sent = 0; sent < total; sent += wave) {
    const sending = Array.from({ length: wave }, () => send(world.port, 'GET / HTTP/1.1\r\n\r\n'))
    const answers = await Promise.all(sending)
    t.ok(
      answers.every(({ status }) => status === 400),
      `${wave} refused`,
    )
  }
  await closePlace(t, place)
  const rejected = world.entries('rejected')
  const sum = rejected.reduce((so, { data }) => so + Number(data['count']), 0)
  t.equal(sum, total, 'nothing is lost')
  const seconds = new Map<number, number>()
  for (const { data } of rejected) {
    const second = Math.floor(Number(data['at']) / 1000)
    seconds.set(second, (seconds.get(second) ?? 0) + 1)
  }
  t.comment(`${rejected.length} entries over ${seconds.size} s`)
  // Twenty of their own, and one for the rest: two where a flush falls together with the end.
  t.ok(Math.max(...seconds.values()) <= 22, 'bounded in each second')
})

void test('a gate that shuts down refuses what is new, and says so', async (t) => {
  const place = await openPlace(t)
  const { world } = place
  const before = world.entries('decision', 'rejected').length
  world.world.gate.drain()
  const row: Row = { name: 'draining', code: 'shutting-down', bytes: () => get(place.origin) }
  const answer = await send(world.port, row.bytes(place))
  const faults = headFaults(answer, row, world.world.gate.policy.digest)
  t.strictSame(
    faults.filter((fault) => !fault.startsWith('haltgate-receipt')),
    [],
  )
  t.strictSame(problemFaults(answer, row.code), [])
  const made = world.entries('decision', 'rejected').length - before
  t.equal(made, answer.headers.has('haltgate-receipt') ? 1 : 0, 'a receipt names an entry')
  await closePlace(t, place)
})
