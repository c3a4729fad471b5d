/** A gate, its ledger, its disk and an upstream from one seed; `check` holds all of them against each other. */
import type { Passage } from '../../gate/passage.ts'
import type { Destination } from '../../gate/ports.ts'
import type { Refusal } from '../../gate/refusal.ts'
import type { Policy } from '../../kernel/policy.ts'
import { type Principal, pathOf, type ScopeId } from '../../kernel/scope.ts'
import { lazyMs } from '../../ledger/commit.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { allGood, GateWorld, voided } from './world.ts'

/** mulberry32: small, and the same everywhere. */
function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What the upstream saw, by its own count. */
interface Seen {
  requests: number
  bytes: number
}

interface Open {
  readonly passage: Passage
  readonly agent: string
  bytes: number
  /** The bytes that may pass, which only a durable extension raises. */
  readonly limit: () => number
}

const yearMs = 365 * 86_400_000
const steps = [
  ...['admit', 'admit', 'admit', 'admit', 'resolve', 'resolve', 'open', 'open', 'open', 'send'],
  ...['send', 'extend', 'settle', 'settle', 'settle', 'void', 'time', 'time', 'release', 'release'],
  ...['hold', 'halt', 'reinstate', 'grant', 'revoke', 'load', 'rare', 'reject'],
] as const

export class Simulation {
  readonly disk = new MemoryDisk()
  readonly world: GateWorld
  readonly upstream = new Map<string, Seen>()
  readonly did = new Map<string, number>()
  /** Hashes of every entry that somebody was told is durable. */
  readonly told: string[] = []
  readonly #random: () => number
  readonly #policies: readonly Policy[]
  #resolving: (() => void)[] = []
  #held: { passage: Passage; principal: Principal }[] = []
  #open: Open[] = []
  #dead: Passage[] = []
  /** Scopes that are halted now, and those of them whose halt was acknowledged. */
  readonly #halted = new Set<ScopeId>()
  readonly #acknowledged = new Set<ScopeId>()
  #limits = new Map<string, number>()
  /** The highest limits since nothing waited for the disk: a crash may lose what lowered them, or opened them. */
  #firm = new Map<string, number>()
  #granted = 0
  #life = 0

  constructor(seed: number, policies: readonly Policy[]) {
    this.#random = chance(seed)
    this.#policies = policies
    this.world = new GateWorld({
      ...{ disk: this.disk, segmentBytesMax: 6_000 },
      ...{ deepCheck: true, lazy: true },
    })
  }

