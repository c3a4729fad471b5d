/** One gate over a real ledger: policy compiled from text, time and chance in the test's hand, its files as asked. */
import { createHash } from 'node:crypto'
import { type Test, test } from 'tap'
import type { Core, Seal } from '../../gate/core.ts'
import { asLogged } from '../../gate/fold.ts'
import { Gate } from '../../gate/gate.ts'
import { type GateOptions, openCore } from '../../gate/open.ts'
import type { HaltOrder, OrderAnswer } from '../../gate/orders.ts'
import type { Passage } from '../../gate/passage.ts'
import type { Destination, Read, Watch } from '../../gate/ports.ts'
import type { Refusal } from '../../gate/refusal.ts'
import { openReplay } from '../../gate/replay.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { Policy } from '../../kernel/policy.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { type Principal, parseScope } from '../../kernel/scope.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { lazyMs } from '../../ledger/commit.ts'
import type { Entry } from '../../ledger/entry.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { loadPolicy } from '../../policy/load.ts'
import { entriesOf, makePlace, type Place } from '../ledger/open-ledger.ts'
import { settled, VirtualClock } from './clock.ts'
import type { MemoryDisk } from './disk.ts'

const principal: Principal = {
  agent: 'a',
  run: 'r1',
  tenant: 'acme',
  project: null,
  actor: null,
  key: null,
}

const head = `version: 1
defaults: { verdict: deny, tls: tunnel }
agents:
  a: { tenant: acme }
  b: { tenant: acme }
rules:
  - { id: open, hosts: [ok.example.com, slow.example.com], effect: allow }
  - { id: shut, hosts: [no.example.com], effect: deny }
  - { id: bomb, hosts: [bomb.example.com], effect: halt }
`

/** A policy that allows ok.example.com and slow.example.com, denies no., and halts for bomb.example.com. */
export function policyText(budgets = '', more: { rules?: string; mode?: string } = {}): string {
  const { mode = 'enforce', rules = '' } = more
  return `${head}${rules}mode: ${mode}\n${budgets === '' ? '' : `budgets:\n${budgets}\n`}`
}

/** A compiled policy; a test that writes a bad one is told where. */
export async function compiled(text: string): Promise<Policy> {
  const loaded = await loadPolicy({ name: 'policies.yaml', text })
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  return loaded.policy
}

export const allGood = (): Destination => ({ ok: true, addresses: ['192.0.2.1'] })

export interface WorldOptions {
  readonly files?: Files
  readonly disk?: MemoryDisk
  readonly segmentBytesMax?: number
  readonly deepCheck?: boolean
  readonly freeBytesMin?: number
  /** Settlements go to the disk as late as the ledger lets them. */
  readonly lazy?: boolean
}

export class GateWorld {
  readonly clock = new VirtualClock()
  readonly place: Place = makePlace()
  readonly seals: Seal[] = []
  readonly decided: string[] = []
  readonly severed: string[] = []
  ended = 0
  readonly #policies = new Map<string, Policy>()
  readonly #options: WorldOptions
  #core: Core | null = null
  #gate: Gate | null = null
  #requests = 0
  #drawn = 0

  constructor(options: WorldOptions = {}) {
    this.#options = options
  }

