/**
 * The vault of a running gate: commits to values, and keeps their openings so that no entry is ever durable before
 * them. Each opening is sealed under its subject's key; whoever destroys that key has erased them all.
 */
import { readFileSync } from 'node:fs'
import { assert } from '../../kernel/contract.ts'
import { Failure } from '../../kernel/reasons.ts'
import { Disk } from '../../ledger/disk.ts'
import { makeFile, syncNames, writeAll } from '../../ledger/durable.ts'
import { failureOf, unavailable } from '../../ledger/failure.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import {
  commitmentOf,
  memberOf,
  type Opening,
  saltBytes,
  type VaultField,
  vaultFields,
} from './commitment.ts'
import { KeyStore } from './key-store.ts'
import {
  nameKeyBytes,
  nameKeyCheck,
  segmentIndex,
  segmentName,
  subjectId,
  vaultLayout,
} from './layout.ts'
import { sealedLine, segmentHead, segmentKey } from './record.ts'

/** A segment ends at so many bytes: an erasure rewrites those that it finds something in. */
const segmentBytesDefault = 64 * 1024 * 1024

/** No value is longer, in bytes of UTF-8: a body of 64 KiB in base64. */
export const valueBytesMax = 88 * 1024

const freeBytesDefault = 64 * 1024 * 1024

/** Random bytes are drawn so many at a time: one draw costs as much as one commitment (measured 2026-11-21). */
const drawnBytes = 8 * 1024

const nonceBytes = 12

export interface VaultOptions {
  /** `<data>/vault`; made where it is missing, 0700. */
  readonly directory: string
  /** 32 bytes of a file of their own: subjects are named under it. */
  readonly nameKey: Uint8Array
  /** Of which fields openings are kept. */
  readonly fields: readonly VaultField[]
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly random: (bytes: number) => Buffer
  readonly files?: Files
  readonly segmentBytesMax?: number
  /** Free bytes below which nothing is committed to. */
  readonly freeBytesMin?: number
}

/** Whose values they are, and of which entry. */
export interface Committing {
  readonly request: string
  /** As `subjectOf` names it. */
  readonly subject: string
  /** seq of the last durable entry. */
  readonly after: number
}

/** The file that is written to. */
interface Segment {
  readonly name: string
  readonly descriptor: number
  readonly salt: Buffer
  /** By id of the subject's key. */
  readonly keys: Map<string, Buffer>
  bytes: number
}

export class Vault {
  readonly directory: string
  readonly fields: ReadonlySet<VaultField>
  readonly #options: VaultOptions
  readonly #files: Files
  readonly #keys: KeyStore
  readonly #disk: Disk
  readonly #subjects = new Map<string, string>()
  #segment: Segment | null = null
  /** Descriptors of segments that ended and were not synced since. */
  #ended: number[] = []
  /** True while a segment's name is not durable. */
  #unnamed = false
  #written = 0
  #synced = 0
  #syncing: Promise<void> | null = null
  #failed: Failure | null = null
  #drawn: Buffer = Buffer.alloc(0)

  private constructor(options: VaultOptions, files: Files) {
    const { directory, freeBytesMin = freeBytesDefault, random } = options
    this.directory = directory
    this.fields = new Set(options.fields)
    this.#options = options
    this.#files = files
    this.#keys = new KeyStore(vaultLayout(directory).subjects, { files, random })
    this.#disk = new Disk(files, directory, freeBytesMin)
  }

  /** Makes what is missing and touches nothing else: call it before or behind the lock of the ledger. */
  static async open(options: VaultOptions): Promise<Vault> {
    const { directory, files = realFiles, nameKey } = options
    assert(nameKey.length === nameKeyBytes, 'the key that subjects are named under has 32 bytes')
    const { erasures, subjects } = vaultLayout(directory)
    try {
      for (const path of [directory, subjects, erasures]) {
        if (files.factsAt(path) === null) files.makeDirectory(path)
        if (((files.factsAt(path)?.mode ?? 0) & 0o077) !== 0) files.makePrivate(path)
      }
      await knowKey(options, files)
      await syncNames(files, directory)
      await syncNames(files, `${directory}/..`)
    } catch (error) {
      throw failureOf(error, `the vault ${directory} cannot be used`)
    }
    return new Vault(options, files)
  }

