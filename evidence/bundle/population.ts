/** The entries of one control while they go by: written aside as they come, counted, and a sample of them kept. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { csv } from '../export/csv.ts'
import { batchEntries } from '../export/export.ts'
import { jsonLines } from '../export/format.ts'
import type { SoundLine } from '../export/select.ts'
import { isEvidence, type Soc2Control } from './soc2-controls.ts'

/** So many entries of a population are proven; a smaller population is proven whole. */
export const sampleMax = 25

export interface Sampled {
  readonly seq: number
  readonly hash: string
}

export class Population {
  readonly control: Soc2Control
  readonly #files: { readonly jsonl: number; readonly csv: number }
  readonly #paths: { readonly jsonl: string; readonly csv: string }
  readonly #byKind = new Map<string, number>()
  /** Those with the smallest hashes, ascending: nobody chose them, and everybody finds the same. */
  readonly #sample: Sampled[] = []
  #batch: SoundLine[] = []
  #count = 0
  #named = 0
  #first = -1
  #last = -1

  /** directory  for its files; somebody else removes it. errors  those of the file system. */
  constructor(control: Soc2Control, directory: string) {
    this.control = control
    const path = (ending: string): string => join(directory, `${control.id}.${ending}`)
    this.#paths = { jsonl: path('jsonl'), csv: path('csv') }
    this.#files = {
      jsonl: openSync(this.#paths.jsonl, 'wx', 0o600),
      csv: openSync(this.#paths.csv, 'wx', 0o600),
    }
    writeAll(this.#files.csv, csv.head)
  }

  get count(): number {
    return this.#count
  }

  /** Of them, those that are here only since a domain named the control. */
  get named(): number {
    return this.#named
  }

  /** seq of the first and the last; -1 where there is none. */
  get range(): { readonly from: number; readonly to: number } {
    return { from: this.#first, to: this.#last }
  }

  get byKind(): readonly (readonly [string, number])[] {
    return [...this.#byKind].sort(([one], [other]) => (one < other ? -1 : 1))
  }

  get paths(): { readonly jsonl: string; readonly csv: string } {
    return this.#paths
  }

  /** seqs that are covered, ascending. */
  sample(covered: number): readonly number[] {
    return this.#sample
      .map(({ seq }) => seq)
      .filter((seq) => seq < covered)
      .sort((one, other) => one - other)
  }

  take(line: SoundLine): void {
    const { entry } = line
    if (!isEvidence(this.control, entry)) return
    if (!this.control.holds(entry)) this.#named += 1
    if (this.#first < 0) this.#first = entry.seq
    this.#last = entry.seq
    this.#count += 1
    this.#byKind.set(entry.kind, (this.#byKind.get(entry.kind) ?? 0) + 1)
    this.#consider(entry)
    this.#batch.push(line)
    if (this.#batch.length >= batchEntries) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#files.jsonl)
    closeSync(this.#files.csv)
  }

  #consider({ hash, seq }: Sampled): void {
    const largest = this.#sample.at(-1)
    const isFull = this.#sample.length >= sampleMax
    if (isFull && largest !== undefined && hash >= largest.hash) return
    if (isFull) this.#sample.pop()
    const at = this.#sample.findIndex((one) => one.hash > hash)
    this.#sample.splice(at < 0 ? this.#sample.length : at, 0, { seq, hash })
  }

  #flush(): void {
    writeAll(this.#files.jsonl, jsonLines.text(this.#batch))
    writeAll(this.#files.csv, csv.text(this.#batch))
    this.#batch = []
  }
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done)
}