  get gate(): Gate {
    if (this.#gate === null) throw new Error('the gate is open')
    return this.#gate
  }

  get isOpen(): boolean {
    return this.#gate !== null
  }

  /** Closes the gate; time passes for as long as it waits for what is open. */
  async close(): Promise<void> {
    const closing = this.gate.close()
    await this.quiet()
    if (this.gate.status().holdsOpen > 0) await this.clock.pass(4_000)
    await closing
  }

  /** Lets a real disk take what waits for it. */
  async quiet(): Promise<void> {
    const { ledger } = this.core
    for (let turn = 0; turn < 2_000 && ledger.waiting > 0; turn += 1) {
      if (ledger.poisoned !== null) break
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await settled()
  }

  /** The process is gone, and with it its lock; nothing was settled or said. */
  async die(): Promise<void> {
    await this.core.ledger.close()
    this.seals.length = 0
  }

  get core(): Core {
    if (this.#core === null) throw new Error('the gate is open')
    return this.#core
  }

  /** The live state, as the log alone could tell it. */
  get digest(): string {
    return snapshot(asLogged(this.core.state))
  }

  async open(policy: Policy): Promise<void> {
    const core = await openCore(this.options(policy))
    this.#core = core
    this.#gate = new Gate(core)
  }

  options(policy: Policy): GateOptions {
    const { directory, lockFile } = this.place
    const { disk, segmentBytesMax, deepCheck = true, freeBytesMin = 0 } = this.#options
    const segment = segmentBytesMax === undefined ? {} : { segmentBytesMax }
    return {
      clock: this.clock,
      watch: this.#watch(),
      policy,
      keyOf: (hash) => hash.slice(0, 16),
      deepCheck,
      onSeal: (seal) => this.seals.push(seal),
      termsOf: (digest) => this.#policies.get(digest) ?? null,
      keep: async (kept) => void this.#policies.set(kept.digest, kept),
      ledger: {
        ...{ directory, lockFile, origin: 'haltgate.example/log', createdBy: 'haltgate/test' },
        ...{ durability: 'group', runtime: 'v20', anyFilesystem: true, freeBytesMin, ...segment },
        files: this.#options.files ?? disk?.files ?? realFiles,
        now: () => this.clock.now(),
        after: (delayMs, callback) => this.#after(delayMs, callback),
        random: (bytes) => this.#random(bytes),
      },
    }
  }

  /** The ledger's timers. A note's time is over at once, so that a test sees what it did, unless it asks for more. */
  #after(delayMs: number, callback: () => void): () => void {
    if (delayMs !== lazyMs || this.#options.lazy === true) {
      return this.clock.after(delayMs, callback)
    }
    const immediate = setImmediate(callback)
    return () => clearImmediate(immediate)
  }

  /** What `load` needs beside the order: the source kept where replay finds it. */
  async load(policy: Policy): ReturnType<Gate['load']> {
    this.#policies.set(policy.digest, policy)
    return await this.gate.load(policy, { trigger: 'reload', by: 'file', changes: [] })
  }

  facts(more: Partial<RequestFacts> = {}): RequestFacts {
    this.#requests += 1
    return {
      id: `request-${this.#requests}`,
      principal,
      kind: 'request',
      method: 'GET',
      scheme: 'http',
      host: 'ok.example.com',
      port: 80,
      path: '/',
      query: '',
      headers: {},
      content: null,
      ...more,
    }
  }

  /** What a body turns out to hold; a test that has one says so. */
  read: Read = async () => ({ ok: false, code: 'inspection-required', message: 'no body' })

  /** Admits a request to ok.example.com, or to another. */
  admit(
    more: Partial<RequestFacts> = {},
    ask: Vector = {},
    resolve: () => Destination | Promise<Destination> = allGood,
  ): Promise<Passage | Refusal> {
    const charge = { requests: 1, effort: 1, inflight: 1 }
    return this.gate.admit(this.facts(more), { charge, ask }, { resolve, read: this.read })
  }

  async pass(more: Partial<RequestFacts> = {}, ask: Vector = {}): Promise<Passage> {
    const answer = await this.admit(more, ask)
    if (answer.refused) throw new Error(`refused: ${answer.code} ${answer.reasons[0]?.message}`)
    return answer
  }

  entries(...kinds: readonly string[]): readonly Entry[] {
    const all = this.#options.disk?.entries() ?? entriesOf(this.place)
    return kinds.length === 0 ? all : all.filter(({ kind }) => kinds.includes(kind))
  }

  /** The data of the last entry of a kind. */
  last(kind: string): Entry['data'] {
    return this.entries(kind).at(-1)?.data ?? {}
  }

  order(scope: string): HaltOrder {
    const parsed = parseScope(scope)
    if (parsed === null) throw new Error(`${scope} is no scope`)
    return { scope: parsed, cause: 'operator', reason: 'enough', by: 'operator' }
  }

  halt(scope: string): Promise<OrderAnswer> {
    return this.gate.halt(this.order(scope))
  }

  grant(scope: string, amount: number, dimension = 'requests'): Promise<OrderAnswer> {
    const { cause: _, ...order } = this.order(scope)
    return this.gate.grant({ ...order, kind: 'grant', budget: '', dimension, amount })
  }

  /** Posted and held of a budget's account, over all its purses. */
  used(budget: string, dimension = 'requests'): number {
    const mine = this.gate.status().purses.filter((purse) => {
      return purse.budget === budget && purse.dimension === dimension
    })
    return mine.reduce((sum, { posted, held }) => sum + posted + held, 0)
  }

  /** The state that follows from the entries alone; fails the test where an entry does not follow. */
  replayed(t: Test): string {
    const replay = openReplay((digest) => this.#policies.get(digest) ?? null)
    for (const entry of this.entries()) {
      const mismatch = replay.entry(entry)
      if (mismatch !== null) t.fail(`seq ${entry.seq} ${entry.kind}: ${mismatch}`)
    }
    t.equal(replay.end(), null, 'every invariant holds at the end')
    return snapshot(asLogged(replay.state))
  }

  #random(bytes: number): Buffer {
    this.#drawn += 1
    return createHash('sha512').update(String(this.#drawn)).digest().subarray(0, bytes)
  }

  #watch(): Watch {
    return {
      decided: (verdict, code) => void this.decided.push(`${verdict} ${code}`.trim()),
      admitted: () => undefined,
      appended: () => undefined,
      stepped: () => undefined,
      severed: (scope, cause) => void this.severed.push(`${scope} ${cause}`),
      opened: () => undefined,
      ended: () => {
        this.ended += 1
      },
    }
  }
}

export interface GateTest extends WorldOptions {
  readonly policy: string
}

/** A test over an open gate; at its end the ledger is closed, and replay follows it to the live state. */
export function gateTest(
  name: string,
  options: GateTest,
  play: (t: Test, world: GateWorld) => Promise<void>,
): void {
  void test(name, async (t) => {
    const world = new GateWorld(options)
    t.teardown(() => world.place.remove())
    await world.open(await compiled(options.policy))
    t.teardown(() => world.close())
    await play(t, world)
    await world.close()
    t.equal(world.replayed(t), world.digest, 'replay follows the ledger to the live state')
  })
}

export const settlement = { outcome: 'settled', actual: {}, status: 200, cut: '' } as const
export const voided = { outcome: 'voided', actual: {}, status: 0, cut: '' } as const
