/** Hands segments to threads in their order, and answers in any; what a thread cannot answer is left to whoever asked. */
import { Worker } from 'node:worker_threads'
import type { SegmentAnswer, SegmentTask, WorkerMessage } from './verify-worker.ts'

/** Answers kept at most for each thread, so that memory does not grow with the ledger. */
const aheadMax = 2

/** Of a thread's heap; one that needs more ends, and its segment is read by whoever asked. */
const heapMib = 96

export interface ThreadsOptions {
  /** Null where nobody shall ask a thread. */
  readonly tasks: readonly (SegmentTask | null)[]
  readonly workers: number
  /** Bytes of a segment that were read so far. */
  readonly progress: (index: number, bytes: number) => void
}

type Settle = (answer: SegmentAnswer | null) => void

export class Threads {
  readonly #options: ThreadsOptions
  readonly #answers = new Map<number, Promise<SegmentAnswer | null>>()
  readonly #settles = new Map<number, Settle>()
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()
  /** What each thread is at. */
  readonly #at = new Map<Worker, number>()
  #next = 0
  #taken = 0
  #closed = false

  constructor(options: ThreadsOptions) {
    this.#options = options
    const { tasks, workers } = options
    const asked = tasks.filter((task) => task !== null).length
    for (let index = 0; index < Math.min(workers, asked); index += 1) this.#start()
    this.#hand()
  }

  /** The answer to a task, in the order of the tasks; null where there is none. */
  async take(index: number): Promise<SegmentAnswer | null> {
    const answer = await (this.#answers.get(index) ?? null)
    this.#answers.delete(index)
    this.#taken = index + 1
    this.#hand()
    return answer
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#all].map((worker) => worker.terminate()))
  }

  #start(): void {
    const url = new URL('./verify-worker.js', import.meta.url)
    const worker = new Worker(url, { resourceLimits: { maxOldGenerationSizeMb: heapMib } })
    this.#all.add(worker)
    this.#idle.push(worker)
    worker.on('message', (message: WorkerMessage) => this.#heard(worker, message))
    // Whatever ended it will be met again by whoever reads the segment then.
    worker.on('error', () => this.#ended(worker))
    worker.on('exit', () => this.#ended(worker))
  }

  #heard(worker: Worker, message: WorkerMessage): void {
    const index = this.#at.get(worker)
    if (index === undefined) return
    if (message.kind === 'progress') {
      this.#options.progress(index, message.bytes)
      return
    }
    this.#at.delete(worker)
    this.#idle.push(worker)
    this.#settle(index, message.answer)
    this.#hand()
  }

  #ended(worker: Worker): void {
    const index = this.#at.get(worker)
    this.#all.delete(worker)
    this.#at.delete(worker)
    const place = this.#idle.indexOf(worker)
    if (place >= 0) this.#idle.splice(place, 1)
    if (index !== undefined) this.#settle(index, null)
  }

  #settle(index: number, answer: SegmentAnswer | null): void {
    this.#settles.get(index)?.(answer)
    this.#settles.delete(index)
  }

  /** Gives each idle thread the next segment, not too far ahead of what was taken. */
  #hand(): void {
    const { tasks, workers } = this.#options
    this.#next = Math.max(this.#next, this.#taken)
    while (!this.#closed && this.#next < Math.min(tasks.length, this.#taken + aheadMax * workers)) {
      const task = tasks[this.#next] ?? null
      const worker = task === null ? undefined : this.#idle.pop()
      if (task !== null && worker === undefined) return
      const index = this.#next
      this.#next += 1
      if (task === null || worker === undefined) continue
      this.#at.set(worker, index)
      this.#answers.set(index, new Promise((resolve) => this.#settles.set(index, resolve)))
      worker.postMessage(task)
    }
  }
}
