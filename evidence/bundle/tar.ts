/** A tar whose bytes follow from its files alone: no clock, no owner, no order but the one they come in. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type Pack, pack } from 'tar-stream'
import { assert } from '../../kernel/contract.ts'
import type { Sink } from '../export/sink.ts'

/** A file that was packed. */
export interface Packed {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** The beginning of 1970: a time that says nothing. */
const always = { mtime: new Date(0), mode: 0o644, uid: 0, gid: 0, uname: '', gname: '' }

export class Tar {
  readonly #pack: Pack = pack()
  readonly #done: Promise<void>
  readonly #packed: Packed[] = []

  constructor(sink: Sink) {
    this.#done = poured(this.#pack, sink)
    // Whoever writes next is told of it, or whoever closes.
    this.#done.catch(() => {})
  }

  /** All that was packed, in its order. */
  get packed(): readonly Packed[] {
    return this.#packed
  }

  async text(name: string, text: string): Promise<void> {
    const bytes = Buffer.from(text)
    await this.#entry(name, bytes.length, [bytes])
  }

  /** The first so many bytes of a file. errors  those of the file system, or where it is shorter. */
  async file(name: string, path: string, bytes: number): Promise<void> {
    const chunks = bytes === 0 ? [] : createReadStream(path, { end: bytes - 1 })
    await this.#entry(name, bytes, chunks)
  }

  async close(): Promise<void> {
    this.#pack.finalize()
    await this.#done
  }

  async #entry(
    name: string,
    bytes: number,
    chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  ): Promise<void> {
    const digest = createHash('sha256')
    const packed = new Promise<void>((resolve, reject) => {
      const entry = this.#pack.entry({ name, size: bytes, ...always }, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(error)
      })
      fill(entry, chunks, digest).catch((error: unknown) => {
        this.#pack.destroy(error instanceof Error ? error : new Error(String(error)))
        reject(error)
      })
    })
    // Where the sink fails, the pack is destroyed with its entries: the sink's error says more than theirs.
    await Promise.all([packed, Promise.race([packed, this.#done])])
    this.#packed.push({ name, bytes, sha256: digest.digest('hex') })
  }
}

async function poured(source: Pack, sink: Sink): Promise<void> {
  for await (const chunk of source) {
    assert(chunk instanceof Uint8Array, 'a tar is bytes')
    await sink.write(chunk)
  }
}

async function fill(
  entry: ReturnType<Pack['entry']>,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  digest: Hash,
): Promise<void> {
  for await (const chunk of chunks) {
    digest.update(chunk)
    if (!entry.write(chunk)) await roomIn(entry)
    if (entry.destroyed) return
  }
  entry.end(null)
}

/** Resolves when more may be written, or nothing more ever will. */
function roomIn(entry: ReturnType<Pack['entry']>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      entry.off('drain', done)
      entry.off('close', done)
      resolve()
    }
    entry.on('drain', done)
    entry.on('close', done)
  })
}
