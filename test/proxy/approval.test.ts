/** What waits for people, on the wire: a real gate, raw bytes, and an origin that sees only what was approved. */
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { handleConnect } from '../../proxy/connect.ts'
import type { Limits } from '../../proxy/limits.ts'
import { startProxy } from '../../proxy/server.ts'
import { handleUpgrade } from '../../proxy/websocket.ts'
import { ApprovalWorld, policy } from '../gate/approval-world.ts'
import { compiled } from '../gate/world.ts'
import { eventually, type RawOrigin, startRawOrigin } from './world.ts'

interface Wire {
  readonly world: ApprovalWorld
  readonly origin: RawOrigin
  /** Whole requests as the origin read them. */
  readonly heard: string[]
  /** Sends raw bytes, and answers all that comes back until the proxy closes. */
  say(head: string, body?: Buffer): Promise<string>
  dial(): Socket
}

async function open(t: Test, terms = '', limits: Partial<Limits> = {}): Promise<Wire> {
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  const heard: string[] = []
  const origin = await startRawOrigin((socket, text) => {
    heard.push(text)
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
  })
  t.teardown(() => origin.close())
  const ports = `, ports: [80, ${origin.port}]`
  const text = policy(terms).replace('hosts: [ask.example.com]', `hosts: [ask.example.com]${ports}`)
  await world.open(await compiled(text))
  t.teardown(() => world.close())
  let count = 0
  const proxy = await startProxy({
    gate: world.gate,
    resolve: () => ({ ok: true, addresses: ['127.0.0.1'] }),
    openers: { tunnel: handleConnect, websocket: handleUpgrade },
    ...{ host: '127.0.0.1', port: 0, listenerAgent: 'a' },
    limits: { drainMs: 500, lingerMs: 300, ...limits },
    log: () => {},
    newId: () => `wire-${++count}`,
    monotonic: () => performance.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs).unref()
      return () => clearTimeout(timer)
    },
  })
  t.teardown(() => proxy.close())
  const dial = (): Socket => {
    const socket = connect(proxy.address.port, '127.0.0.1')
    socket.on('error', () => undefined)
    return socket
  }
  const say: Wire['say'] = (head, body = Buffer.alloc(0)) =>
    new Promise((resolve) => {
      let received = ''
      const socket = dial()
      socket.setEncoding('utf8')
      socket.on('data', (part: string) => {
        received += part
      })
      socket.on('close', () => resolve(received))
      socket.write(Buffer.concat([Buffer.from(head), body]))
    })
  return { world, origin, heard, say, dial }
}

const post = (port: number, headers: string): string =>
  `POST http://ask.example.com:${port}/orders HTTP/1.1\r\nHost: ask.example.com:${port}\r\n` +
  `Connection: close\r\n${headers}\r\n`

const idOf = (answer: string): string => /Haltgate-Approval: (\S+)/.exec(answer)?.[1] ?? ''

test('a 403 names the approval; approved, a byte-identical retry passes once, however it is framed', async (t) => {
  const { heard, origin, say, world } = await open(t)
  const { port } = origin
  const body = Buffer.from('{"qty":1}')
  const whole = post(port, `Content-Length: ${body.length}\r\n`)
  const asked = await say(whole, body)
  t.match(asked, /^HTTP\/1\.1 403 Forbidden \(haltgate: approval-required\)\r\n/)
  t.match(asked, /Haltgate-Decision: approve\r\n/)
  t.match(asked, /Haltgate-Retry: operator\r\n/)
  const id = idOf(asked)
  const problem = JSON.parse(asked.split('\r\n\r\n')[1] ?? '')
  t.match(problem, {
    type: 'urn:haltgate:reason:approval-required',
    approval: { id, state: 'pending', expires: /^\d{4}-.*Z$/, reason: '' },
  })
  t.equal((await world.approve(id)).ok, true)
  t.match(await say(whole, Buffer.from('{"qty":9}')), /approval-required/, 'another body')
  const chunked = Buffer.from('4\r\n{"qt\r\n5\r\ny":1}\r\n0\r\n\r\n')
  t.match(await say(post(port, 'Transfer-Encoding: chunked\r\n'), chunked), /^HTTP\/1\.1 200 OK/)
  t.equal(heard.length, 1)
  t.match(heard[0], /\r\n\r\n\{"qty":1\}$/, 'what was approved is what is sent')
  t.match(await say(whole, body), /approval-required/, 'once')
  t.equal(heard.length, 1)
})

