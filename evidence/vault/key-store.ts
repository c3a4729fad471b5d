/** One key file for each subject: made at its first opening, and destroyed to erase all of them at once. */
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { syncNames, writeAll } from '../../ledger/durable.ts'
import { unavailable } from '../../ledger/failure.ts'
import type { Files } from '../../ledger/files.ts'

const keyBytes = 32

/** Keys that are kept at hand; others are read from their files again. */
const keptMax = 4_096

export interface SubjectKey {
  /** 16 hex digits: tells the key from one that the same subject gets after an erasure. */
  readonly id: string
  readonly bytes: Buffer
}

/** Reads a key file; null where there is none, or where a crash left half of one, which nothing was sealed with. */
export function readSubjectKey(directory: string, subject: string): SubjectKey | null {
  const path = pathOf(directory, subject)
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  if (!text.endsWith('\n')) return null
  const [, id = '', encoded = '', check = ''] =
    /^([0-9a-f]{16}) ([\w-]{43}) ([0-9a-f]{16})\n$/.exec(text) ?? []
  const bytes = Buffer.from(encoded, 'base64url')
  if (bytes.length !== keyBytes || checkOf(id, bytes) !== check) {
    throw unavailable(
      `${path} is damaged; put it back from where it is kept, or move it away: what it opens is lost then`,
    )
  }
  return { id, bytes }
}

const pathOf = (directory: string, subject: string): string => `${directory}/${subject}.key`

/** Tells a key that a disk has changed from one that opens nothing. */
function checkOf(id: string, bytes: Uint8Array): string {
  return createHash('sha256').update(`${id} `).update(bytes).digest('hex').slice(0, 16)
}

export class KeyStore {
  readonly #directory: string
  readonly #files: Files
  readonly #random: (bytes: number) => Buffer
  readonly #kept = new Map<string, SubjectKey>()
  /** Descriptors of key files that were made and not synced. */
  #fresh: number[] = []

  constructor(directory: string, parts: { files: Files; random: (bytes: number) => Buffer }) {
    this.#directory = directory
    this.#files = parts.files
    this.#random = parts.random
  }

  /** The key of a subject, made where there is none. errors  those of the file system; Failure where it is damaged. */
  take(subject: string): SubjectKey {
    const known = this.#kept.get(subject)
    if (known !== undefined) return known
    const key = readSubjectKey(this.#directory, subject) ?? this.#make(subject)
    const [oldest] = this.#kept.size >= keptMax ? this.#kept.keys() : []
    if (oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(subject, key)
    return key
  }

  /** Whole before it has its name: a kill leaves a stranger that the next start removes, or the key. */
  #make(subject: string): SubjectKey {
    const key = { id: this.#random(8).toString('hex'), bytes: this.#random(keyBytes) }
    const path = pathOf(this.#directory, subject)
    const half = `${path}.new`
    if (this.#files.factsAt(half) !== null) this.#files.remove(half)
    const descriptor = this.#files.open(half, 'create')
    try {
      const text = `${key.id} ${key.bytes.toString('base64url')} ${checkOf(key.id, key.bytes)}\n`
      writeAll(this.#files, descriptor, Buffer.from(text))
      this.#files.rename(half, path)
    } catch (error) {
      this.#files.close(descriptor)
      throw error
    }
    this.#fresh.push(descriptor)
    return key
  }

  /** Makes the keys durable that were made before the call. errors  those of the system calls. */
  async sync(): Promise<void> {
    const fresh = this.#fresh
    if (fresh.length === 0) return
    this.#fresh = []
    try {
      for (const descriptor of fresh) await this.#files.sync(descriptor)
      await syncNames(this.#files, this.#directory)
    } finally {
      for (const descriptor of fresh) this.#files.close(descriptor)
    }
  }

  /**
   * Destroys a subject's key: overwritten, removed, forgotten, and durably so when it resolves. A file system that
   * writes elsewhere, and a disk that levels its wear, may keep the old block: see docs/erasure.md.
   */
  async destroy(subject: string): Promise<void> {
    this.#kept.get(subject)?.bytes.fill(0)
    this.#kept.delete(subject)
    const path = pathOf(this.#directory, subject)
    const facts = this.#files.factsAt(path)
    if (facts !== null) {
      const descriptor = openSync(path, 'r+')
      try {
        writeSync(descriptor, this.#random(facts.bytes), 0, facts.bytes, 0)
        fdatasyncSync(descriptor)
      } finally {
        closeSync(descriptor)
      }
      unlinkSync(path)
    }
    await syncNames(this.#files, this.#directory)
  }

  /** True where a key of this subject is kept. */
  has(subject: string): boolean {
    return this.#files.factsAt(pathOf(this.#directory, subject)) !== null
  }

  close(): void {
    for (const descriptor of this.#fresh) this.#files.close(descriptor)
    for (const { bytes } of this.#kept.values()) bytes.fill(0)
    this.#fresh = []
    this.#kept.clear()
  }
}
