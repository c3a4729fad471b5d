/** What Dockerfile, .dockerignore, compose.yaml and the health check say; docs/image.md says how the built image was tried. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'tap'
import { parse } from 'yaml'
import { makeDirectory, policyText, TestWorld } from '../e2e/world.ts'

const dockerfile = readFileSync('Dockerfile', 'utf8').replace(/^#.*\n/gm, '')
const instructions = dockerfile
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter(Boolean)
const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))

test('what runs is a numeric user, and nothing of it goes through a shell', async (t) => {
  t.same(
    last.filter((line) => line.startsWith('USER ')),
    ['USER 1337:1337'],
  )
  const started = last.filter((line) => /^(ENTRYPOINT|CMD|HEALTHCHECK) /.test(line))
  t.equal(started.length, 3)
  for (const line of started) t.match(line, /(^| )(CMD|ENTRYPOINT) \["/, line)
  t.ok(last.includes('STOPSIGNAL SIGTERM'))
})

test('whatever is copied into the last stage exists, and the build is let see it', async (t) => {
  const seen = readFileSync('.dockerignore', 'utf8').split('\n')
  const copied = last
    .filter((line) => line.startsWith('COPY --from=build'))
    .flatMap((line) => [...line.matchAll(/\/app\/(\S+)/g)].map(([, path = '']) => path))
  t.ok(copied.length > 5)
  for (const path of copied.filter((one) => !['dist', 'node_modules'].includes(one))) {
    t.ok(existsSync(path), path)
    t.ok(
      seen.some((line) => line.startsWith('!') && `${path}/`.startsWith(`${line.slice(1)}/`)),
      `.dockerignore lets ${path} in`,
    )
  }
})

test('whatever tsc compiles for the image is let in', async (t) => {
  const seen = readFileSync('.dockerignore', 'utf8').split('\n')
  const { include } = JSON.parse(readFileSync('tsconfig.json', 'utf8')) as { include: string[] }
  const rooms = include.filter((room) => !['bench', 'test'].includes(room))
  t.same(
    rooms.filter((room) => !seen.includes(`!${room}`)),
    [],
  )
})

interface Container {
  readonly networks: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: unknown
  readonly network_mode?: unknown
  readonly privileged?: unknown
  readonly read_only?: boolean
}

test('the agent of compose.yaml is on no network that leads anywhere but to the gate', async (t) => {
  const { services, networks } = parse(readFileSync('compose.yaml', 'utf8')) as {
    services: { gate: Container; agent: Container }
    networks: Readonly<Record<string, { internal?: boolean }>>
  }
  const { agent, gate } = services
  t.same(agent.networks, ['inside'])
  t.equal(networks['inside']?.internal, true)
  t.same([agent.network_mode, agent.privileged, agent.ports], [undefined, undefined, undefined])
  t.same(gate.networks, ['inside', 'outside'])
  t.equal(gate.read_only, true)
  for (const [name, value] of Object.entries(agent.environment ?? {})) {
    if (/^(http|https|all)_proxy$/i.test(name)) t.equal(value, 'http://gate:3128', name)
  }
})

function health(control: string): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, ['deploy/image/health.mjs'], {
    env: { HALTGATE_CONTROL: control },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  return new Promise((done) => child.once('close', (code) => done({ code, said })))
}

test('the health check says yes of a gate that is ready, and no of one that is gone', async (t) => {
  const world = new TestWorld(makeDirectory(t), policyText({ ports: [9] }))
  await world.open()
  t.teardown(() => world.close())
  const { control } = world.world
  const place = 'port' in control ? `127.0.0.1:${control.port}` : ''
  const ready = await health(place)
  t.equal(ready.code, 0, ready.said)
  t.match(ready.said, /"ready":true/)
  await world.close()
  const gone = await health(place)
  t.equal(gone.code, 1)
  t.match(gone.said, /ECONNREFUSED/)
  t.equal((await health('unix:/nowhere/control.sock')).code, 1)
})
