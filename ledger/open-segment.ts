/** The file that is being written: how far it goes, what its bytes hash to, and that nobody else touched it. */
import { createHash, type Hash } from 'node:crypto'
import { Failure } from '../kernel/reasons.ts'
import { makeFile, syncContent, writeAll } from './durable.ts'
import type { Files } from './files.ts'
import type { Digest } from './segment.ts'

/** How far a segment goes. */
export interface Extent {
  readonly name: string
  readonly bytes: number
  readonly entries: number
  /** UTC day of its first entry. */
  readonly day: string
  /** SHA-256 over its bytes so far. */
  readonly digest: Hash
}

export class OpenSegment {
  readonly name: string
  readonly day: string
  readonly #files: Files
  readonly #path: string
  readonly #descriptor: number
  readonly #digest: Hash
  #bytes: number
  #entries: number

  constructor(files: Files, directory: string, open: Extent & { readonly descriptor: number }) {
    this.name = open.name
    this.day = open.day
    this.#files = files
    this.#path = `${directory}/${open.name}`
    this.#descriptor = open.descriptor
    this.#digest = open.digest
    this.#bytes = open.bytes
    this.#entries = open.entries
  }

  /** Makes the file, durable with its first entry in it. */
  static async make(
    files: Files,
    directory: string,
    first: { readonly name: string; readonly day: string; readonly line: Buffer },
  ): Promise<OpenSegment> {
    const { day, line, name } = first
    if (files.factsAt(`${directory}/${name}`) !== null) {
      throw new Failure('ledger-unavailable', `${directory}/${name} is there already`)
    }
    const descriptor = await makeFile(files, { directory, name }, line)
    const digest = createHash('sha256').update(line)
    const extent = { name, bytes: line.length, entries: 1, day, digest }
    return new OpenSegment(files, directory, { ...extent, descriptor })
  }

  /** Goes on at the end of a file that a clean close left. */
  static resume(files: Files, directory: string, extent: Extent): OpenSegment {
    const descriptor = files.open(`${directory}/${extent.name}`, 'append')
    return new OpenSegment(files, directory, { ...extent, descriptor })
  }

  get bytes(): number {
    return this.#bytes
  }

  get entries(): number {
    return this.#entries
  }

  /** What the file's bytes will be, once these are written too. */
  digestWith(more: readonly Buffer[]): Digest {
    const digest = this.#digest.copy()
    let bytes = this.#bytes
    for (const part of more) {
      digest.update(part)
      bytes += part.length
    }
    return { bytes, sha256: digest.digest('hex') }
  }

  /** errors  Failure where the file is not as this process left it: replaced, removed, cut or grown. */
  check(): void {
    const open = this.#files.facts(this.#descriptor)
    const named = this.#files.factsAt(this.#path)
    if (named === null || open.links < 1) throw this.#foreign('was removed')
    if (named.inode !== open.inode) throw this.#foreign('was replaced by another file')
    if (open.bytes !== this.#bytes) {
      throw this.#foreign(`has ${open.bytes} bytes where ${this.#bytes} were written`)
    }
  }

  /** Checks, writes, and answers when it is on the disk; with `sync` false, when it is with the system. */
  async append(bytes: Buffer, entries: number, sync: boolean): Promise<void> {
    this.check()
    writeAll(this.#files, this.#descriptor, bytes)
    const synced = sync ? this.#files.sync(this.#descriptor) : null
    // While the disk works. A failure poisons the writer, so that what is counted here is read no more.
    this.#digest.update(bytes)
    this.#bytes += bytes.length
    this.#entries += entries
    if (synced !== null) await synced
  }

  /** Makes durable what was appended without a sync; by a descriptor of its own, since it may be closed meanwhile. */
  flush(): Promise<void> {
    return syncContent(this.#files, this.#path)
  }

  close(): void {
    this.#files.close(this.#descriptor)
  }

  #foreign(what: string): Failure {
    return new Failure(
      'ledger-unavailable',
      `${this.#path} ${what}, by someone else than its writer; nothing more is recorded until a restart has verified it.`,
    )
  }
}
