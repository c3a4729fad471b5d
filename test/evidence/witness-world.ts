/** A log with proofs whose keys rotate, witnesses behind real doors, and gates that ask them. */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { consistencyRanges } from '../../evidence/proof/tree.ts'
import { Memory } from '../../evidence/witness/memory.ts'
import { openWitnessServer, type WitnessServer } from '../../evidence/witness/server.ts'
import { Witness } from '../../evidence/witness/witness.ts'
import { Witnesses, type WitnessesOptions } from '../../evidence/witness/witnesses.ts'
import { type DurableCheckpoint, nextKeyWord } from '../../ledger/checkpoint.ts'
import { noteText, type Signer, signerOf, signNote } from '../../ledger/note.ts'
import { VirtualClock } from '../gate/clock.ts'

export interface Teardown {
  teardown(undo: () => unknown): void
}

export const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** MTH of RFC 6962 section 2.1, as it is written there. */
export function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves
  if (only === undefined) return sha256('')
  if (leaves.length === 1) return only
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  const [left, right] = [treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split))]
  return sha256(Buffer.of(1), left, right)
}

const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey

export class ProvenLog {
  readonly origin: string
  readonly leaves: Buffer[] = []
  readonly rotated: DurableCheckpoint[] = []
  readonly firstVkey: string
  #signer: Signer

  constructor(origin: string, leaves: readonly Buffer[] = []) {
    this.origin = origin
    this.leaves.push(...leaves)
    this.#signer = signerOf(origin, newKey())
    this.firstVkey = this.#signer.vkey
  }

  /** The same log with the same keys, and other leaves from here on. */
  forkedAt(size: number): ProvenLog {
    const fork = new ProvenLog(this.origin, this.leaves.slice(0, size))
    fork.#signer = this.#signer
    return fork
  }

  grow(entries: number, seed = 'one'): void {
    for (let count = 0; count < entries; count += 1) {
      this.leaves.push(sha256(`${seed} ${this.leaves.length}`))
    }
  }

  checkpoint(cause: DurableCheckpoint['cause'] = 'cadence', at = 0): DurableCheckpoint {
    return this.#noted([], { at, cause })
  }

  /** Hands over to a new key; the note takes one entry, as in a ledger. */
  rotate(): DurableCheckpoint {
    const next = signerOf(this.origin, newKey())
    const checkpoint = this.#noted([`${nextKeyWord} ${next.vkey}`], { at: 0, cause: 'rotate' })
    this.#signer = next
    this.rotated.push(checkpoint)
    this.grow(1)
    return checkpoint
  }

  readonly prove = async (from: number, to: number): Promise<readonly Buffer[]> =>
    consistencyRanges({ from, to }).map((range) =>
      treeHash(this.leaves.slice(range.from, range.to)),
    )

  readonly rotations = async (after: number): Promise<readonly DurableCheckpoint[]> =>
    this.rotated.filter(({ size }) => size > after)

  #noted(
    extensions: readonly string[],
    { at, cause }: Pick<DurableCheckpoint, 'at' | 'cause'>,
  ): DurableCheckpoint {
    const [size, root] = [this.leaves.length, treeHash(this.leaves).toString('hex')]
    const text = noteText({ origin: this.origin, root, size }, extensions)
    return { at, cause, note: signNote(text, this.#signer), root, seq: size, size }
  }
}

export function temporary(t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-witness-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** One witness behind its door. */
export interface Post {
  readonly witness: Witness
  readonly url: string
  readonly noticed: string[]
  /** `URL#VKEY`. */
  readonly text: string
  close(): Promise<void>
}

export const witnessKey = newKey()

export async function openPost(
  t: Teardown,
  logs: readonly string[],
  { directory, name = 'witness.example/w1' }: { directory?: string; name?: string } = {},
): Promise<Post> {
  const noticed: string[] = []
  const origins = logs.map((key) => key.split('+')[0] ?? '')
  const memory = Memory.open(directory ?? temporary(t), origins)
  const witness = new Witness({
    name,
    privateKey: witnessKey,
    logs,
    memory,
    now: () => Date.UTC(2026, 10, 21, 12),
    noticed: ({ origin, status }, why) => noticed.push(`${origin} ${status} ${why}`),
  })
  const server: WitnessServer = await openWitnessServer(witness, { host: '127.0.0.1', port: 0 })
  let open = true
  const close = async (): Promise<void> => {
    if (open) await server.close()
    open = false
  }
  t.teardown(close)
  const url = `http://127.0.0.1:${server.port}`
  return { witness, url, noticed, text: `${url}#${witness.vkey}`, close }
}

/** A gate's side, with time that the test moves. */
export class Asking {
  readonly clock = new VirtualClock()
  readonly conflicts: string[] = []
  readonly logged: string[] = []
  readonly directory: string
  readonly witnesses: Witnesses

  constructor(
    t: Teardown,
    log: ProvenLog,
    more: Partial<WitnessesOptions> & { witnesses: readonly string[] },
  ) {
    this.directory = more.directory ?? temporary(t)
    const note = (facts: object, message: string): void => {
      this.logged.push(`${message} ${JSON.stringify(facts)}`)
    }
    this.witnesses = new Witnesses({
      origin: log.origin,
      directory: this.directory,
      prove: log.prove,
      rotations: log.rotations,
      clock: {
        now: () => this.clock.now(),
        after: (delayMs, callback) => this.clock.after(delayMs, callback),
      },
      random: () => 0.5,
      log: { warn: note, error: note },
      onConflict: (message) => this.conflicts.push(message),
      ...more,
    })
    t.teardown(() => this.witnesses.close())
  }
}
