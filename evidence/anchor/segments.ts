/** Copies closed segments beside the anchors, one after the other, and tries again for as long as the gate runs. */
import { createHash } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Failure } from '../../kernel/reasons.ts'
import { firstSeqOf } from '../../ledger/segment.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import type { Bucket } from './bucket.ts'
import { pieceBytes, type Streamed } from './exchange.ts'
import { pauseMs } from './pause.ts'
import type { AnchorLog, Clock } from './ports.ts'

export interface SegmentCopiesOptions {
  readonly bucket: Bucket
  readonly clock: Clock
  readonly log: AnchorLog
  readonly random: () => number
  readonly retentionMs: number
  readonly keyOf: (name: string) => string
  readonly onFork: (message: string) => void
}

/** Names that wait; a start names all segments again, so that what is left out here comes later. */
const waitingMax = 10_000

export class SegmentCopies {
  readonly #options: SegmentCopiesOptions
  /** Path by name. */
  readonly #waiting = new Map<string, string>()
  /** Names that are outside already. */
  readonly #done = new Set<string>()
  #busy = false
  #ended = false
  #failures = 0
  #wake: (() => void) | null = null

  constructor(options: SegmentCopiesOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get failures(): number {
    return this.#failures
  }

  add(path: string, name: string): void {
    if (this.#ended || this.#done.has(name)) return
    if (this.#waiting.size >= waitingMax) {
      this.#options.log.warn({ name }, 'too many segments wait to be copied: this one comes later')
      return
    }
    this.#waiting.set(name, path)
    if (!this.#busy) void this.#run()
  }

  /** Nothing new is begun. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async #run(): Promise<void> {
    this.#busy = true
    let tries = 0
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || this.#ended) break
      const [name, path] = next
      try {
        await this.#copy(path, name)
        this.#waiting.delete(name)
        this.#done.add(name)
        tries = 0
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        tries += 1
        this.#failures += 1
        this.#options.log.warn({ name, reason: error.message }, 'a segment is not copied yet')
        // The next one's turn: this one may be unreadable for good.
        this.#waiting.delete(name)
        this.#waiting.set(name, path)
        await this.#pause(pauseMs(tries, this.#options.random()))
      }
    }
    this.#busy = false
  }

  /** errors  Failure for what may pass. */
  async #copy(path: string, name: string): Promise<void> {
    const { bucket, clock, keyOf, onFork, retentionMs } = this.#options
    const key = keyOf(name)
    let found = await this.#find(key, recordedOf(path, name) ?? (await sumsOf(path)))
    if (found === 'absent') {
      const sums = await sumsOf(path)
      const { bytes, md5, sha256 } = sums
      const body: Streamed = { bytes, sha256, open: () => piecesOf(path) }
      const heldUntil = clock.now() + retentionMs
      await bucket.put({ key, body, md5, sha256, type: 'application/jsonl', heldUntil })
      found = await this.#find(key, sums)
    }
    if (found === 'absent') {
      throw new Failure('ledger-unavailable', `${bucket.text}: ${key} was taken, and is not there`)
    }
    if (found === 'other' && !this.#ended) {
      onFork(`${bucket.text}: ${key} is another file than this ledger's ${name}`)
    }
  }

  /** What stands under the key: nothing, the same file (as often as a retry brought it), or another one. */
  async #find(key: string, { bytes, sha256 }: Recorded): Promise<'absent' | 'same' | 'other'> {
    const { bucket } = this.#options
    const versions = (await bucket.versionsOf(key)).filter(({ deleted }) => !deleted)
    for (const version of versions) {
      const found = await bucket.head(key, version.id)
      if (found === null) {
        throw new Failure(
          'ledger-unavailable',
          `${bucket.text}: ${key} is listed, and is not there`,
        )
      }
      if (version.bytes !== bytes || found.sha256 !== sha256) return 'other'
    }
    return versions.length === 0 ? 'absent' : 'same'
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

interface Recorded {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

interface Sums extends Recorded {
  /** Base64. */
  readonly md5: string
}

/**
 * What the next segment says of this one, so that a start need not read all that is outside already; null where there
 * is no next one, or this one ends torn.
 */
function recordedOf(path: string, name: string): Recorded | null {
  const directory = dirname(path)
  try {
    const names = readdirSync(directory).filter((one) => firstSeqOf(one) !== null)
    const next = firstSeqOf(names.sort().find((one) => one > name) ?? '')
    if (next === null) return null
    for (const { entry } of linesFrom(directory, next)) {
      const { previous, torn } = entry?.data ?? {}
      if (entry?.kind !== 'segment.open' || torn !== null) return null
      if (typeof previous !== 'object' || previous === null) return null
      const said = previous as Readonly<Record<string, unknown>>
      const { bytes, sha256 } = said
      if (said['name'] !== name || typeof bytes !== 'number' || typeof sha256 !== 'string') break
      return { bytes, sha256 }
    }
  } catch {
    // Whoever reads the segment itself says what is wrong.
  }
  return null
}

/** Reads a file once, piece by piece. errors  Failure where it cannot be read. */
async function sumsOf(path: string): Promise<Sums> {
  const [md5, sha256] = [createHash('md5'), createHash('sha256')]
  let bytes = 0
  for await (const piece of piecesOf(path)) {
    md5.update(piece)
    sha256.update(piece)
    bytes += piece.length
  }
  return { bytes, md5: md5.digest('base64'), sha256: sha256.digest('hex') }
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: pieceBytes })) yield piece
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure('ledger-unavailable', `${path} cannot be read: ${why}`, { cause: error })
  }
}
