/** The door of the control listener: probes in each state, browsers' tricks, guessed tokens, addresses. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { isLoopback } from '../../control/front.ts'
import { routes } from '../../control/routes.ts'
import { startControl } from '../../control/server.ts'
import { FailedTokens, Tokens } from '../../control/token.ts'
import { Failure } from '../../kernel/reasons.ts'
import { openControl, raw, readerToken, type ScriptedGate, token } from './world.ts'
import '../kernel/seed.ts'

const full = new Failure('ledger-unavailable', 'ENOSPC at /var/lib/secret-path')

/** Each line: what is wrong, how the gate shows it, and the check that must fail. */
const unready: readonly (readonly [string, (gate: ScriptedGate) => void, string])[] = [
  [
    'a poisoned ledger',
    (gate) => {
      gate.ledger.poisoned = full
      gate.ledger.refusal = full
    },
    'ledger',
  ],
  [
    'a disk that is nearly full',
    (gate) => {
      gate.ledger.refusal = full
    },
    'ledger',
  ],
  [
    'no policy',
    (gate) => {
      gate.policy.digest = ''
    },
    'policy',
  ],
  [
    'a sealed gate',
    (gate) => {
      gate.sealed = true
    },
    'seal',
  ],
  [
    'a draining gate',
    (gate) => {
      gate.draining = true
    },
    'draining',
  ],
]

test('readyz is 200 when all is well, and else 503 with the one check that failed', async (t) => {
  const { ask } = await openControl(t)
  const well = await ask('GET', '/readyz', { token: null })
  t.equal(well.status, 200)
  const checks = { ledger: 'ok', policy: 'ok', seal: 'ok', draining: 'ok' }
  t.same(well.json, { ready: true, checks, durability: 'group' })
  for (const [what, spoil, failed] of unready) {
    const { ask, gate } = await openControl(t, { durability: 'os' })
    spoil(gate)
    const answer = await ask('GET', '/readyz', { token: null })
    t.equal(answer.status, 503, what)
    t.match(answer.json, { ready: false, durability: 'os' })
    const bad = Object.entries(Object(answer.json['checks'])).filter(([, said]) => said !== 'ok')
    t.same(
      bad.map(([check]) => check),
      [failed],
      what,
    )
    t.notMatch(answer.text, /secret-path/, 'an open page names no file')
    t.equal((await ask('GET', '/healthz', { token: null })).status, 200, 'it is alive all the same')
  }
})

test('an operator is told what the open page does not say', async (t) => {
  const { ask, gate } = await openControl(t)
  gate.ledger.refusal = full
  const { ledger } = (await ask('GET', '/api/v1/status')).json
  t.match(ledger, { refusal: { code: 'ledger-unavailable', message: /secret-path/ } })
})

/** Each line: headers, and the status they must get on an open route and on a closed one. */
const tricks: readonly (readonly [Readonly<Record<string, string>>, number, string])[] = [
  [{ host: 'attacker.example' }, 421, 'a name that was rebound'],
  [{ host: 'attacker.example:3129' }, 421, 'a name that was rebound, with the port'],
  [{ host: '127.0.0.1.attacker.example' }, 421, 'a name that looks like loopback'],
  [{ host: 'localhost.attacker.example' }, 421, 'another'],
  [{ host: '10.0.0.1' }, 421, 'an address that is not ours'],
  [{ host: '127.0.0.1@attacker.example' }, 421, 'userinfo'],
  [{ origin: 'http://attacker.example' }, 403, 'a page of another origin'],
  [{ origin: 'null' }, 403, 'a sandboxed page'],
  [{ origin: 'https://127.0.0.1' }, 403, 'another scheme'],
  [{ origin: 'http://127.0.0.1:1' }, 403, 'another port'],
  [{ 'sec-fetch-site': 'cross-site' }, 403, 'what a browser says of the page'],
  [{ 'sec-fetch-site': 'same-site' }, 403, 'a sibling of the page'],
  [{ host: 'localhost' }, 200, 'localhost'],
  [{ host: 'LOCALHOST:8080' }, 200, 'localhost through a forwarded port'],
  [{ host: '[::1]:3129' }, 200, 'the other loopback'],
  [{ host: '127.9.9.9' }, 200, 'all of 127/8'],
  [{ host: '127.0.0.1:80', origin: 'http://127.0.0.1:80' }, 200, 'its own origin'],
  [{ 'sec-fetch-site': 'none' }, 200, 'an address typed by hand'],
]

