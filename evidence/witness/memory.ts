/**
 * What a witness remembers of each log: the newest tree that it cosigned, and the key that signs for it. On the disk
 * before any cosignature leaves, and whole or not at all.
 */
import { createHash } from 'node:crypto'
import { Failure } from '../../kernel/reasons.ts'
import { makeFile, unfinished } from '../../ledger/durable.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { parseVkey } from '../../ledger/note.ts'
import { contentOf } from '../../ledger/read-lines.ts'

export interface Seen {
  readonly origin: string
  /** The key that the operator named, from which the present one descends. */
  readonly pinned: string
  /** Lower-case hex. */
  readonly root: string
  readonly size: number
  /** The key that signs from here on: another one after a rotation. */
  readonly vkey: string
}

export class Memory {
  readonly #directory: string
  readonly #files: Files
  readonly #seen = new Map<string, Seen>()

  private constructor(directory: string, files: Files) {
    this.#directory = directory
    this.#files = files
  }

  /** origins  of the logs that are witnessed. errors  Failure where what is there cannot be read. */
  static open(directory: string, origins: readonly string[], files: Files = realFiles): Memory {
    const memory = new Memory(directory, files)
    files.makeDirectory(directory)
    for (const origin of origins) {
      const seen = memory.#read(origin)
      if (seen !== null) memory.#seen.set(origin, seen)
    }
    return memory
  }

  /** Null where nothing of this log was ever cosigned. */
  of(origin: string): Seen | null {
    return this.#seen.get(origin) ?? null
  }

  /** Durable when it resolves. One at a time for each log. errors  those of the system calls. */
  async keep(seen: Seen): Promise<void> {
    const name = nameOf(seen.origin)
    const half = `${this.#directory}/${name}${unfinished}`
    if (this.#files.factsAt(half) !== null) this.#files.remove(half)
    const { origin, pinned, root, size, vkey } = seen
    const text = `${JSON.stringify({ origin, pinned, root, size, vkey })}\n`
    const place = { directory: this.#directory, name }
    this.#files.close(await makeFile(this.#files, place, Buffer.from(text)))
    this.#seen.set(origin, seen)
  }

  /** A file that is no memory is never taken for an empty one: that would forget a rollback. */
  #read(origin: string): Seen | null {
    const path = `${this.#directory}/${nameOf(origin)}`
    if (this.#files.factsAt(path) === null) return null
    const seen = seenOf(contentOf(this.#files, path).toString('utf8'))
    if (seen?.origin === origin) return seen
    const sentence = `${path} is not what a witness wrote; restore it, or the witness forgets what it saw`
    throw new Failure('ledger-unavailable', sentence)
  }
}

const nameOf = (origin: string): string =>
  `${createHash('sha256').update(origin).digest('hex').slice(0, 32)}.json`

function seenOf(text: string): Seen | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { origin, pinned, root, size, vkey } = value as Partial<Record<string, unknown>>
  if (typeof origin !== 'string' || typeof pinned !== 'string' || typeof vkey !== 'string')
    return null
  if (typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root)) return null
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return null
  return parseVkey(vkey) === null ? null : { origin, pinned, root, size, vkey }
}
