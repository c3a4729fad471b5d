/** The same through a real proxy, which wants credentials. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { ask } from '../e2e/wire.ts'
import { listen, makeDirectory, type Teardown } from '../e2e/world.ts'
import { askInside, askThrough, echoOf, policyFor, startOrigins } from './chain-clients.ts'
import { openChainGate } from './chain-world.ts'

const hasSquid = existsSync('/usr/sbin/squid')

test('squid leads there, with its credentials and without', {
  skip: hasSquid ? false : 'SQUID IS NOT INSTALLED: not proven against it',
}, async (t) => {
  const origins = await startOrigins(t)
  const { ca, plain, secure } = origins
  const port = await startSquid(t)
  const policy = policyFor(t, { url: `http://127.0.0.1:${port}`, ports: [plain, secure] })
  for (const more of ['', ', by: name']) {
    const chained = policy.replace('auth: corporate', `auth: corporate${more}`)
    const gate = await openChainGate(t, { policy: chained, upstreamCa: ca })
    t.match(await ask(gate.port, `http://localhost:${plain}/x?y=1`), {
      status: 200,
      body: 'seen /x?y=1',
    })
    t.match(await askInside(gate, secure), { status: 200, body: 'seen /inside' })
    t.equal(await echoOf(t, gate, plain, null), 'hello')
    t.equal(await echoOf(t, gate, secure, await gate.inside(secure)), 'hello')
    const opaque = await openChainGate(t, { policy: chained, tls: 'tunnel' })
    t.match(await askThrough(t, opaque, origins), { status: 200, body: 'seen /through' })
    const bare = await openChainGate(t, { policy: chained.replace(', auth: corporate', '') })
    t.match(await ask(bare.port, `http://localhost:${plain}/x`), {
      status: 502,
      body: /upstream proxy office wants other credentials \(407\)/,
    })
  }
})

/** A squid of its own that wants credentials; resolves with its port. */
async function startSquid(t: Teardown): Promise<number> {
  const directory = makeDirectory(t)
  // Started as root, squid writes as its own user.
  chmodSync(directory, 0o777)
  const probe = createServer()
  const port = await listen(t, probe)
  await new Promise((resolve) => probe.close(resolve))
  const judge = join(directory, 'judge.sh')
  const known = 'gate the-password-of-the-proxy'
  writeFileSync(
    judge,
    `#!/bin/sh\nwhile read line; do [ "$line" = '${known}' ] && echo OK || echo ERR; done\n`,
  )
  chmodSync(judge, 0o755)
  const file = join(directory, 'squid.conf')
  writeFileSync(
    file,
    `http_port 127.0.0.1:${port}
auth_param basic program ${judge}
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
access_log none
cache_log ${directory}/cache.log
pid_filename ${directory}/squid.pid
coredump_dir ${directory}
shutdown_lifetime 0 seconds
pinger_enable off
`,
  )
  const squid: ChildProcess = spawn(
    '/usr/sbin/squid',
    ['-N', '-n', `chain${process.pid}`, '-f', file],
    {
      stdio: 'ignore',
    },
  )
  t.teardown(async () => {
    const ended = new Promise((resolve) => squid.once('exit', resolve))
    squid.kill('SIGKILL')
    await ended
  })
  for (;;) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isUp) return port
    if (squid.exitCode !== null) throw new Error(`squid ended with ${squid.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
