/** A log without a disk whose checkpoints are signed for real, a store on loopback, and an anchorer between the two. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { AwsV4Signer } from 'aws4fetch'
import { Anchorer, type AnchorerOptions, closeMs } from '../../evidence/anchor/anchorer.ts'
import { type Reconciled, reconcile } from '../../evidence/anchor/reconcile.ts'
import { nth } from '../../kernel/contract.ts'
import type { AnchorData } from '../../ledger/anchor.ts'
import type { DurableCheckpoint } from '../../ledger/checkpoint.ts'
import { Frontier } from '../../ledger/frontier.ts'
import { noteText, signerOf, signNote } from '../../ledger/note.ts'
import { VirtualClock } from '../gate/clock.ts'
import { S3Store, type StoreOptions } from './s3/server.ts'

export const origin = 'gate.example.com/ledger'
export const storeText = 's3://anchors/some/prefix'
export const keyOfSlot = (slot: number): string =>
  `some/prefix/${origin}/anchor/${String(slot).padStart(10, '0')}.note`

/** A tree that only grows; two of the same seed are the same log. */
export class Log {
  readonly #seed: string
  readonly #signer = signerOf(origin, generateKeyPairSync('ed25519').privateKey)
  #size = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  get vkey(): string {
    return this.#signer.vkey
  }

  grow(entries: number): void {
    this.#size += entries
  }

  readonly rootAt = async (size: number): Promise<string | null> =>
    size > this.#size || size === 0 ? null : this.#root(size)

  #root(size: number): string {
    const frontier = new Frontier(0, [])
    for (let index = 0; index < size; index += 1) {
      frontier.push(createHash('sha256').update(`${this.#seed} ${index}`).digest('hex'))
    }
    return frontier.root()
  }

  checkpoint(at: number, cause: DurableCheckpoint['cause'] = 'cadence'): DurableCheckpoint {
    const [size, root] = [this.#size, this.#root(this.#size)]
    const note = signNote(noteText({ origin, root, size }), this.#signer)
    return { at, cause, note, root, seq: size, size }
  }
}

/** Turns of the loop until something is true; fails where it is not after thirty seconds. */
export async function until(isTrue: () => boolean): Promise<void> {
  const started = performance.now()
  while (!isTrue()) {
    if (performance.now() - started > 30_000) throw new Error(`never: ${String(isTrue)}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

interface Teardown {
  teardown(undo: () => unknown): void
}

export class AnchorWorld {
  readonly clock: VirtualClock
  readonly store: S3Store
  readonly anchored: AnchorData[] = []
  readonly forks: string[] = []
  /** What was logged, as text. */
  readonly logged: string[] = []

  private constructor(clock: VirtualClock, store: S3Store) {
    this.clock = clock
    this.store = store
  }

  static async open(t: Teardown, options: Partial<StoreOptions> = {}): Promise<AnchorWorld> {
    const clock = new VirtualClock()
    const store = await S3Store.open({ now: () => clock.now(), ...options })
    t.teardown(() => store.close())
    return new AnchorWorld(clock, store)
  }

  get ports(): Pick<AnchorerOptions, 'clock' | 'environment' | 'origin' | 'store'> {
    const after = (delayMs: number, callback: () => void): (() => void) =>
      this.clock.after(delayMs, callback)
    return {
      clock: { now: () => this.clock.now(), after },
      environment: this.store.environment,
      origin,
      store: storeText,
    }
  }

  anchorer(log: Log, more: Partial<AnchorerOptions> = {}): Anchorer {
    const noted = (facts: object, message: string): void => {
      this.logged.push(`${message} ${JSON.stringify(facts)}`)
    }
    return new Anchorer({
      ...this.ports,
      from: { slot: 0, size: 0 },
      random: () => 0.5,
      log: { warn: noted, error: noted },
      rootAt: log.rootAt,
      anchored: (anchor) => this.anchored.push(anchor),
      onFork: (message) => this.forks.push(message),
      ...more,
    })
  }

  /** Closes an anchorer that may have nothing more to hope for: its last ten seconds pass. */
  async close(anchorer: Anchorer): Promise<void> {
    const closed = anchorer.close()
    await this.clock.pass(closeMs)
    await closed
  }

  reconcile(log: Log, known?: number): Promise<Reconciled> {
    const where = known === undefined ? {} : { known }
    return reconcile({ ...this.ports, rootAt: log.rootAt, ...where })
  }

  /** Anchors a log once, as a gate of its own would, and answers what was anchored. */
  async anchorOnce(log: Log, more: Partial<AnchorerOptions> = {}): Promise<AnchorData> {
    const before = this.anchored.length
    const anchorer = this.anchorer(log, more)
    anchorer.offer(log.checkpoint(this.clock.now()))
    await until(() => this.anchored.length > before)
    await anchorer.close()
    return nth(this.anchored, before)
  }
}

/** Asks the store as an administrator would who is not the gate. */
export async function asAdministrator(
  environment: Readonly<Record<string, string>>,
  ...[method, path, request = {}]: [
    string,
    string,
    { headers?: Record<string, string>; body?: string; now?: number }?,
  ]
): Promise<{ readonly status: number; readonly text: string }> {
  const { body, headers = {}, now } = request
  const signer = new AwsV4Signer({
    method,
    url: `${environment['AWS_ENDPOINT_URL_S3']}${path}`,
    headers,
    ...(body === undefined ? {} : { body }),
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    service: 's3',
    region: 'us-east-1',
    ...(now === undefined
      ? {}
      : { datetime: new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}/g, '') }),
  })
  const signed = await signer.sign()
  const answer = await fetch(signed.url, {
    method,
    headers: signed.headers,
    ...(body === undefined ? {} : { body }),
  })
  return { status: answer.status, text: await answer.text() }
}
