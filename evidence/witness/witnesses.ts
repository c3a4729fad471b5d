/**
 * Asks the witnesses of a gate for cosignatures, beside the commit path, and keeps the newest cosigned note of each:
 * `<directory>/<16 hex digits of SHA-256 of the witness's key>.note`. Verified before it is kept; nobody waits for it.
 */
import { createHash } from 'node:crypto'
import { assert } from '../../kernel/contract.ts'
import { Failure } from '../../kernel/reasons.ts'
import type { DurableCheckpoint } from '../../ledger/checkpoint.ts'
import type { After } from '../../ledger/deadline.ts'
import { makeFile, unfinished } from '../../ledger/durable.ts'
import { failureOf } from '../../ledger/failure.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { noteBytesMax, parseNote } from '../../ledger/note.ts'
import { contentOf } from '../../ledger/read-lines.ts'
import { pauseMs } from '../anchor/pause.ts'
import type { AnchorLog } from '../anchor/ports.ts'
import { type WitnessPlace, witnessPlace } from './client.ts'
import { cosignedAt } from './cosignature.ts'
import { type Prove, runErrand } from './errand.ts'

export interface WitnessesOptions {
  /** `URL#VKEY` each. */
  readonly witnesses: readonly string[]
  readonly origin: string
  /** Where cosigned notes are kept; made where it is missing. */
  readonly directory: string
  readonly prove: Prove
  /** Notes of `key.rotate` entries whose size is larger, ascending. Asked once for each witness. */
  readonly rotations: (after: number) => Promise<readonly DurableCheckpoint[]>
  readonly clock: { now(): number; readonly after: After }
  readonly random: () => number
  readonly log: AnchorLog
  /** A witness says that it saw what this ledger does not have. Its word alone proves nothing. */
  readonly onConflict: (message: string) => void
  readonly files?: Files
}

/** For metrics and people, by witness. */
export interface WitnessState {
  readonly name: string
  /** Entries of the newest cosigned note; 0 where there is none. */
  readonly size: number
  /** When the witness saw it, as it says, milliseconds since the epoch; 0 where there is none. */
  readonly cosignedAt: number
  readonly failures: number
  /** Null where the last errand went well. */
  readonly failure: string | null
}

/** Between two errands to the same witness at least. */
const restMs = 10_000

interface Line {
  readonly place: WitnessPlace
  readonly file: string
  size: number
  cosignedAt: number
  failures: number
  failure: string | null
  /** Notes that hand over, not yet known to the witness; null until the ledger was asked. */
  rotations: DurableCheckpoint[] | null
  busy: boolean
  tries: number
  cancel: (() => void) | null
}

export class Witnesses {
  readonly #options: WitnessesOptions
  readonly #files: Files
  readonly #lines: readonly Line[]
  #newest: DurableCheckpoint | null = null
  readonly #closed = new AbortController()

  /** errors  Failure where a witness is named wrong, or the directory cannot be used. */
  constructor(options: WitnessesOptions) {
    this.#options = options
    const { directory, files = realFiles, witnesses } = options
    this.#files = files
    try {
      files.makeDirectory(directory)
    } catch (error) {
      throw failureOf(error, `making ${directory}`)
    }
    this.#lines = witnesses.map((text) => this.#lineOf(text))
  }

