/** Ledgers of several segments with checkpoints and handed-over keys, written from the documented forms alone. */
import { createHash, createPrivateKey } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Frontier } from '../../../ledger/frontier.ts'
import { formatLine, noHash } from '../../../ledger/line.ts'
import { noteText, type Signer, signerOf, signNote } from '../../../ledger/note.ts'
import { segmentName, snapshotName } from '../../../ledger/segment.ts'

export const origin = 'haltgate.example/log'

export interface LedgerShape {
  readonly entries: number
  /** Entries of a segment. */
  readonly segment: number
  /** A checkpoint stands at each multiple of this; none where 0. */
  readonly checkpoint: number
  /** Each later segment begins with a new key. */
  readonly rotate?: boolean
  /** Names a key in the genesis; true where left out. */
  readonly named?: boolean
  /** Tells two ledgers of the same shape apart from this entry on. */
  readonly forkAt?: number
  readonly paddingBytes?: number
  /** The checkpoint of this size is signed over the root of the empty tree. */
  readonly lieAt?: number
}

export interface SignedLedger {
  readonly data: string
  readonly directory: string
  readonly leaves: readonly Buffer[]
  /** LINEs without their LF, by seq; the first 10,000. */
  readonly lines: readonly string[]
  /** The keys of the log, the first one first. */
  readonly vkeys: readonly string[]
  /** Signs the tree of any size with the last key. */
  noteOf(size: number): string
  remove(): void
}

/** A key that is the same in each run. */
export function signer(number: number, name = origin): Signer {
  const seed = createHash('sha256').update(`key ${number}`).digest()
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  const der = Buffer.concat([prefix, seed])
  return signerOf(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

/** Writes it; the file `checkpoint` is left to the test. */
export function writeLedger(shape: LedgerShape): SignedLedger {
  const data = mkdtempSync(join(process.env['HALTGATE_TEST_DISK'] ?? tmpdir(), 'haltgate-proof-'))
  const directory = join(data, 'ledger')
  mkdirSync(directory, { mode: 0o700 })
  const writer = new Writer(shape, directory)
  while (writer.seq < shape.entries) writer.next()
  writer.flush()
  const { leaves, lines, roots, signers } = writer
  return {
    data,
    directory,
    leaves,
    lines,
    vkeys: signers.map(({ vkey }) => vkey),
    noteOf: (size) => {
      const last = signers.at(-1) ?? signer(0)
      return signNote(noteText({ origin, size, root: roots[size] ?? '' }), last)
    },
    remove: () => rmSync(data, { recursive: true, force: true }),
  }
}

class Writer {
  readonly leaves: Buffer[] = []
  readonly lines: string[] = []
  /** By size. */
  readonly roots: string[] = [createHash('sha256').digest('hex')]
  readonly signers: Signer[] = [signer(0)]
  seq = 0
  readonly #shape: LedgerShape
  readonly #directory: string
  readonly #tree = new Frontier(0, [])
  #chunks: Buffer[] = []
  #first = 0
  #prev = noHash
  #handOver = false

  constructor(shape: LedgerShape, directory: string) {
    this.#shape = shape
    this.#directory = directory
    this.#handOver = shape.named === false
  }

  next(): void {
    const { checkpoint, forkAt, named, paddingBytes = 0, rotate, segment } = this.#shape
    const { seq } = this
    const text = seq >= (forkAt ?? Number.POSITIVE_INFINITY) ? 'other' : 'worker'
    if (seq === 0) {
      this.#genesis(named !== false)
    } else if (seq % segment === 0) {
      this.#open()
      this.#handOver = rotate === true
    } else if (this.#handOver) {
      this.#handOver = false
      this.#rotate()
    } else if (checkpoint > 0 && seq % checkpoint === 0) {
      this.#entry('checkpoint', { at: 0, cause: 'cadence', note: this.#note([]) })
    } else {
      const padding = 'x'.repeat(paddingBytes)
      this.#entry('decision', { amount: seq, kind: 'checkpoint', padding, text })
    }
  }

  flush(): void {
    writeFileSync(join(this.#directory, segmentName(this.#first)), Buffer.concat(this.#chunks))
    this.#chunks = []
  }

  #genesis(named: boolean): void {
    this.#entry('log.genesis', {
      created_by: 'test',
      hash: 'sha256-rfc6962-leaf',
      log_id: '0123456789abcdef0123456789abcdef',
      origin,
      spec: 'haltgate-ledger/1',
      vkey: named ? signer(0).vkey : '',
    })
  }

  #open(): void {
    const content = Buffer.concat(this.#chunks)
    const sha256 = createHash('sha256').update(content).digest('hex')
    this.flush()
    const previous = { bytes: content.length, name: segmentName(this.#first), sha256 }
    this.#first = this.seq
    this.#entry('segment.open', {
      clean: true,
      first_seq: this.seq,
      frontier: this.#tree.roots,
      previous,
      snapshot: { name: snapshotName(this.seq), sha256: noHash },
      torn: null,
      tree_size: this.seq,
    })
  }

  #rotate(): void {
    const isFirst = this.#shape.named === false && this.signers.length === 1 && this.#first === 0
    const next = isFirst ? signer(0) : signer(this.signers.length)
    const note = this.#note([`haltgate-next-key ${next.vkey}`])
    if (!isFirst) this.signers.push(next)
    this.#entry('key.rotate', { at: 0, note, vkey: next.vkey })
  }

  #note(extensions: readonly string[]): string {
    const truthful = this.#shape.lieAt === this.seq ? 0 : this.seq
    const head = { origin, size: this.seq, root: this.roots[truthful] ?? '' }
    return signNote(noteText(head, extensions), this.signers.at(-1) ?? signer(0))
  }

  #entry(kind: string, entryData: object): void {
    const { hash, line } = formatLine({
      actor: {},
      boot: '01JD6Z8K4M0000000000000000',
      data: entryData,
      kind,
      prev: this.#prev,
      seq: this.seq,
      ts: '2024-11-21T04:30:00.000Z',
    })
    this.#chunks.push(line)
    if (this.seq < 10_000) this.lines.push(line.toString('utf8', 0, line.length - 1))
    this.leaves.push(Buffer.from(hash, 'hex'))
    this.#tree.push(hash)
    this.roots.push(this.#tree.root())
    this.#prev = hash
    this.seq += 1
  }
}
