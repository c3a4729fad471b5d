/** What becomes of checkpoints: told on standard output, counted, anchored, cosigned; and the index beside them. */
import type { Logger } from 'pino'
import type { CustodyView } from '../control/custody.ts'
import type { Anchorer } from '../evidence/anchor/anchorer.ts'
import type { IndexFeeder } from '../evidence/index/feeder.ts'
import type { Segments } from '../evidence/proof/segments.ts'
import type { Witnesses } from '../evidence/witness/witnesses.ts'
import type { Clock } from '../gate/ports.ts'
import { Failure } from '../kernel/reasons.ts'
import type { AnchorData } from '../ledger/anchor.ts'
import { type DurableCheckpoint, noteOf } from '../ledger/checkpoint.ts'
import type { Receipt } from '../ledger/entry.ts'
import { rethrown } from '../ledger/failure.ts'
import type { GenesisData } from '../ledger/segment.ts'
import { layoutOf, type Settings } from './settings.ts'

/** The gate, as far as this is concerned with it. */
export interface Kept {
  readonly log: GenesisData
  readonly ledger: { readonly head: Receipt; readonly checkpoint: DurableCheckpoint | null }
  anchored(data: AnchorData): void
  shut(message: string): void
}

export interface CustodyOptions {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Logger
  /** Told of each checkpoint; null where nobody listens. */
  readonly heartbeat: ((checkpoint: DurableCheckpoint) => void) | null
}

/** Roots that a witness may still ask of. */
const rootsKept = 256

/** A handover stands near the beginning of its segment. */
const handoverEntries = 64

export class Custody {
  readonly #options: CustodyOptions
  #gate: Kept | null = null
  #latest: DurableCheckpoint | null = null
  #anchorer: Anchorer | null = null
  #witnesses: Witnesses | null = null
  #feeder: IndexFeeder | null = null
  #opening: Promise<IndexFeeder> | null = null
  readonly #roots = new Map<number, string>()

  constructor(options: CustodyOptions) {
    this.#options = options
  }