  async start(): Promise<void> {
    await this.world.open(this.#pick(this.#policies))
  }

  async step(): Promise<void> {
    const kind = this.#pick(steps)
    this.did.set(kind, (this.did.get(kind) ?? 0) + 1)
    await this.#take(kind)
    await settled()
    this.check()
  }

  /** Lets everything finish: the disk, those who wait, and what is open. */
  async finish(): Promise<void> {
    this.disk.release()
    for (const resolve of this.#resolving.splice(0)) resolve()
    await this.world.clock.pass(60_000)
    for (const { passage } of this.#held.splice(0)) passage.settle(voided)
    for (const open of [...this.#open]) this.#settle(open, 'settled')
    await this.world.clock.pass(lazyMs)
    this.check()
  }

  async #take(kind: (typeof steps)[number]): Promise<void> {
    const { world } = this
    if (kind === 'admit') this.#admit()
    else if (kind === 'resolve') this.#resolving.shift()?.()
    else if (kind === 'open') this.#dispatch()
    else if (kind === 'send') this.#send()
    else if (kind === 'extend') this.#extend()
    else if (kind === 'settle') {
      const open = this.#pickOf(this.#open)
      if (open !== null) this.#settle(open, this.#random() < 0.2 ? 'forfeited' : 'settled')
    } else if (kind === 'void') this.#held.shift()?.passage.settle(voided)
    else if (kind === 'time') await world.clock.pass(this.#upTo(4_000))
    else if (kind === 'hold') this.disk.hold()
    else if (kind === 'release') this.disk.release()
    else if (kind === 'halt') this.#halt()
    else if (kind === 'reinstate') this.#reinstate()
    else if (kind === 'grant' || kind === 'revoke') this.#grant(kind)
    else if (kind === 'load') void world.load(this.#pick(this.#policies))
    else if (kind === 'reject') void world.gate.reject(this.#rejection())
    else if (this.#random() < 0.5) await this.crash()
    else world.clock.jump((this.#random() < 0.5 ? -1 : 1) * this.#upTo(yearMs))
  }

  #admit(): void {
    const host = this.#pick(['ok', 'ok', 'ok', 'ok', 'slow', 'slow', 'no', 'unknown'])
    const agent = this.#pick(['a', 'b'])
    const run = `r${this.#upTo(9)}`
    const principal = { ...this.world.facts().principal, agent, run }
    const life = this.#life
    const resolve = (): Destination | Promise<Destination> =>
      host === 'ok'
        ? allGood()
        : new Promise((go) => void this.#resolving.push(() => go(allGood())))
    const asked = { bytes_down: this.#upTo(300) }
    void this.world.admit({ host: `${host}.example.com`, principal }, asked, resolve).then((it) => {
      if (it.receipt !== null) this.told.push(it.receipt.hash)
      this.#answered(it, { principal, life })
    })
  }

  #answered(answer: Passage | Refusal, by: { principal: Principal; life: number }): void {
    if (answer.refused) return
    // I1: whoever holds a passage could send at once.
    if (by.life === this.#life && !this.disk.keeps(answer.receipt.hash)) {
      throw new Error(`I1: seq ${answer.receipt.seq} is not durable, and its passage is there`)
    }
    if (by.life === this.#life) this.#held.push({ passage: answer, principal: by.principal })
    else this.#dead.push(answer)
  }

  #dispatch(): void {
    const held = this.#held.shift()
    if (held === undefined) {
      // A passage of a process that is gone must be worth nothing.
      const refusal = this.#dead.shift()?.open(() => undefined)
      if (refusal === null) throw new Error('a passage of a dead gate was dispatched')
      return
    }
    const { passage, principal } = held
    const open: Open = {
      ...{ passage, agent: principal.agent, bytes: 0 },
      limit: () => passage.limits['bytes_down'] ?? 0,
    }
    const refusal = passage.open(() => this.#settle(open, 'settled'))
    if (refusal !== null) {
      passage.settle(voided)
      return
    }
    const halted = pathOf(principal).find((scope) => this.#halted.has(scope))
    if (halted !== undefined) throw new Error(`I8: dispatched although ${halted} is halted`)
    this.#open.push(open)
    this.#seen(principal.agent).requests += 1
  }

  #send(): void {
    const open = this.#pickOf(this.#open)
    if (open === null) return
    const bytes = Math.min(this.#upTo(200), open.limit() - open.bytes)
    open.bytes += bytes
    this.#seen(open.agent).bytes += bytes
  }

  #extend(): void {
    const open = this.#pickOf(this.#open)
    if (open === null) return
    void open.passage.extend({ bytes_down: this.#upTo(300) }).then((refusal) => {
      if (refusal !== null && this.#open.includes(open)) this.#settle(open, 'settled')
    })
  }

  #settle(open: Open, outcome: 'settled' | 'forfeited'): void {
    this.#open = this.#open.filter((each) => each !== open)
    open.passage.settle({ outcome, actual: { bytes_down: open.bytes }, status: 200, cut: '' })
  }

  #halt(): void {
    if (this.#random() < 0.75) return
    const scope = this.#pick(['run:a/r1', 'run:b/r2', 'agent:a', 'run:a/r3'])
    const order = this.world.order(scope)
    const life = this.#life
    const halting = this.world.gate.halt(order)
    if (!this.world.gate.sealed) this.#halted.add(order.scope)
    void halting.then((answer) => {
      if (answer.ok) this.told.push(answer.receipt.hash)
      if (answer.ok && life === this.#life && this.#halted.has(order.scope)) {
        this.#acknowledged.add(order.scope)
      }
    })
  }

  #reinstate(): void {
    const { cause: _, ...order } = this.world.order('agent:a')
    if (this.world.gate.ledger.refusal === null) {
      this.#halted.delete(order.scope)
      this.#acknowledged.delete(order.scope)
    }
    void this.world.gate.reinstate(order)
  }

  #grant(kind: 'grant' | 'revoke'): void {
    const amount = this.#upTo(12)
    const { scope } = this.world.order(this.#pick(['agent:a', 'agent:b']))
    const order = { scope, reason: 'x', by: 'operator', budget: 'life', dimension: 'requests' }
    if (kind === 'grant') this.#granted += amount
    void this.world.gate.grant({ ...order, kind, amount }).then((answer) => {
      if (answer.ok) this.told.push(answer.receipt.hash)
    })
  }

  /** The process and its machine die, and come back with what was synced and some of the rest. */
  async crash(): Promise<void> {
    this.did.set('crash', (this.did.get('crash') ?? 0) + 1)
    this.#life += 1
    this.disk.die()
    const old = this.#held.splice(0)
    await this.world.die()
    this.#dead = old.map(({ passage }) => passage)
    this.#open = []
    this.#resolving = []
    this.#halted.clear()
    for (const scope of this.#acknowledged) this.#halted.add(scope)
    this.disk.crash(this.#random())
    this.#limits = new Map(this.#firm)
    for (const dead of this.#dead) {
      if (dead.open(() => undefined) === null) throw new Error('a dead gate dispatched')
    }
    await this.start()
    const known = new Set(this.disk.entries().map(({ hash }) => hash))
    const lost = this.told.filter((hash) => !known.has(hash))
    if (lost.length > 0) throw new Error(`${lost.length} acknowledged entries are lost`)
  }

  /** Every invariant that can be seen from outside, at once. */
  check(): void {
    const { gate, seals } = this.world
    if (seals.length > 0) throw new Error(`it sealed itself: ${JSON.stringify(seals)}`)
    const status = gate.status()
    for (const [agent, seen] of this.upstream) {
      const spent = (dimension: string): number =>
        status.purses
          .filter((one) => one.budget === 'life' && one.dimension === dimension)
          .filter((one) => one.scope === `agent:${agent}`)
          .reduce((sum, { posted, held }) => sum + posted + held, 0)
      if (spent('requests') < seen.requests || spent('bytes_down') < seen.bytes) {
        throw new Error(
          `M4: ${agent} sent ${seen.requests}, ${seen.bytes} bytes; not in the ledger`,
        )
      }
    }
    for (const {
      budget,
      dimension,
      held,
      instance,
      limit,
      overrun,
      posted,
      scope,
    } of status.purses) {
      const key = `${scope} ${instance} ${budget} ${dimension}`
      if (posted + held > limit + overrun) throw new Error(`I3: ${key}`)
      const before = this.#limits.get(key)
      if (before !== undefined && limit > before + this.#granted) {
        throw new Error(
          `I9: ${key} rose from ${before} to ${limit}, and ${this.#granted} was granted`,
        )
      }
      this.#limits.set(key, limit)
      const firm = this.#firm.get(key)
      if (firm !== undefined && firm < limit) this.#firm.set(key, limit)
    }
    this.#granted = 0
    if (this.world.core.ledger.waiting === 0) this.#firm = new Map(this.#limits)
    const halted = new Set(status.halted.map(({ scope }) => scope))
    for (const scope of this.#halted) if (!halted.has(scope)) throw new Error(`I8: ${scope} runs`)
  }

  #seen(agent: string): Seen {
    const known = this.upstream.get(agent) ?? { requests: 0, bytes: 0 }
    this.upstream.set(agent, known)
    return known
  }

  #rejection(): Parameters<GateWorld['gate']['reject']>[0] {
    return { code: 'malformed-request', message: 'x', principal: null, listener: 'p' }
  }

  #upTo(most: number): number {
    return 1 + Math.floor(this.#random() * most)
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#random() * from.length)]
    if (picked === undefined) throw new Error('there is something to pick')
    return picked
  }

  #pickOf<T>(from: readonly T[]): T | null {
    return from.length === 0 ? null : this.#pick(from)
  }
}
