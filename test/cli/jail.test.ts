/** `haltgate run --jail`: nothing leaves the namespace but through the gate; and without the means nothing is run. */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { policyText, readEntries, startOrigin } from '../e2e/world.ts'
import { haltgate, makePlace, starting } from './command.ts'

/** Why no jail can be had on this machine; false where it can. */
const lacking = ((): string | false => {
  const probe = ['--user', '--map-root-user', '--net', '--pid', '--fork', '--mount', '--mount-proc']
  const { status, stderr, error } = spawnSync(
    'unshare',
    [...probe, 'ip', 'link', 'set', 'lo', 'up'],
    {
      encoding: 'utf8',
    },
  )
  return status === 0 ? false : `no namespaces here: ${error?.message ?? stderr.trim()}`
})()

const jailed = (script: string): readonly string[] => [
  'run',
  '--jail',
  '--',
  '/bin/sh',
  '-c',
  script,
]

/** Each tries to reach a listener of this test, and says what came of it. */
const tricks: readonly (readonly [name: string, script: (port: number) => string])[] = [
  [
    'a client that is told to use no proxy',
    (port) => `curl -sS -m 3 --noproxy '*' http://127.0.0.1:${port}/`,
  ],
  ['a client without the variables', (port) => `env -i curl -sS -m 3 http://127.0.0.1:${port}/`],
  ['a socket of its own', (port) => python(`socket.create_connection(("127.0.0.1", ${port}), 3)`)],
  ['IPv6', (port) => python(`socket.create_connection(("::1", ${port}), 3)`)],
  ['a raw address', () => python('socket.create_connection(("192.0.2.1", 80), 3)')],
  ['the metadata address', () => python('socket.create_connection(("169.254.169.254", 80), 3)')],
  ['a name to look up', () => python('print(socket.getaddrinfo("haltgate.example", 80))')],
  ['a datagram to a resolver', () => python(datagram('192.0.2.53', 53))],
  [
    'a raw packet',
    () =>
      python('socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).sendto(b"x", ("192.0.2.1", 0))'),
  ],
]

const python = (line: string): string => `python3 -c 'import socket; ${line}'`

const datagram = (host: string, port: number): string =>
  `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("${host}", ${port}))`

/** A listener on loopback that counts who gets there, by TCP and UDP. */
async function listener(t: Test): Promise<{ readonly port: number; reached: number }> {
  const counted = { port: 0, reached: 0 }
  const server = createServer((socket) => {
    counted.reached += 1
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen({ port: 0 }, resolve))
  const address = server.address()
  counted.port = typeof address === 'object' && address !== null ? address.port : 0
  const datagrams = createSocket('udp4', () => {
    counted.reached += 1
  })
  await new Promise<void>((resolve) => datagrams.bind({ port: counted.port }, resolve))
  t.teardown(async () => {
    server.close()
    datagrams.close()
  })
  return counted
}

test('no trick leaves a jail, and each of them works without one', { skip: lacking }, async (t) => {
  const counted = await listener(t)
  const place = makePlace(t, policyText({ ports: [80], agents: '  local: {}\n  other: {}' }))
  const local = tricks.slice(0, 3)
  for (const [, script] of local)
    t.match(await haltgate(place, ['run', '--', '/bin/sh', '-c', script(counted.port)]), {
      code: 0,
    })
  const { port, reached } = counted
  t.equal(reached, local.length, 'outside each gets there')
  const mark = '; echo "was $?"'
  const all = tricks.map(([, script]) => `${script(port)}${mark}`).join('\n')
  const sent = `${python(datagram('127.0.0.1', port))}${mark}`
  const ran = await haltgate(place, jailed(`${all}\n${sent}\nexit 0`))
  t.equal(counted.reached, reached, 'nothing came out')
  const codes = [...ran.output.matchAll(/^was (\d+)$/gm)].map(([, code]) => code)
  t.equal(codes.length, tricks.length + 1, ran.errors)
  for (const [index, [name]] of tricks.entries())
    t.not(codes[index], '0', `${name} says that it failed`)
})

test('what the policy lets through passes a jail, and what it does not is refused', {
  skip: lacking,
}, async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(
    t,
    policyText({ ports: [origin.port], agents: '  local: {}\n  other: {}' }),
  )
  const script = `curl -sS -o out -w '%{http_code} ' ${origin.url}/1; curl -sS -o out -w '%{http_code}' http://other.example/; exit 9`
  const ran = await haltgate(place, jailed(script))
  t.match(ran, { code: 9, output: '200 403' })
  t.match(ran.errors, /1 allowed, 1 refused/)
  t.equal(origin.total, 1)
  t.equal(readEntries(join(place.directory, 'data'), ['decision']).length, 2)
})

test('a jailed command sees no process, no socket and no capability of anybody else', {
  skip: lacking,
}, async (t) => {
  const place = makePlace(t, policyText({ ports: [80], agents: '  local: {}\n  other: {}' }))
  const script =
    'ls /proc | grep -c "^[0-9]"; find /run -type s | wc -l; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; id -u'
  const { output } = await haltgate(place, jailed(script), {
    SSH_AUTH_SOCK: '/tmp/x',
    DISPLAY: ':0',
  })
  const [processes, sockets, ...rest] = output.trim().split('\n')
  t.ok(Number(processes) < 8, 'its own alone')
  t.equal(sockets, '0')
  const { getuid = () => 0 } = process
  t.match(rest.join('\n'), new RegExp(`CapEff:\\s0{16}\nNoNewPrivs:\\s1\n${getuid()}$`))
  const { output: variables } = await haltgate(place, jailed('env'), {
    SSH_AUTH_SOCK: '/tmp/x',
    DISPLAY: ':0',
  })
  t.notMatch(variables, /^(SSH_AUTH_SOCK|DISPLAY)=/m)
  t.match(variables, /^HTTPS_PROXY=http:\/\/127\.0\.0\.1:3128$/m)
})

test('a socket outside that has a name in the file system leads nowhere', {
  skip: lacking,
}, async (t) => {
  let reached = 0
  const server = createServer((socket) => {
    reached += 1
    socket.on('error', () => undefined)
    socket.end()
  })
  const place = makePlace(t, policyText({ ports: [80], agents: '  local: {}\n  other: {}' }))
  const path = join(place.directory, 'tmux')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => server.close())
  const script = python(`socket.socket(socket.AF_UNIX).connect("${path}")`)
  t.match(await haltgate(place, ['run', '--', '/bin/sh', '-c', script]), { code: 0 })
  t.equal(reached, 1, 'outside it gets there')
  t.match(await haltgate(place, jailed(script)), { code: 1 })
  t.equal(reached, 1)
})

test('a signal ends what runs in a jail, and all that it left behind', {
  skip: lacking,
}, async (t) => {
  const place = makePlace(t, policyText({ ports: [80], agents: '  local: {}\n  other: {}' }))
  const running = starting(place, jailed('(sleep 60 & echo up); exec sleep 60'))
  await running.says(/up/)
  running.child.kill('SIGTERM')
  t.equal((await running.ended).code, 128 + 15)
})

test('without the means a jail is refused, and nothing is run', async (t) => {
  const place = makePlace(t, policyText({ ports: [80], agents: '  local: {}\n  other: {}' }))
  const ran = await haltgate(place, jailed('echo ran'), { PATH: '/nowhere' })
  t.not(ran.code, 0)
  t.equal(ran.output, '')
  t.match(
    ran.errors,
    /--jail: .*unshare \(package util-linux\).* cannot be found\. Install it\. Nothing was run\./,
  )
})