test('a browser cannot be tricked into asking, with the right token or without', async (t) => {
  const { ask } = await openControl(t)
  for (const [headers, status, what] of tricks) {
    for (const path of ['/readyz', '/metrics', '/api/v1/status']) {
      const answer = await ask('GET', path, { headers })
      t.equal(answer.status, status, `${path}: ${what}`)
      t.equal(answer.headers['access-control-allow-origin'], undefined)
    }
  }
})

test('wrong tokens are bounded, and never lock out the right one', async (t) => {
  const { ask } = await openControl(t, { limits: { failedTokensMax: 3 } })
  const statuses: number[] = []
  for (let index = 0; index < 5; index += 1) {
    const answer = await ask('GET', '/api/v1/runs', { token: `guess-${index}` })
    statuses.push(answer.status)
    if (answer.status === 429) t.match(answer.headers['retry-after'], /^([1-9]|10)$/)
  }
  t.same(statuses, [401, 401, 401, 429, 429])
  const body = { scope: 'fleet', reason: 'now' }
  t.equal((await ask('POST', '/api/v1/halts', { body })).status, 200, 'the operator can still halt')
})

test('failures are forgotten with their window', async (t) => {
  const failed = new FailedTokens(1, 10_000)
  t.same([failed.note(0), failed.note(1), failed.note(9_999)], [null, 10, 1])
  t.same([failed.note(10_000), failed.note(10_001)], [null, 10])
})

test('only the exact token under the Bearer scheme has a role', async (t) => {
  const tokens = new Tokens([
    { token, role: 'operator' },
    { token: readerToken, role: 'viewer' },
  ])
  t.equal(tokens.roleOf(`Bearer ${token}`), 'operator')
  t.equal(tokens.roleOf(`bearer ${readerToken}`), 'viewer')
  for (const header of ['', 'Bearer', 'Bearer ', token, `Basic ${token}`, `Bearer ${token} x`]) {
    t.equal(tokens.roleOf(header), null, JSON.stringify(header))
  }
  t.equal(tokens.roleOf(undefined), null)
  t.equal(new Tokens([]).roleOf(`Bearer ${token}`), null)
  fc.assert(fc.property(fc.string(), (text) => tokens.roleOf(`Bearer ${text}`) === null))
  fc.assert(
    fc.property(
      fc.nat(token.length - 1),
      (at) => tokens.roleOf(`Bearer ${token.slice(0, at)}`) === null,
    ),
  )
})

test('no answer of any route repeats a token', async (t) => {
  const { ask } = await openControl(t)
  for (const { method, path } of routes) {
    for (const shown of [token, readerToken, 'a-wrong-token-0123456789']) {
      for (const target of [path, `${path}?token=1`]) {
        const body = { scope: 'fleet', reason: 'x', [`k${shown.slice(0, 4)}`]: 1 }
        const answer = await ask(method, target, {
          token: shown,
          ...(method === 'POST' ? { body } : {}),
        })
        t.notOk(
          JSON.stringify([answer.headers, answer.text]).includes(shown),
          `${method} ${target}`,
        )
      }
    }
  }
})

