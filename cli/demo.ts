/** `haltgate demo`: an origin, a gate and a looping agent, on loopback alone, told as it happens. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pico from 'picocolors'
import { auditVerify } from './audit.ts'
import { exitCodes } from './exit.ts'
import { openLog } from './log.ts'
import { layoutOf, type Settings, settingsOf } from './settings.ts'
import { openWorld, type World } from './world.ts'

/** The agent loops this often; its budget is smaller, or the demo would end in a loop itself. */
const loopsMax = 40
const requestsLimit = 12

const policy = (port: number): string => `version: 1
mode: enforce
defaults: { verdict: deny, tls: tunnel }
agents:
  looper: { tenant: demo, project: loop }
rules:
  - id: the-origin
    hosts: [localhost]
    ports: [${port}]
    methods: [GET]
    addresses: [127.0.0.0/8, "::1/128"]
    effect: allow
budgets:
  - id: per-run
    scope: run
    limits: { requests: ${requestsLimit} }
    tiers: [50, 90]
    on_limit: kill
`

export interface DemoOptions {
  readonly print: (text: string) => void
}

/** Resolves with 0 only where everything happened as it is told. */
export async function demo(options: DemoOptions): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-demo-'))
  const origin = await listen()
  try {
    return await play(options, directory, origin)
  } finally {
    origin.server.close()
    origin.server.closeAllConnections()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Origin {
  readonly server: Server
  readonly port: number
  reached: number
}

function listen(): Promise<Origin> {
  return new Promise((resolve) => {
    const server = createServer((_incoming, response) => {
      origin.reached += 1
      response.end(`hello number ${origin.reached}\n`)
    })
    const origin: Origin & { port: number } = { server, port: 0, reached: 0 }
    server.listen(0, '127.0.0.1', () => {
      origin.port = (server.address() as AddressInfo).port
      resolve(origin)
    })
  })
}

async function play(options: DemoOptions, directory: string, origin: Origin): Promise<number> {
  const { print } = options
  const policyFile = join(directory, 'policies.yaml')
  writeFileSync(policyFile, policy(origin.port))
  const flags = {
    listen: '127.0.0.1:0',
    control: '127.0.0.1:0',
    agent: 'looper',
    logLevel: 'silent',
  }
  // /tmp is in memory on many machines; what is told here need not outlive it.
  const place = { policy: policyFile, data: join(directory, 'data'), anyFilesystem: true }
  const settings = settingsOf({ ...flags, ...place }, {})
  const world = await openWorld({ settings, log: openLog('silent'), onSeal: () => undefined })
  print(
    `${pico.bold('1. a gate')}: agent looper may GET localhost:${origin.port}, ${requestsLimit} times a run`,
  )
  const told = await loop({ world, origin, print })
  await world.close()
  print(pico.bold('3. the ledger'))
  const honest = await verify(settings, print)
  const { file, offset } = changeOneByte(layoutOf(settings.dataDirectory).ledger)
  print(`   one byte changed: ${file}, offset ${offset}`)
  const caught = await verify(settings, print)
  const asTold = told && honest === 0 && caught === 1
  const conclusion = asTold
    ? 'allowed, denied, warned, halted, proved, caught.'
    : 'this did not go as it should: please report it.'
  print(pico.bold(conclusion))
  return asTold ? exitCodes.done : exitCodes.no
}

async function loop(parts: {
  world: World
  origin: Origin
  print: (text: string) => void
}): Promise<boolean> {
  const { world, origin, print } = parts
  const proxy = world.proxy.port
  const allowed = `http://localhost:${origin.port}/`
  const denied = await get(proxy, 'http://exfiltrate.example/?secret')
  print(
    `   ${pico.red(`${denied.status} ${denied.reason}`)}  http://exfiltrate.example/ denied, and no DNS query was sent`,
  )
  print(`${pico.bold('2. the agent loops')} and never stops by itself`)
  let warned = false
  for (let turn = 1; turn <= loopsMax; turn += 1) {
    const answer = await get(proxy, allowed)
    if (answer.status === 200) {
      const left = requestsLimit - turn
      if (turn === 1) print(`   ${pico.green('200 OK')}  ${allowed} allowed, ${left} left`)
      if (left !== 1) continue
      print(`   ${pico.yellow(`near the budget: ${turn} of ${requestsLimit} requests are spent`)}`)
      warned = true
      continue
    }
    print(`   ${pico.red(`${answer.status} ${answer.reason}`)}  HALT at request ${turn}`)
    const again = await get(proxy, allowed)
    print(`   ${pico.red(`${again.status} ${again.reason}`)}  and from now on, restarts included`)
    print(`   the origin counted ${origin.reached} requests`)
    const halted = again.reason.includes('halted') && answer.reason.includes('budget-exhausted')
    return denied.status === 403 && warned && halted && origin.reached === requestsLimit
  }
  return false
}

function get(port: number, url: string): Promise<{ status: number; reason: string }> {
  return new Promise((resolve, reject) => {
    const { host } = new URL(url)
    const asked = request({ host: '127.0.0.1', port, path: url, headers: { host }, agent: false })
    asked.on('response', (response) => {
      response.resume()
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, reason: response.statusMessage ?? '' }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}

function verify(settings: Settings, print: (text: string) => void): Promise<number> {
  return auditVerify({
    dataDirectory: settings.dataDirectory,
    replay: true,
    print: (text) => print(indented(text)),
  })
}

const indented = (text: string): string => text.replace(/^/gm, '   ')

/** Writes one letter of the first recorded refusal in upper case, in the newest segment. */
function changeOneByte(ledger: string): { file: string; offset: number } {
  const name = readdirSync(ledger)
    .filter((one) => one.startsWith('ledger-'))
    .sort()
    .at(-1)
  if (name === undefined) throw new Error('the demo wrote no ledger')
  const file = join(ledger, name)
  const bytes = readFileSync(file)
  const offset = bytes.indexOf('"verdict":"deny"') + '"verdict":"'.length
  bytes[offset] = 'D'.charCodeAt(0)
  writeFileSync(file, bytes)
  return { file: name, offset }
}
