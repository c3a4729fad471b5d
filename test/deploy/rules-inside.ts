/**
 * In a network of its own, which ends with this process: a pod with the rules, an origin beside it, and tries to get
 * from one to the other. Prints one line of JSON a try. Run it by `unshare --net --mount`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { rulesOf } from '../../cli/inject-rules.ts'

const ip = (...args: readonly string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Answers TCP at 80 and 8080 and UDP at 53, over both families, with `reached`; at 9000 it counts, slowly. */
const origin = `
const net = require('node:net'), udp = require('node:dgram')
for (const port of [80, 8080]) net.createServer((socket) => { socket.on('error', () => {}); socket.end('reached') }).listen(port, '::')
for (const kind of ['udp4', 'udp6']) {
  const socket = udp.createSocket({ type: kind, ipv6Only: kind === 'udp6' })
  socket.on('message', (_text, from) => socket.send('reached', from.port, from.address)).bind(53)
}
let count = 0
net.createServer((socket) => {
  socket.on('error', () => {}); socket.pause(); setTimeout(() => socket.resume(), 700)
  socket.on('data', (bytes) => { count += bytes.length }); socket.on('end', () => { console.log('counted ' + count); socket.end() })
}).listen(9000, '::', () => console.log('ready'))
`

/** One try as one user: prints what came back, or why nothing did. */
const attempt = `
const [kind, host, port, user] = process.argv.slice(1)
const end = (text) => { console.log(text); process.exit(0) }
setTimeout(() => end('nothing'), 1500)
try { process.setgid(Number(user)); process.setuid(Number(user)) } catch (error) { end(error.code) }
if (kind === 'udp') {
  const socket = require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (text) => end(String(text))).on('error', (error) => end(error.code))
  socket.send('x', Number(port), host, (error) => { if (error) end(error.code) })
} else {
  const socket = require('node:net').connect({ host, port: Number(port) })
  socket.on('data', (text) => end(String(text))).on('error', (error) => end(error.code))
  if (kind === 'bulk') socket.on('connect', () => socket.write(Buffer.alloc(400000), () => process.exit(0)))
}
`

/** What a pod has of its own: a gate's transparent listener, and something that it serves. */
const served = `
const net = require('node:net')
net.createServer((socket) => { socket.on('error', () => {}); socket.end('gate') }).listen(3130, '127.0.0.1')
process.nextTick(() => net.createServer((socket) => { socket.on('error', () => {}); socket.end('served') }).listen(7000, '::', () => { process.setgid(1000); process.setuid(1000); console.log('ready') }))
`

const inside = (place: string, ...command: readonly string[]): readonly string[] => [
  'netns',
  'exec',
  place,
  ...command,
]

/** Resolves when it has said that it is ready; hears what it says later. */
function started(place: string, script: string, hear: (text: string) => void): Promise<() => void> {
  return new Promise((resolve) => {
    const child = spawn('ip', inside(place, process.execPath, '-e', script))
    child.stderr.pipe(process.stderr)
    child.stdout.on('data', (bytes: Buffer) => {
      const text = String(bytes)
      hear(text)
      if (text.includes('ready')) resolve(() => child.kill('SIGKILL'))
    })
  })
}

type Attempt = readonly [kind: string, host: string, port: number, user: number]

function tried(place: string, row: Attempt, before: readonly string[] = []): Promise<string> {
  return new Promise((resolve) => {
    const words = row.map(String)
    const command = [...before, process.execPath, '-e', attempt, ...words]
    const child = spawn('ip', inside(place, ...command))
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => {
      text += String(bytes)
    })
    child.stderr.pipe(process.stderr)
    child.on('close', () => resolve(text.trim()))
  })
}

const [host4, host6] = ['10.9.0.2', 'fd09::2']

/** Ways out of a pod, each as an agent and as root inside it. */
const ways: readonly (readonly [string, string, number])[] = [
  ['tcp', host4, 80],
  ['tcp', host4, 8080],
  ['tcp', host6, 80],
  ['tcp', host6, 8080],
  ['udp', host4, 53],
  ['udp', host6, 53],
]

/** As injection leaves a container that runs as root. */
const held = ['setpriv', '--bounding-set', '-net_admin,-net_raw,-setgid,-setuid', '--no-new-privs']

async function main(): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', 'none', '/run'])
  for (const place of ['pod', 'origin']) {
    ip('netns', 'add', place)
    ip('-n', place, 'link', 'set', 'lo', 'up')
  }
  ip(
    'link',
    'add',
    'pod0',
    'netns',
    'pod',
    'type',
    'veth',
    'peer',
    'name',
    'origin0',
    'netns',
    'origin',
  )
  for (const [place, own] of [
    ['pod', '1'],
    ['origin', '2'],
  ] as const) {
    ip('-n', place, 'addr', 'add', `10.9.0.${own}/24`, 'dev', `${place}0`)
    ip('-n', place, 'addr', 'add', `fd09::${own}/64`, 'dev', `${place}0`, 'nodad')
    ip('-n', place, 'link', 'set', `${place}0`, 'up')
  }
  const counted: string[] = []
  const stop = [
    await started('origin', origin, (text) => counted.push(...(text.match(/counted \d+/g) ?? []))),
    await started('pod', served, () => undefined),
  ]
  const tell = (name: string, answer: string): void => console.log(JSON.stringify({ name, answer }))
  const all = async (name: string, user: number): Promise<void> => {
    const answers = await Promise.all(ways.map((way) => tried('pod', [...way, user])))
    for (const [index, way] of ways.entries())
      tell(`${name} ${way.join(' ')} ${user}`, answers[index] ?? '')
  }
  const rules = (port: number | null): void => {
    execFileSync('ip', [...inside('pod', 'nft', rulesOf(port))])
  }
  await all('open', 1000)
  rules(null)
  rules(null)
  for (const user of [1000, 0, 1337]) await all('closed', user)
  tell('in', await tried('origin', ['tcp', '10.9.0.1', 7000, 0]))
  tell('loopback', await tried('pod', ['tcp', '127.0.0.1', 7000, 1000]))
  tell('become', await tried('pod', ['tcp', host4, 80, 1337], held))
  await tried('pod', ['bulk', host4, 9000, 1337])
  for (let left = 60; left > 0 && counted.length === 0; left -= 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  tell('bulk', counted.join(' '))
  rules(3130)
  await all('redirected', 1000)
  for (const one of stop) one()
}

await main()