  /** Takes note of a durable checkpoint. Never waits, never throws. */
  offer(checkpoint: DurableCheckpoint): void {
    if (this.#closed.signal.aborted || checkpoint.size <= (this.#newest?.size ?? 0)) return
    this.#newest = checkpoint
    for (const line of this.#lines) {
      if (checkpoint.cause === 'rotate') line.rotations?.push(checkpoint)
      if (!line.busy && line.cancel === null) void this.#run(line)
    }
  }

  get states(): readonly WitnessState[] {
    return this.#lines.map(({ cosignedAt: at, failure, failures, place, size }) => ({
      name: place.key.name,
      size,
      cosignedAt: at,
      failures,
      failure,
    }))
  }

  /** Nothing new is begun, and what is on its way is ended. */
  close(): void {
    this.#closed.abort()
    for (const { cancel } of this.#lines) cancel?.()
  }

  async #run(line: Line): Promise<void> {
    line.busy = true
    line.cancel = null
    const newest = this.#newest
    assert(newest !== null, 'an errand has something to bring')
    try {
      const isSound = await this.#errand(line, newest)
      line.tries = isSound ? 0 : line.tries + 1
      if (isSound) line.failure = null
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      line.tries += 1
      // It may miss a note that handed over while the ledger was asked: it is asked once more.
      if (line.tries === 1) line.rotations = null
      this.#failed(line, error.message)
    }
    line.busy = false
    if (this.#closed.signal.aborted) return
    const { clock, random } = this.#options
    const restsMs = Math.max(restMs, line.tries === 0 ? 0 : pauseMs(line.tries, random()))
    line.cancel = clock.after(restsMs, () => {
      line.cancel = null
      if (this.#newest !== null && this.#newest.size > line.size) void this.#run(line)
    })
  }

  /** False where the witness saw something else. */
  async #errand(line: Line, newest: DurableCheckpoint): Promise<boolean> {
    const { clock, onConflict, prove, rotations } = this.#options
    const { signal: closed } = this.#closed
    // What is offered while the ledger is asked is in its answer, or comes with the next errand.
    line.rotations ??= [...(await rotations(line.size))]
    const before = line.rotations.filter(({ size }) => size > line.size && size < newest.size)
    const checkpoints = [...before, newest]
    const limits = { after: clock.after, closed }
    const brought = await runErrand({
      place: line.place,
      known: line.size,
      checkpoints,
      prove,
      limits,
    })
    if (closed.aborted) return true
    if (brought.kind === 'conflict') {
      if (line.failure !== brought.message) onConflict(brought.message)
      this.#failed(line, brought.message)
      return false
    }
    await this.#keep(line, brought.note)
    line.rotations = line.rotations.filter(({ size }) => size > brought.size)
    return true
  }

  #failed(line: Line, message: string): void {
    if (this.#closed.signal.aborted) return
    line.failures += 1
    if (line.failure !== message) this.#options.log.warn({ reason: message }, 'no cosignature yet')
    line.failure = message
  }

  /** Replaces the file: a crash leaves the one before, or this one. errors  Failure. */
  async #keep(line: Line, note: string): Promise<void> {
    const { directory } = this.#options
    const half = `${directory}/${line.file}${unfinished}`
    try {
      if (this.#files.factsAt(half) !== null) this.#files.remove(half)
      const place = { directory, name: line.file }
      this.#files.close(await makeFile(this.#files, place, Buffer.from(note)))
    } catch (error) {
      throw failureOf(error, `keeping ${directory}/${line.file}`)
    }
    this.#remember(line, note)
  }

  #lineOf(text: string): Line {
    const place = witnessPlace(text)
    if (typeof place === 'string') throw new Failure('ledger-unavailable', place)
    const file = `${createHash('sha256').update(place.key.text).digest('hex').slice(0, 16)}.note`
    const line: Line = {
      place,
      file,
      size: 0,
      cosignedAt: 0,
      failures: 0,
      failure: null,
      rotations: null,
      busy: false,
      tries: 0,
      cancel: null,
    }
    const path = `${this.#options.directory}/${file}`
    const bytes = this.#files.factsAt(path)?.bytes ?? 0
    // Anything else there is replaced by the next cosignature: the witness knows better.
    if (bytes > 0 && bytes <= 4 * noteBytesMax) {
      this.#remember(line, contentOf(this.#files, path).toString('utf8'))
    }
    return line
  }

  /** What a kept note says, where it is of this log and of this witness. */
  #remember(line: Line, text: string): void {
    const note = parseNote(text)
    if (typeof note === 'string' || note.origin !== this.#options.origin) return
    const seconds = cosignedAt(note, line.place.key)
    if (seconds === null) return
    line.size = note.size
    line.cosignedAt = seconds * 1_000
  }
}
