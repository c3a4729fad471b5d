/** A real gate with all that its metrics can tell of: an anchor, a witness, an index, approvals, and traffic of each kind. */
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { openLog } from '../../cli/log.ts'
import type { Settings } from '../../cli/settings.ts'
import { openWorld, type World } from '../../cli/world.ts'
import type { Seal } from '../../gate/core.ts'
import { parseScope } from '../../kernel/scope.ts'
import { ask, asRun } from '../e2e/wire.ts'
import {
  makeDirectory,
  type Origin,
  policyText,
  startOrigin,
  type Teardown,
  TestWorld,
} from '../e2e/world.ts'
import { storeText } from '../evidence/anchor-world.ts'
import { S3Store } from '../evidence/s3/server.ts'
import { openPost } from '../evidence/witness-world.ts'

export class BusyGate {
  readonly seals: Seal[] = []
  readonly #origin: Origin
  readonly #base: TestWorld
  #world: World | null = null
  #tunnel: Socket | null = null
  #rounds = 0

  private constructor(origin: Origin, base: TestWorld) {
    this.#origin = origin
    this.#base = base
  }

  static async open(t: Teardown): Promise<BusyGate> {
    const origin = await startOrigin(t, (request, response) => serve(request.url ?? '', response))
    const base = new TestWorld(makeDirectory(t), termsFor(origin.port))
    const busy = new BusyGate(origin, base)
    // A witness has to know the key of the log, which the first start makes.
    await base.open()
    await base.close()
    const [genesis] = base.entries('log.genesis')
    const post = await openPost(t, [String(genesis?.data['vkey'])])
    await storeInEnvironment(t)
    await busy.#openWith(t, { ...base.settings, anchor: storeText, witnesses: [post.text] })
    return busy
  }

  async #openWith(t: Teardown, settings: Settings): Promise<void> {
    const onSeal = (seal: Seal): void => {
      this.seals.push(seal)
    }
    this.#world = await openWorld({ settings, log: openLog('silent'), onSeal })
    t.teardown(() => this.#world?.close())
    t.teardown(() => this.#tunnel?.destroy())
  }

  get world(): World {
    if (this.#world === null) throw new Error('the gate is not open')
    return this.#world
  }

  /** The port that Prometheus scrapes. */
  get controlPort(): number {
    const { control } = this.world
    if (!('port' in control)) throw new Error('the control listener has no port')
    return control.port
  }

  /** One request of each kind: allowed, not found, cut off, refused, waiting for people, and a tunnel that stays. */
  async round(): Promise<void> {
    this.#rounds += 1
    const { port } = this.world.proxy
    const { url } = this.#origin
    const headers = asRun('tester', `run-${this.#rounds}`)
    for (const path of ['/', '/missing', '/cut', '/people'])
      await ask(port, url + path, { headers })
    for (const host of ['people', 'elsewhere'])
      await ask(port, `http://${host}.example/`, { headers })
    await this.#openTunnel(headers)
    if (this.#rounds % 5 === 0) await this.#halt(`run-${this.#rounds}`)
    if (this.#rounds % 7 === 0) await this.#refusedReload()
  }

  async #halt(run: string): Promise<void> {
    const scope = parseScope(`run:tester/${run}`)
    if (scope === null) throw new Error(`${run} is no name`)
    const order = { cause: 'operator', reason: 'by the test', by: 'operator' } as const
    const answer = await this.world.gate.halt({ scope, ...order })
    if (!answer.ok) throw new Error(`the run was not halted: ${JSON.stringify(answer)}`)
  }

  /** The policy file has a problem; the old policy stays. */
  async #refusedReload(): Promise<void> {
    this.#base.writePolicy('version: 1\nnonsense: true\n')
    const { ok } = await this.world.reload()
    if (ok) throw new Error('a policy with a problem was loaded')
  }

  /** Stays open until the next one. */
  #openTunnel(headers: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const to = `localhost:${this.#origin.port}`
    const head = `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${lines.join('')}\r\n`
    this.#tunnel?.destroy()
    return new Promise((done, fail) => {
      const socket = connect(this.world.proxy.port, '127.0.0.1', () => socket.write(head))
      this.#tunnel = socket
      socket.once('data', (answer) => {
        if (/^HTTP\/1\.1 200 /.test(String(answer))) done()
        else fail(new Error(`no tunnel: ${answer}`))
      })
      socket.once('error', fail)
    })
  }
}

function serve(url: string, response: ServerResponse): void {
  if (url === '/cut') response.destroy()
  else response.writeHead(url === '/missing' ? 404 : 200).end('ok')
}

function termsFor(port: number): string {
  const people = `  - id: people
    hosts: [people.example]
    effect: approve
    approval: { need: 1, of: [operator] }
`
  const budgets = `  - id: calls
    scope: agent
    period: day
    limits: { requests: 100000, bytes_up: 1000000000 }
    on_limit: block`
  return policyText({ ports: [port], rules: people, budgets })
}

/** Anchors are written with what the environment says, as by the command line. */
async function storeInEnvironment(t: Teardown): Promise<void> {
  const store = await S3Store.open({ now: () => Date.now() })
  t.teardown(() => store.close())
  for (const [name, value] of Object.entries(store.environment)) {
    const before = process.env[name]
    process.env[name] = value
    t.teardown(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}
