/** Requests that go through another proxy: what it is asked and shown, and that it is no way around the gate. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { fleet } from '../../kernel/scope.ts'
import { ask } from '../e2e/wire.ts'
import { listen, makeDirectory } from '../e2e/world.ts'
import {
  askInside,
  askStream,
  askThrough,
  echoOf,
  loopback,
  policyFor,
  shown,
  startOrigins,
} from './chain-clients.ts'
import { openChainGate, startOtherProxy, tunnelTo } from './chain-world.ts'

test('each kind of request goes through the proxy, which sees judged addresses and nothing else', async (t) => {
  const origins = await startOrigins(t)
  const { plain, secure, ca } = origins
  const other = await startOtherProxy(t)
  const policy = policyFor(t, { url: other.url, ports: [plain, secure] })
  const gate = await openChainGate(t, { policy, upstreamCa: ca })
  const url = `http://localhost:${plain}/plain?x=1`
  t.match(await ask(gate.port, url), { status: 200, body: 'seen /plain?x=1' })
  t.match(await ask(gate.port, url), { status: 200 }, 'on the connection that stands')
  t.match(await askInside(gate, secure), { status: 200, body: 'seen /inside' })
  t.equal(await askStream(t, gate, secure), 'seen /stream')
  t.equal(await echoOf(t, gate, plain, null), 'hello')
  t.equal(await echoOf(t, gate, secure, await gate.inside(secure)), 'hello')
  const opaque = await openChainGate(t, { policy, tls: 'tunnel' })
  t.match(await askThrough(t, opaque, origins), { status: 200, body: 'seen /through' })

  t.equal(other.heads.length, 6, 'one CONNECT for each connection')
  for (const head of other.heads) {
    t.match(
      head,
      /^CONNECT (127\.0\.0\.1|\[::1\]):\d+ HTTP\/1\.1\r\nHost: (127\.0\.0\.1|\[::1\]):\d+\r\n/,
    )
    t.match(head, `\r\nProxy-Authorization: ${shown}\r\n\r\n`)
  }
  t.equal(origins.heads.length, 7)
  t.notMatch(origins.heads.join(), /proxy-authorization/i)
  t.notMatch(JSON.stringify(gate.entries()), /the-password|Z2F0ZTp0/)
})

test('the password of a proxy leaves to it alone', async (t) => {
  const { plain } = await startOrigins(t)
  const other = await startOtherProxy(t)
  const named = policyFor(t, { url: other.url, ports: [plain] })
  const free = `rules:\n  - { id: o, hosts: [localhost], ports: [${plain}], ${loopback}, effect: allow }\n`
  const upstreamProxy = `http://gate:the%2Dpassword-of-the-proxy@127.0.0.1:${other.port}`
  for (const gate of [
    await openChainGate(t, { policy: named }),
    await openChainGate(t, { policy: free, upstreamProxy }),
  ]) {
    const said = await ask(gate.port, `http://localhost:${plain}/?p=the-password-of-the-proxy`)
    t.match([said.status, said.headers.get('haltgate-reason')], [403, 'payload-secret'])
    const header = { Authorization: shown }
    const basic = await ask(gate.port, `http://localhost:${plain}/`, { headers: header })
    t.match([basic.status, basic.headers.get('haltgate-reason')], [403, 'payload-secret'])
    t.notMatch(JSON.stringify(gate.entries()), /the-password|Z2F0ZTp0/)
  }
  t.equal(other.connections(), 0)
})

test('the proxy of the flag takes what no rule says more of, and direct is direct', async (t) => {
  const { plain } = await startOrigins(t)
  const flag = await startOtherProxy(t)
  const office = await startOtherProxy(t)
  const rule = (path: string, way: string): string =>
    `  - { id: ${path}, hosts: [localhost], ports: [${plain}], paths: [/${path}], ${loopback}, effect: allow${way} }\n`
  const rules = `upstream_proxies: { office: { url: "${office.url}" } }\nrules:
${rule('silent', '')}${rule('direct', ', upstream_proxy: direct')}${rule('office', ', upstream_proxy: office')}`
  const upstreamProxy = `http://us%40er:p%3Aw@127.0.0.1:${flag.port}`
  const gate = await openChainGate(t, { policy: rules, upstreamProxy })
  const counts = async (path: string): Promise<readonly number[]> => {
    const said = await ask(gate.port, `http://localhost:${plain}/${path}`)
    t.equal(said.body, `seen /${path}`)
    return [flag.connections(), office.connections()]
  }
  t.same(await counts('direct'), [0, 0])
  t.same(await counts('silent'), [1, 0])
  t.same(await counts('office'), [1, 1], 'another way is another connection')
  t.match(flag.heads[0], `Proxy-Authorization: Basic ${btoa('us@er:p:w')}\r\n`)
  t.notMatch(office.heads[0] ?? '', /authorization/i)
})

test('a proxy that cannot be reached is named, and nothing goes around it', async (t) => {
  const { plain, heads } = await startOrigins(t)
  const closed = createServer()
  const port = await listen(t, closed)
  await new Promise((resolve) => closed.close(resolve))
  const gate = await openChainGate(t, {
    policy: policyFor(t, { url: `http://127.0.0.1:${port}`, ports: [plain] }),
  })
  const said = await ask(gate.port, `http://localhost:${plain}/`)
  t.match(said, { status: 502, body: /upstream proxy office cannot be reached: ECONNREFUSED/ })
  t.same(heads, [])
})

test('what leads to a forbidden range is refused before the proxy is asked, by address and by name', async (t) => {
  const { plain } = await startOrigins(t)
  for (const more of ['', ', by: name']) {
    const other = await startOtherProxy(t)
    const rules = `  - { id: closed, hosts: [127.0.0.2, metadata.test], effect: allow, upstream_proxy: office }\n`
    const gate = await openChainGate(t, {
      policy: policyFor(t, { url: other.url, ports: [plain], more, rules }),
    })
    const said = await ask(gate.port, 'http://127.0.0.2/')
    t.match([said.status, said.headers.get('haltgate-reason')], [403, 'destination-forbidden'])
    const listener = await ask(gate.port, `http://localhost:${gate.port}/`)
    t.equal(listener.status, 403)
    t.equal(other.connections(), 0)
  }
})

test('by name, TLS goes by CONNECT to the host and plain requests in absolute-form', async (t) => {
  const { plain, secure, ca } = await startOrigins(t)
  const body = 'from the proxy'
  const other = await startOtherProxy(t, (socket, head) => {
    if (head.startsWith('CONNECT ')) return 'serve'
    const isWanted = head.includes('/unwelcome')
    if (isWanted)
      socket.write('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n')
    else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    return 'said'
  })
  const policy = policyFor(t, { url: other.url, ports: [plain, secure], more: ', by: name' })
  const gate = await openChainGate(t, { policy, upstreamCa: ca })
  const url = `http://localhost:${plain}/a?b`
  t.match(await ask(gate.port, url), { status: 200, body })
  t.match(await ask(gate.port, url), { status: 200, body })
  const head = other.heads[0] ?? ''
  t.match(head, `GET ${url} HTTP/1.1\r\n`)
  t.match(head.toLowerCase(), `\r\nhost: localhost:${plain}\r\n`)
  t.match(head.toLowerCase(), `\r\nproxy-authorization: ${shown.toLowerCase()}\r\n`)
  t.equal(other.connections(), 1)
  const unwelcome = await ask(gate.port, `http://localhost:${plain}/unwelcome`)
  t.match(unwelcome, { status: 502, body: /upstream proxy office wants other credentials/ })
  t.notOk(unwelcome.headers.has('proxy-authenticate'))
  t.match(await askInside(gate, secure), { status: 200, body: 'seen /inside' })
  t.match(other.heads.at(-1), `CONNECT localhost:${secure} HTTP/1.1\r\n`)
})

test('a halt ends what waits for a proxy', async (t) => {
  const { plain } = await startOrigins(t)
  let seen: () => void = () => {}
  const asked = new Promise<void>((resolve) => {
    seen = resolve
  })
  const closes: Promise<unknown>[] = []
  const other = await startOtherProxy(t, (socket) => {
    closes.push(new Promise((resolve) => socket.once('close', resolve)))
    seen()
    return 'said'
  })
  const policy = policyFor(t, { url: other.url, ports: [plain] })
  const gate = await openChainGate(t, { policy, tls: 'tunnel' })
  const waiting = tunnelTo(t, gate.port, `localhost:${plain}`).catch(
    (error: Error) => error.message,
  )
  await asked
  await gate.world.gate.halt({ scope: fleet, cause: 'operator', by: 'operator', reason: 'no' })
  t.match(await waiting, /^HTTP\/1\.1 403 .*halted/)
  await Promise.all(closes)
  t.match(await gate.settled(1), [{ data: { cut: 'halted' } }])
})

test('a credential that no header can hold refuses what would go through its proxy', async (t) => {
  const { plain, heads } = await startOrigins(t)
  const other = await startOtherProxy(t)
  const file = join(makeDirectory(t), 'token')
  writeFileSync(file, 'schlüssel-zum-tor')
  const policy = `credentials:
  corporate: { source: { file: ${file} }, as: { header: X, format: "Bearer {secret}" } }
upstream_proxies:
  office: { url: "${other.url}", auth: corporate }
rules:
  - { id: origin, hosts: [localhost], ports: [${plain}], ${loopback}, effect: allow, upstream_proxy: office }
`
  const gate = await openChainGate(t, { policy })
  const said = await ask(gate.port, `http://localhost:${plain}/`)
  t.match([said.status, said.headers.get('haltgate-reason')], [503, 'policy-unavailable'])
  const opaque = await openChainGate(t, { policy, tls: 'tunnel' })
  const tunnel = tunnelTo(t, opaque.port, `localhost:${plain}`)
  await t.rejects(tunnel, { message: /^HTTP\/1\.1 503 .*policy-unavailable/ })
  t.same([other.connections(), heads.length], [0, 0])
  t.match(await gate.settled(1), [{ data: { outcome: 'voided' } }])
})
