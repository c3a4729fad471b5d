/** Keeps the index of a running gate fresh, in a thread of its own, and answers questions by it. */
import { Worker } from 'node:worker_threads'
import { Failure } from '../../kernel/reasons.ts'
import type { Records, RecordsAsk } from '../records/views.ts'
import type { Standing } from './desk.ts'
import type { Ask, Page } from './find.ts'
import type { IndexOptions } from './ledger-index.ts'

export type Question =
  | { readonly kind: 'feed' }
  | { readonly kind: 'page'; readonly ask: Ask }
  | { readonly kind: 'records'; readonly ask: RecordsAsk }
  | { readonly kind: 'close' }

export interface Asked {
  readonly id: number
  readonly ask: Question
}

export type Answered =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string }

export interface FeederOptions {
  /** Of the segments. */
  readonly directory: string
  readonly databaseFile: string
  /** Calls back once, after a time; answers what cancels it. */
  readonly after: (delayMs: number, callback: () => void) => () => void
  readonly now: () => number
  /** Seq of the last durable entry, for `lag`. */
  readonly head: () => number
  readonly log: (level: 'info' | 'warn', fields: object, message: string) => void
}

/** Between two looks at files that had nothing new. */
const idleMs = 200

/** Between two batches while much is to be fed: the gate has the processor in between. */
const busyMs = 2

/** Before a thread that ended, or an index that could not be opened, is tried again. */
const retryMs = 10_000

/** Questions that may wait: each is a page at most, and the next is refused. */
const waitingMax = 32

/** Of the thread's heap: a page of the longest lines takes 100 MiB. */
const heapMebibytesMax = 256

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Failure) => void
}

/** Nothing that happens here ends or delays the gate: what fails is logged, and tried again. */
export class IndexFeeder {
  readonly #options: FeederOptions
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | null = null
  #cancel: (() => void) | null = null
  #closed = false
  #asked = 0
  #freshTo: number | null = null
  /** Of the last trouble that was logged: the same is not said again. */
  #said = ''

  constructor(options: FeederOptions) {
    this.#options = options
  }

  /** Seq of the last entry that is indexed; null before the first. */
  get freshTo(): number | null {
    return this.#freshTo
  }

  /** Entries that are durable and not indexed. */
  get lag(): number {
    return Math.max(0, this.#options.head() - (this.#freshTo ?? -1))
  }

  /** Begins to feed; answers at once. */
  start(): void {
    if (this.#closed || this.#worker !== null) return
    const { databaseFile, directory, now } = this.#options
    const workerData: IndexOptions = { databaseFile, directory, seed: now() }
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: heapMebibytesMax },
    })
    worker.unref()
    worker.on('message', (answered: Answered) => this.#take(answered))
    worker.on('error', (error: Error) => this.#trouble(error.message))
    worker.on('exit', () => this.#ended(worker))
    this.#worker = worker
    this.#turn()
  }

  /** Ends the thread, with what it does at the moment. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    const worker = this.#worker
    if (worker === null) return
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.ref()
    const cancel = this.#options.after(retryMs, () => void worker.terminate())
    this.#ask({ kind: 'close' }).catch(() => undefined)
    await ended
    cancel()
  }

  /** errors  Failure ledger-unavailable: too many wait, the index is not there, or it is being made anew. */
  page(ask: Ask): Promise<Page> {
    return this.#asks({ kind: 'page', ask }) as Promise<Page>
  }

  /** errors  as `page`. */
  records(ask: RecordsAsk): Promise<Records> {
    return this.#asks({ kind: 'records', ask }) as Promise<Records>
  }

  #asks(question: Question): Promise<unknown> {
    if (this.#closed || this.#worker === null) return Promise.reject(unavailable('it is not open'))
    if (this.#waiting.size < waitingMax) return this.#ask(question)
    return Promise.reject(unavailable('too many questions wait for it'))
  }

  #ask(ask: Question): Promise<unknown> {
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker?.postMessage({ id, ask } satisfies Asked)
    })
  }

  #take(answered: Answered): void {
    const waiting = this.#waiting.get(answered.id)
    this.#waiting.delete(answered.id)
    if (answered.ok) waiting?.resolve(answered.value)
    else waiting?.reject(new Failure('ledger-unavailable', answered.message))
  }

  /** Feeds one batch, and then again. */
  #turn(): void {
    this.#ask({ kind: 'feed' }).then(
      (value) => this.#fed(value as Standing),
      (error: unknown) => {
        this.#trouble(error instanceof Error ? error.message : String(error))
        this.#again(retryMs)
      },
    )
  }

  #fed({ broken, freshTo, more, renewed }: Standing): void {
    this.#freshTo = freshTo ?? this.#freshTo
    const { log } = this.#options
    if (renewed !== null)
      log('warn', { code: 'INDEX_MISMATCH', why: renewed }, 'the index is made anew')
    if (broken === null) this.#said = ''
    else this.#trouble(`${broken.segment}:${broken.offset}: ${broken.message}`)
    this.#again(more ? busyMs : idleMs)
  }

  #again(delayMs: number): void {
    if (this.#closed || this.#worker === null) return
    this.#cancel = this.#options.after(delayMs, () => this.#turn())
  }

  #trouble(message: string): void {
    if (message === this.#said) return
    this.#said = message
    this.#options.log('warn', { message }, 'the index is not fed; the gate goes on without it')
  }

  #ended(worker: Worker): void {
    if (this.#worker !== worker) return
    this.#worker = null
    this.#cancel?.()
    const gone = unavailable('its thread ended')
    for (const { reject } of this.#waiting.values()) reject(gone)
    this.#waiting.clear()
    if (!this.#closed) this.#cancel = this.#options.after(retryMs, () => this.start())
  }
}

function unavailable(why: string): Failure {
  return new Failure('ledger-unavailable', `the index of the ledger cannot be asked: ${why}`)
}