test('a coded body that nobody has to look into goes on as it came', async (t) => {
  const { heard, origin, say, world } = await open(t)
  const body = gzipSync('{"qty":1}')
  const head = post(origin.port, `Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n`)
  await world.approve(idOf(await say(head, body)))
  t.match(await say(head, body), /^HTTP\/1\.1 200 OK/)
  t.match(heard[0], /content-encoding: gzip/i)
  t.match(heard[0], new RegExp(`content-length: ${body.length}`, 'i'))
})

test('a body without end, or too long to be known, is refused and asks nobody', async (t) => {
  const { origin, say, world } = await open(t, '', { judgedBytesMax: 1_000 })
  const long = Buffer.alloc(1_001, 'x')
  const stated = await say(post(origin.port, `Content-Length: ${long.length}\r\n`), long)
  t.match(stated, /^HTTP\/1\.1 413 .*request-too-large/)
  const endless = Buffer.concat([Buffer.from('3e9\r\n'), long, Buffer.from('\r\n')])
  const streamed = await say(post(origin.port, 'Transfer-Encoding: chunked\r\n'), endless)
  t.match(streamed, /^HTTP\/1\.1 413 .*request-too-large/)
  t.equal(world.gate.approvals().length, 0)
})

test('a connection is held for the answer, and goes on with it', async (t) => {
  const { heard, origin, say, world } = await open(t, 'wait: 60s')
  const head = post(origin.port, 'Content-Length: 2\r\n')
  for (const [kind, expected] of [
    ['approve', /^HTTP\/1\.1 200 OK/],
    ['deny', /^HTTP\/1\.1 403 .*approval-denied[\s\S]*"reason":"no"/],
  ] as const) {
    const answer = say(head, Buffer.from('{}'))
    await eventually(() => world.core.approvals.waiting.size === 1)
    const [waiting] = world.gate.approvals()
    await world.answer(kind, waiting?.id ?? '', { reason: 'no' })
    t.match(await answer, expected)
  }
  t.equal(heard.length, 1)
})

test('a client that leaves while it is held uses up no yes', async (t) => {
  const { dial, heard, origin, say, world } = await open(t, 'wait: 60s')
  const head = post(origin.port, 'Content-Length: 2\r\n')
  const socket = dial()
  socket.write(`${head}{}`)
  await eventually(() => world.core.approvals.waiting.size === 1)
  socket.destroy()
  await eventually(() => world.core.approvals.waiting.size === 0)
  const [waiting] = world.gate.approvals()
  await world.approve(waiting?.id ?? '')
  t.equal(heard.length, 0)
  t.match(await say(head, Buffer.from('{}')), /^HTTP\/1\.1 200 OK/)
})

test('a tunnel waits for a person too, and its 403 says for which approval', async (t) => {
  const { dial, origin, say, world } = await open(t)
  const asks = `CONNECT ask.example.com:${origin.port} HTTP/1.1\r\nHost: ask.example.com:${origin.port}\r\n\r\n`
  const asked = await say(asks)
  t.match(asked, /^HTTP\/1\.1 403 Forbidden \(haltgate: approval-required\)/)
  await world.approve(idOf(asked))
  const socket = dial()
  socket.write(asks)
  let received = ''
  socket.on('data', (part) => {
    received += String(part)
  })
  await eventually(() => received.includes('\r\n\r\n'))
  t.match(received, /^HTTP\/1\.1 200 Connection Established/)
  socket.destroy()
  await eventually(() => world.gate.status().holdsOpen === 0)
})
