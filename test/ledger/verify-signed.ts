/** Signed ledgers written entry by entry from the formats: any note may be forged, and the chain holds the forgery. */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AnchorReading, AnchorSlot } from '../../ledger/anchor.ts'
import { Frontier } from '../../ledger/frontier.ts'
import { formatLine, noHash } from '../../ledger/line.ts'
import { noteText, type Signer, signerOf, signNote } from '../../ledger/note.ts'
import { segmentName, snapshotName } from '../../ledger/segment.ts'

export const origin = 'gate.example.com/log'

/** DER of a PKCS8 Ed25519 key before its 32 bytes (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A key that is the same in each run. */
export function keyOf(name: string): KeyObject {
  const seed = createHash('sha256').update(name).digest()
  const key = Buffer.concat([pkcs8Prefix, seed])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

export const signer = (name: string): Signer => signerOf(origin, keyOf(name))

export interface Forgery {
  /** Who signs; the key in force where it is left out. */
  readonly by?: Signer
  readonly size?: number
  readonly root?: string
  /** Changes the note when it is signed. */
  readonly alter?: (note: string) => string
}

interface File {
  readonly name: string
  readonly lines: Buffer[]
}

const digestOf = (bytes: Buffer | string): string =>
  createHash('sha256').update(bytes).digest('hex')

export class Author {
  /** Milliseconds; the next entry is written then. */
  now = Date.UTC(2026, 10, 21, 4)
  key: Signer | null
  readonly leaves: string[] = []
  readonly files: File[] = []
  readonly #tree = new Frontier(0, [])
  readonly #snapshots: string[] = []

  /** key  of the genesis; null for a log that is not signed. */
  constructor(key: Signer | null) {
    this.key = key
    this.files.push({ name: segmentName(0), lines: [] })
    this.append('log.genesis', {
      created_by: 'test',
      hash: 'sha256-rfc6962-leaf',
      log_id: '0'.repeat(32),
      origin,
      spec: 'haltgate-ledger/1',
      vkey: key?.vkey ?? '',
    })
    this.append('boot.open', { at: this.now })
  }

  get size(): number {
    return this.leaves.length
  }

  root(): string {
    return this.#tree.root()
  }

  append(kind: string, data: object): void {
    const prev = this.leaves.at(-1) ?? noHash
    const [boot, ts] = ['01M7Y7GCHPWMGXEHM4FYR2V7XA', new Date(this.now).toISOString()]
    const { hash, line } = formatLine({ actor: {}, boot, data, kind, prev, seq: this.size, ts })
    this.files.at(-1)?.lines.push(line)
    this.leaves.push(hash)
    this.#tree.push(hash)
    this.now += 7
  }

  decide(count = 1): void {
    for (let index = 0; index < count; index += 1) {
      this.append('decision', { amount: this.size, host: 'api.example.com', verdict: 'allow' })
    }
  }

  note(forgery: Forgery = {}, extensions: readonly string[] = []): string {
    const head = { origin, size: forgery.size ?? this.size, root: forgery.root ?? this.root() }
    const by = forgery.by ?? this.key
    if (by === null) throw new Error('somebody must sign')
    const note = signNote(noteText(head, extensions), by)
    return forgery.alter?.(note) ?? note
  }

  checkpoint(forgery: Forgery = {}): void {
    this.append('checkpoint', { at: this.now, cause: 'cadence', note: this.note(forgery) })
  }

  rotate(next: Signer, forgery: Forgery = {}, named = next.vkey): void {
    const by = forgery.by ?? this.key ?? next
    const note = this.note({ ...forgery, by }, [`haltgate-next-key ${named}`])
    this.append('key.rotate', { at: this.now, note, vkey: next.vkey })
    this.key = next
  }

  /** Begins a file. */
  segment(vkey = this.key?.vkey ?? ''): void {
    const before = Buffer.concat(this.files.at(-1)?.lines ?? [])
    const snapshot = `{"first_seq":${this.size}}`
    this.#snapshots.push(snapshotName(this.size), snapshot)
    const previous = {
      bytes: before.length,
      name: this.files.at(-1)?.name,
      sha256: digestOf(before),
    }
    this.files.push({ name: segmentName(this.size), lines: [] })
    this.append('segment.open', {
      clean: true,
      first_seq: this.size,
      frontier: this.#tree.roots,
      previous,
      snapshot: { name: snapshotName(this.size), sha256: digestOf(snapshot) },
      torn: null,
      tree_size: this.size,
      ...(vkey === '' ? {} : { vkey }),
    })
  }

  /** Ends the ledger: `boot.close`, and the note over all of it. */
  close(forgery: Forgery = {}): string {
    this.append('boot.close', { clean: true })
    return this.note(forgery)
  }

  /** checkpoint  content of the file of this name; null for none. */
  write(directory: string, checkpoint: string | null): string {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const { lines, name } of this.files) {
      writeFileSync(join(directory, name), Buffer.concat(lines))
    }
    for (let index = 0; index < this.#snapshots.length; index += 2) {
      writeFileSync(join(directory, this.#snapshots[index] ?? ''), this.#snapshots[index + 1] ?? '')
    }
    if (checkpoint !== null) writeFileSync(join(directory, 'checkpoint'), checkpoint)
    return directory
  }
}

/** A slot as a bucket with Object Lock has it. */
export const slotOf = (slot: number, note: string, more: Partial<AnchorSlot> = {}): AnchorSlot => ({
  slot,
  note,
  versions: 1,
  deleted: false,
  heldUntil: Date.UTC(2028, 0, 1),
  compliance: true,
  ...more,
})

export const readingOf = (
  slots: readonly AnchorSlot[],
  store = 's3://bucket/x',
): AnchorReading => ({
  store,
  slots,
})