  /** Why nothing can be committed to any more; null while all is well. */
  get failed(): Failure | null {
    return this.#failed
  }

  /** The segment that is written to; empty where none is. */
  get writing(): string {
    return this.#segment?.name ?? ''
  }

  /** The id of a subject: what stands for its name in the vault and in `erasure`. */
  idOf(subject: string): string {
    const known = this.#subjects.get(subject)
    if (known !== undefined) return known
    const id = subjectId(this.#options.nameKey, subject)
    if (this.#subjects.size >= 4_096) this.#subjects.clear()
    this.#subjects.set(subject, id)
    return id
  }

  /**
   * Commits to values, and hands their openings to the system before it returns: a process that dies from here on
   * leaves them. Call it in the turn that appends the entry, so that records lie in the order of entries.
   *
   * values  by field; others than the vault's own fields are left out.
   * returns the commitments as an entry holds them, keys ascending; empty where there is nothing to commit to.
   * errors  Failure ledger-unavailable: the disk is full or failing, and nothing may be decided; the next call tries
   *         again in a new segment, unless a sync failed: then the vault has ended.
   */
  commit(of: Committing, values: Readonly<Partial<Record<VaultField, string>>>): Commitments {
    if (this.#failed !== null) throw this.#failed
    const openings: Record<string, Opening> = {}
    const commitments: Record<string, string> = {}
    const fields: string[] = []
    for (const field of vaultFields) {
      const value = values[field]
      if (value === undefined || !this.fields.has(field)) continue
      const text = whole(field, value)
      const salt = this.#draw(saltBytes)
      openings[field] = { salt: salt.toString('base64url'), value: text }
      commitments[memberOf(field)] = commitmentOf(salt, field, text)
      fields.push(field)
    }
    if (fields.length > 0) this.#keep(of, fields, openings)
    return commitments
  }

  #keep(
    of: Committing,
    fields: readonly string[],
    openings: Readonly<Record<string, Opening>>,
  ): void {
    const { now } = this.#options
    const { after, request } = of
    const at = now()
    const shortage = this.#disk.shortage(at, 1)
    if (shortage !== null) throw shortage
    const subject = this.idOf(of.subject)
    try {
      const { bytes, id } = this.#keys.take(subject)
      const segment = this.#open()
      const key = segment.keys.get(id) ?? segmentKey(bytes, segment.salt)
      segment.keys.set(id, key)
      const heading = { after, at, fields, key: id, request, subject }
      const line = sealedLine(heading, openings, { key, nonce: this.#draw(nonceBytes) })
      const text = Buffer.from(line)
      writeAll(this.#files, segment.descriptor, text)
      segment.bytes += text.length
      this.#written += 1
    } catch (error) {
      // What was written of the line stays behind as the torn end of its segment.
      this.#end()
      throw failureOf(error, 'the vault cannot keep what this request would be committed to')
    }
  }

  /** Bytes that nobody else gets. */
  #draw(bytes: number): Buffer {
    if (this.#drawn.length < bytes) this.#drawn = this.#options.random(drawnBytes)
    const some = this.#drawn.subarray(0, bytes)
    this.#drawn = this.#drawn.subarray(bytes)
    return some
  }

  #open(): Segment {
    const { random, segmentBytesMax = segmentBytesDefault } = this.#options
    if (this.#segment !== null && this.#segment.bytes >= segmentBytesMax) this.#end()
    if (this.#segment !== null) return this.#segment
    const indexes = this.#files.list(this.directory).map((name) => segmentIndex(name) ?? 0)
    const name = segmentName(Math.max(0, ...indexes) + 1)
    const descriptor = this.#files.open(`${this.directory}/${name}`, 'create')
    const salt = random(32)
    const head = Buffer.from(segmentHead(salt))
    try {
      writeAll(this.#files, descriptor, head)
    } catch (error) {
      // A disk that stays full would get an empty file for each request.
      this.#files.close(descriptor)
      this.#files.remove(`${this.directory}/${name}`)
      throw error
    }
    this.#unnamed = true
    this.#segment = { name, descriptor, salt, keys: new Map(), bytes: head.length }
    return this.#segment
  }

  #end(): void {
    if (this.#segment === null) return
    for (const key of this.#segment.keys.values()) key.fill(0)
    this.#ended.push(this.#segment.descriptor)
    this.#segment = null
  }

  /**
   * Makes durable what was committed to before the call. The ledger waits for it before each of its own writes.
   *
   * errors  Failure: a sync that failed once is not tried again, and the vault has ended.
   */
  async durable(): Promise<void> {
    const wanted = this.#written
    while (this.#synced < wanted) {
      if (this.#failed !== null) throw this.#failed
      this.#syncing ??= this.#sync()
      await this.#syncing
    }
  }

  async #sync(): Promise<void> {
    const mark = this.#written
    const ended = this.#ended
    const open = this.#segment === null ? [] : [this.#segment.descriptor]
    const isUnnamed = this.#unnamed
    this.#ended = []
    this.#unnamed = false
    try {
      await this.#keys.sync()
      for (const descriptor of [...ended, ...open]) await this.#files.sync(descriptor)
      if (isUnnamed) await syncNames(this.#files, this.directory)
      this.#synced = mark
    } catch (error) {
      this.#failed = failureOf(error, 'the vault cannot be written; restart the gate')
      throw this.#failed
    } finally {
      this.#syncing = null
      for (const descriptor of ended) this.#files.close(descriptor)
    }
  }

  /** Id of the key that a subject's openings are sealed with now; null where nothing of it is kept. */
  keyOf(subject: string): string | null {
    return this.#keys.has(subject) ? this.#keys.take(subject).id : null
  }

  /**
   * Destroys a subject's key, unless it has another one by now, and begins a new segment, so that those before can be
   * rewritten. What comes later of the same subject has a key of its own.
   */
  async forget(subject: string, key: string): Promise<void> {
    await this.durable()
    this.#end()
    if (this.keyOf(subject) === key) await this.#keys.destroy(subject)
  }

  /** Makes durable what is not, and frees the files. */
  async close(): Promise<void> {
    try {
      if (this.#failed === null) await this.durable()
    } finally {
      this.#end()
      for (const descriptor of this.#ended) this.#files.close(descriptor)
      this.#ended = []
      this.#keys.close()
    }
  }
}

/**
 * Refuses another key than the one that the subjects of this vault were named under: whoever is to be erased would not
 * be found by it.
 */
async function knowKey({ directory, nameKey }: VaultOptions, files: Files): Promise<void> {
  const { check: name, subjects } = vaultLayout(directory)
  const path = `${directory}/${name}`
  const check = Buffer.from(nameKeyCheck(nameKey))
  if (files.factsAt(path) === null && files.list(subjects).length === 0) {
    if (files.factsAt(`${path}.new`) !== null) files.remove(`${path}.new`)
    files.close(await makeFile(files, { directory, name }, check))
    return
  }
  if (files.factsAt(path) !== null && readFileSync(path).equals(check)) return
  throw unavailable(
    `the subjects of ${directory} were named under another key: put keys/vault.key back, or move ${directory} away`,
  )
}

/** By member of `commitments`. */
export type Commitments = Readonly<Record<string, string>>

/** A value as it is committed to: well-formed, so that its bytes are its text. */
function whole(field: string, value: string): string {
  const text = value.isWellFormed() ? value : value.toWellFormed()
  if (text.length * 3 > valueBytesMax && Buffer.byteLength(text) > valueBytesMax) {
    const message = `The ${field} of this request is longer than the ${valueBytesMax} bytes that the vault keeps of one value.`
    throw new Failure('request-too-large', message)
  }
  return text
}
