/** The real world on loopback: an origin that counts, a policy, the gate in this process, and a verified ledger at the end. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { askControl, type ControlAnswer } from '../../cli/control-client.ts'
import { openLog } from '../../cli/log.ts'
import { storedTerms } from '../../cli/policy-store.ts'
import { layoutOf, type Settings, settingsOf } from '../../cli/settings.ts'
import { openWorld, type World } from '../../cli/world.ts'
import type { Seal } from '../../gate/core.ts'
import { openReplay } from '../../gate/replay.ts'
import type { Entry } from '../../ledger/entry.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Limits } from '../../proxy/limits.ts'
import { type Answer, ask } from './wire.ts'

/** statfs(2): TMPFS_MAGIC. A machine whose /tmp is in memory may test there, too. */
const tmpfs = 0x01021994

export interface Teardown {
  teardown(end: () => unknown): void
}

/** A directory of its own, gone when the test has ended. */
export function makeDirectory(t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-e2e-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  return directory
}

export const isInMemory = (directory: string): boolean => statfsSync(directory).type === tmpfs

export interface Origin {
  readonly server: Server
  readonly port: number
  /** `http://localhost:PORT`, which the rule of `policyText` allows. */
  readonly url: string
  /** Requests by path, without their query. */
  readonly hits: ReadonlyMap<string, number>
  /** All requests so far. */
  readonly total: number
  readonly sockets: ReadonlySet<Socket>
}

/** Counts each request, then serves it; `ok` where nobody says how. */
export async function startOrigin(t: Teardown, serve?: RequestListener): Promise<Origin> {
  const hits = new Map<string, number>()
  const sockets = new Set<Socket>()
  let total = 0
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://origin').pathname
    hits.set(path, (hits.get(path) ?? 0) + 1)
    total += 1
    if (serve === undefined) response.end('ok')
    else serve(request, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  const port = await listen(t, server)
  t.teardown(() => server.closeAllConnections())
  const url = `http://localhost:${port}`
  return {
    ...{ server, port, url, hits, sockets },
    get total(): number {
      return total
    },
  }
}

interface Listening {
  listen(port: number, host: string, done: () => void): unknown
  close(): unknown
  address(): AddressInfo | string | null
}

/** Listens on a free port of 127.0.0.1 until the test has ended. */
export async function listen(t: Teardown, server: Listening): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

export interface Terms {
  readonly ports: readonly number[]
  readonly agents?: string
  /** YAML list items, two spaces in, behind the rule `origin` that allows localhost at these ports. */
  readonly rules?: string
  readonly budgets?: string
}

/** A policy that allows all of localhost at some ports to the agent `tester`. */
export function policyText({ ports, agents, rules = '', budgets }: Terms): string {
  return `version: 1
defaults: { verdict: deny, tls: tunnel }
agents:
${agents ?? '  tester: { tenant: acme, project: lab }'}
rules:
  - id: origin
    hosts: [localhost]
    ports: [${ports.join(', ')}]
    addresses: [127.0.0.0/8, "::1/128"]
    effect: allow
${rules}
${budgets === undefined ? '' : `budgets:\n${budgets}\n`}`
}

export interface TestWorldOptions {
  /** The agent of the listener; null where clients say who they are. */
  readonly agent?: string | null
  readonly limits?: Partial<Limits>
}

/** One gate that may be closed and opened again on the same data. */
export class TestWorld {
  readonly directory: string
  readonly settings: Settings
  /** How the gate sealed itself; empty while it has not. */
  readonly seals: Seal[] = []
  readonly #limits: Partial<Limits>
  #world: World | null = null

  constructor(directory: string, policy: string, options: TestWorldOptions = {}) {
    this.directory = directory
    const agent = options.agent === undefined ? 'tester' : options.agent
    const flags = {
      ...{ listen: '127.0.0.1:0', control: '127.0.0.1:0', logLevel: 'silent' },
      ...{ policy: join(directory, 'policies.yaml'), data: join(directory, 'data') },
      anyFilesystem: isInMemory(directory),
    }
    this.settings = settingsOf(agent === null ? flags : { ...flags, agent }, {})
    this.#limits = options.limits ?? {}
    this.writePolicy(policy)
  }

  get world(): World {
    if (this.#world === null) throw new Error('the world is closed')
    return this.#world
  }

  /** The proxy's port. */
  get port(): number {
    return this.world.proxy.port
  }

  writePolicy(text: string): void {
    writeFileSync(this.settings.policyFile, text)
  }

  async open(): Promise<void> {
    const { settings } = this
    const onSeal = (seal: Seal): void => {
      this.seals.push(seal)
    }
    this.#world = await openWorld({
      settings,
      log: openLog('silent'),
      onSeal,
      limits: this.#limits,
    })
  }

  async close(): Promise<void> {
    const world = this.#world
    this.#world = null
    await world?.close()
  }

  async reopen(): Promise<void> {
    await this.close()
    await this.open()
  }

  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return ask(this.port, url, { headers })
  }

  /** Asks the control listener as the operator does. */
  control(method: 'GET' | 'POST', path: string, body?: object): Promise<ControlAnswer> {
    const settings = { ...this.settings, control: this.world.control }
    return askControl(settings, method, body === undefined ? { path } : { path, body })
  }

  /** The value of a metric, as a scrape shows it. */
  async metric(name: string): Promise<number> {
    const text = await this.world.metrics.text()
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  }

  /** Waits for what no event tells; a test that waits in vain runs into its own timeout. */
  async eventually(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  entries(...kinds: readonly string[]): readonly Entry[] {
    return readEntries(this.settings.dataDirectory, kinds)
  }
}

/** The entries of a ledger as its files hold them now, of some kinds or of all. */
export function readEntries(dataDirectory: string, kinds: readonly string[]): readonly Entry[] {
  const { ledger } = layoutOf(dataDirectory)
  const names = readdirSync(ledger).filter((name) => /^ledger-\d+\.jsonl$/.test(name))
  const texts = names.sort().map((name) => readFileSync(join(ledger, name), 'utf8'))
  // What stands behind the last LF of a file a crash cut off: it is no entry.
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1))
  const entries = lines.map((line) => JSON.parse(line) as Entry)
  return kinds.length === 0 ? entries : entries.filter(({ kind }) => kinds.includes(kind))
}

/** Verifies the chain, and re-executes the kernel over it. */
export async function verifyData(t: Test, dataDirectory: string): Promise<void> {
  const layout = layoutOf(dataDirectory)
  const replay = openReplay(storedTerms(layout.policies))
  const report = await verifyLedger({ directory: layout.ledger, lockFile: layout.lock, replay })
  t.equal(report.exit, 0, `the chain verifies: ${JSON.stringify(report.findings.slice(0, 3))}`)
  t.equal(report.replay?.mismatches, 0, 'every verdict and balance follows from the policy')
}

/** A test in a world of its own; whatever happened in it, its ledger verifies and replays at the end. */
export function worldTest(
  name: string,
  terms: Omit<Terms, 'ports'> & TestWorldOptions & { readonly serve?: RequestListener },
  play: (t: Test, world: TestWorld, origin: Origin) => Promise<void>,
): void {
  void test(name, async (t) => {
    const origin = await startOrigin(t, terms.serve)
    const world = new TestWorld(
      makeDirectory(t),
      policyText({ ...terms, ports: [origin.port] }),
      terms,
    )
    await world.open()
    t.teardown(() => world.close())
    await play(t, world, origin)
    await world.close()
    await verifyData(t, world.settings.dataDirectory)
  })
}
