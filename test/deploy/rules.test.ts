/** The rules of an injected pod in a real network: who leaves, who does not, and that no other user becomes the gate's. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'

const inside = fileURLToPath(new URL('rules-inside.js', import.meta.url))

const has = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

const means =
  process.getuid?.() === 0 &&
  has('unshare', ['--net', '--mount', 'nft', 'list', 'ruleset']) &&
  has('ip', ['-V']) &&
  has('setpriv', ['--version'])

const skip = means ? false : 'NOT TESTED HERE: it takes root, unshare, ip, setpriv and nft'

function answers(): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['--net', '--mount', '--kill-child', process.execPath, inside], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
    })
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => {
      text += String(bytes)
    })
    child.on('error', reject)
    child.on('close', () => {
      const lines = text.split('\n').filter(Boolean)
      const rows = lines.map((line): { name: string; answer: string } => JSON.parse(line))
      resolve(new Map(rows.map(({ name, answer }) => [name, answer])))
    })
  })
}

const ways = [
  'tcp 10.9.0.2 80',
  'tcp 10.9.0.2 8080',
  'tcp fd09::2 80',
  'tcp fd09::2 8080',
  'udp 10.9.0.2 53',
  'udp fd09::2 53',
]

test('only the user of the gate leaves a pod', { skip }, async (t) => {
  const found = await answers()
  for (const [name, answer] of found) t.comment(`${name}: ${answer}`)
  for (const way of ways) {
    t.equal(found.get(`open ${way} 1000`), 'reached', `without rules: ${way}`)
    t.equal(found.get(`closed ${way} 1337`), 'reached', `the gate: ${way}`)
    for (const user of [1000, 0]) {
      const answer = found.get(`closed ${way} ${user}`)
      t.match(answer, /^(EHOSTUNREACH|EACCES|ECONNREFUSED|EPERM|nothing)$/, `user ${user}: ${way}`)
    }
    const redirected = way === 'tcp 10.9.0.2 80' ? /^gate$/ : /^(E[A-Z]+|nothing)$/
    t.match(found.get(`redirected ${way} 1000`), redirected, `redirected: ${way}`)
  }
  t.equal(found.get('in'), 'served', 'what the pod serves is answered')
  t.equal(found.get('loopback'), 'served', 'loopback is open')
  t.match(found.get('become'), /^EPERM$/, 'root of a held container does not become the gate')
  t.equal(found.get('bulk'), 'counted 400000', 'what the gate wrote before it ended arrives')
})