test('a listener that is not on loopback refuses to start, and says the way out', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'gate.example']) {
    const listen = { host, port: 0 }
    await t.rejects(openControl(t, { listen }), {
      code: 'policy-unavailable',
      message: /not on loopback[\s\S]*127\.0\.0\.1[\s\S]*--insecure-control/,
    })
  }
  const { ask, port } = await openControl(t, {
    listen: { host: '0.0.0.0', port: 0 },
    insecure: true,
  })
  const probe = { headers: { host: '10.1.2.3:3129' } }
  t.equal((await ask('GET', '/readyz', probe)).status, 200, 'a probe sends the address of the pod')
  const name = { headers: { host: 'attacker.example' } }
  t.equal((await ask('GET', '/readyz', name)).status, 421, 'a name can be rebound still')
  t.ok(port > 0)
  const hosts = ['127.0.0.1', '127.8.8.8', '::1', 'localhost', 'LocalHost']
  t.ok(hosts.every(isLoopback))
  t.notOk(['127.1', '0x7f.1', '::ffff:127.0.0.1', 'localhost.', '128.0.0.1'].some(isLoopback))
})

test('an address that is taken is an error that names it and the flag', async (t) => {
  const { port } = await openControl(t)
  await t.rejects(openControl(t, { listen: { host: '127.0.0.1', port } }), {
    message: new RegExp(`127\\.0\\.0\\.1:${port}[\\s\\S]*EADDRINUSE[\\s\\S]*--control`),
  })
})

test('a unix socket is private, replaces a dead one, and leaves whatever else is there', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-control-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'control.sock')
  const first = await openControl(t, { listen: { path } })
  t.equal((await first.ask('GET', '/api/v1/status')).status, 200)
  t.equal(statSync(path).mode & 0o777, 0o600)
  await t.rejects(
    openControl(t, { listen: { path } }),
    { message: /EADDRINUSE/ },
    'a live one stays',
  )
  await first.control.close()
  await leaveDeadSocket(path)
  const second = await openControl(t, { listen: { path } })
  t.equal((await second.ask('GET', '/healthz')).status, 200)
  const file = join(directory, 'file')
  writeFileSync(file, 'mine')
  await t.rejects(openControl(t, { listen: { path: file } }), { message: /EADDRINUSE/ })
  t.equal(statSync(file).size, 4, 'a file is not removed')
})

/** What kill -9 leaves: a socket file that nobody listens on. */
async function leaveDeadSocket(path: string): Promise<void> {
  const { execFileSync } = await import('node:child_process')
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  try {
    execFileSync(process.execPath, ['-e', program], { stdio: 'ignore' })
  } catch {
    // It dies by the signal, as it should.
  }
  statSync(path)
}

test('close lets an answer under way go out, and does not wait for who never reads', async (t) => {
  const { control, gate, ask, port } = await openControl(t, { limits: { closeTimeoutMs: 200 } })
  const idle = connect({ host: '127.0.0.1', port })
  idle.on('error', () => undefined)
  const ended = new Promise((resolve) => idle.on('close', resolve))
  let release: () => void = () => undefined
  const asked = new Promise<void>((arrived) => {
    const { answer } = gate
    gate.answer = () =>
      new Promise((resolve) => {
        release = () => resolve(answer())
        arrived()
      })
  })
  const halt = ask('POST', '/api/v1/halts', { body: { scope: 'fleet', reason: 'x' } })
  await asked
  const closed = control.close()
  release()
  t.equal((await halt).status, 200)
  await closed
  await ended
  await t.rejects(ask('GET', '/healthz'), { code: 'ECONNREFUSED' })
})

test('without a fault handler a bug is an uncaught exception of the process', async (t) => {
  const { gate, metrics } = await openControl(t)
  gate.status = () => {
    throw new Error('a bug')
  }
  const control = await startControl({
    listen: { host: '127.0.0.1', port: 0 },
    gate,
    tokens: [],
    reload: async () => ({ ok: false, problems: [] }),
    metrics,
    version: '0',
    durability: 'group',
  })
  t.teardown(() => control.close())
  const listeners = process.rawListeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  t.teardown(() => {
    for (const listener of listeners) process.on('uncaughtException', (error) => listener(error))
  })
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
  const port = 'port' in control.address ? control.address.port : 0
  await raw(port, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  t.match(await thrown, { message: 'a bug' })
})