  /** For the ledger: told of each checkpoint when it is durable. */
  published(checkpoint: DurableCheckpoint): void {
    this.#latest = checkpoint
    this.#roots.set(checkpoint.size, checkpoint.root)
    for (const [size] of this.#roots) {
      if (this.#roots.size <= rootsKept) break
      this.#roots.delete(size)
    }
    this.#options.heartbeat?.(checkpoint)
    this.#anchorer?.offer(checkpoint)
    this.#witnesses?.offer(checkpoint)
    if (checkpoint.cause === 'rotate') this.#copyClosed()
  }

  trouble(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#options.log.warn({ error: message }, 'a checkpoint or its key could not be kept')
  }

  /**
   * The index of the ledger, fed from the first question on: a gate that nobody asks spends neither a thread nor the
   * memory for it.
   */
  index(): Promise<IndexFeeder> {
    this.#opening ??= this.#read('the index of the ledger', () => this.#openIndex())
    // A lack of descriptors passes; the next question opens it then.
    this.#opening.catch(() => {
      this.#opening = null
    })
    return this.#opening
  }

  /** How long the newest of what was written has waited to be anchored; infinite where nothing is. */
  lagMs(): number {
    return this.#anchorer?.lag.ms ?? Number.POSITIVE_INFINITY
  }

  view(): CustodyView {
    const anchorer = this.#anchorer
    const sizes = this.#witnesses?.states.map(({ size }) => size) ?? []
    return {
      checkpoint: this.#latest,
      anchor:
        anchorer === null
          ? null
          : {
              lagEntries: anchorer.lag.entries,
              lagMs: anchorer.lag.ms,
              failures: anchorer.counts.failures,
              slot: anchorer.counts.slot,
              segmentsWaiting: anchorer.counts.segmentsWaiting,
            },
      witnessedSize: sizes.length === 0 ? null : Math.min(...sizes),
      indexLag: this.#feeder?.lag ?? null,
    }
  }

  /**
   * Begins when the ledger is open and nobody is let in yet.
   *
   * errors  Failure: the anchors are ahead of this ledger or of another one, or nobody can ask them.
   */
  async begin(gate: Kept): Promise<void> {
    this.#gate = gate
    await this.#openWitnesses()
    await this.#openAnchor()
    const { checkpoint } = gate.ledger
    if (checkpoint === null) return
    this.#witnesses?.offer(checkpoint)
    this.#anchorer?.offer(checkpoint)
  }

  /** When the ledger is closed: its last checkpoint is anchored, or ten seconds were waited for it. */
  async close(): Promise<void> {
    this.#witnesses?.close()
    await Promise.all([this.#anchorer?.close(), this.#feeder?.close()])
  }

  async #openIndex(): Promise<IndexFeeder> {
    const { IndexFeeder } = await import('../evidence/index/feeder.ts')
    const { clock, log, settings } = this.#options
    const { index, ledger } = layoutOf(settings.dataDirectory)
    const feeder = new IndexFeeder({
      directory: ledger,
      databaseFile: index,
      after: clock.after,
      now: clock.now,
      head: () => this.#gate?.ledger.head.seq ?? -1,
      log: (level, fields, message) => log[level](fields, message),
    })
    this.#feeder = feeder
    feeder.start()
    return feeder
  }

  async #openWitnesses(): Promise<void> {
    const { clock, log, settings } = this.#options
    const { witnesses } = settings
    const gate = this.#gate
    if (witnesses.length === 0 || gate === null) return
    const [{ Witnesses }, { proveFromIndex }] = await Promise.all([
      import('../evidence/witness/witnesses.ts'),
      import('../evidence/proof/consistency.ts'),
    ])
    const { index, witnessed } = layoutOf(settings.dataDirectory)
    // Witnesses are proven to from the index.
    await this.index()
    this.#witnesses = new Witnesses({
      witnesses,
      origin: gate.log.origin,
      directory: witnessed,
      clock,
      log,
      random: Math.random,
      rotations: (after) => this.#read('its handovers of keys', () => this.#rotations(after)),
      prove: (from, size) =>
        this.#read('a proof of consistency', async () => {
          const root = await this.#rootAt(size)
          if (root !== null) return proveFromIndex(index, from, { size, root })
          throw new Failure('ledger-unavailable', `the ledger has no ${size} entries`)
        }),
      // A witness's word alone is no proof, and must not shut a gate.
      onConflict: (message) => log.error({ conflict: message }, 'a witness saw another ledger'),
    })
  }

  async #openAnchor(): Promise<void> {
    const { clock, log, settings } = this.#options
    const { anchor: store } = settings
    const gate = this.#gate
    if (store === null || gate === null) return
    const [{ Anchorer }, { reconcile }] = await Promise.all([
      import('../evidence/anchor/anchorer.ts'),
      import('../evidence/anchor/reconcile.ts'),
    ])
    const { origin } = gate.log
    const rootAt = (size: number): Promise<string | null> =>
      this.#read(`its root over ${size} entries`, () => this.#rootAt(size))
    const asked = { store, origin, environment: process.env, clock, rootAt }
    const found = await reconcile(asked)
    if (found.kind !== 'sound') {
      const way =
        'Put the newest ledger back, or begin a new one in another directory with --data DIR.'
      throw new Failure('ledger-unavailable', `${found.kind}: ${found.message}. ${way}`)
    }
    this.#anchorer = new Anchorer({
      ...asked,
      from: { slot: found.slot, size: found.size },
      log,
      random: Math.random,
      anchored: (data) => gate.anchored(data),
      onFork: (message) => {
        log.fatal({ fork: message }, 'another ledger is anchored under this name')
        gate.shut(`another ledger is anchored under this name: ${message}`)
      },
    })
    this.#copyClosed()
  }

  /** What the disk or a lack of descriptors does is a Failure: whoever asked tries again. A bug stays one. */
  async #read<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw rethrown(error, `reading the ledger for ${what}`)
    }
  }

  /** Beside the ledger: what fails here comes with the next segment, or the next start. */
  #copyClosed(): void {
    this.#read('its closed segments', () => this.#closedSegments()).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error
      this.#options.log.warn({ error: error.message }, 'closed segments are not copied yet')
    })
  }

  async #segments(): Promise<Segments> {
    const { Segments } = await import('../evidence/proof/segments.ts')
    return new Segments({ directory: layoutOf(this.#options.settings.dataDirectory).ledger })
  }

  async #rootAt(size: number): Promise<string | null> {
    const known = this.#roots.get(size)
    if (known !== undefined) return known
    const [segments, { rootsOf }] = await Promise.all([
      this.#segments(),
      import('../evidence/proof/tree.ts'),
    ])
    if (size > segments.size) return null
    return rootsOf(segments, [{ from: 0, to: size }])[0]?.toString('hex') ?? null
  }

  /** All but the newest: that one still grows. What is outside already is not copied again. */
  async #closedSegments(): Promise<void> {
    const anchorer = this.#anchorer
    if (anchorer === null) return
    const { segmentName } = await import('../ledger/segment.ts')
    const { ledger } = layoutOf(this.#options.settings.dataDirectory)
    for (const first of (await this.#segments()).firsts.slice(0, -1)) {
      const name = segmentName(first)
      anchorer.segmentClosed(`${ledger}/${name}`, name)
    }
  }

  /** Handovers of keys, which a witness has to be walked through. */
  async #rotations(after: number): Promise<readonly DurableCheckpoint[]> {
    const segments = await this.#segments()
    const found: DurableCheckpoint[] = []
    for (const from of segments.firsts) {
      for (const entry of segments.ofKind('key.rotate', { from, to: from + handoverEntries })) {
        const note = noteOf(entry)
        const { at, note: text } = entry.data
        if (typeof note === 'string' || typeof text !== 'string' || note.size <= after) continue
        const { root, size } = note
        found.push({ at: Number(at), cause: 'rotate', note: text, root, seq: entry.seq, size })
      }
    }
    return found
  }
}

/** A checkpoint as one line of JSON: for whoever keeps the output of a process elsewhere. */
export function heartbeatLine(checkpoint: DurableCheckpoint): string {
  const { at, cause, note, root, seq, size } = checkpoint
  return JSON.stringify({ checkpoint: { at, cause, note, root, seq, size } })
}
