/** The machine with a fault at the n-th system call, and a power loss that takes what was not synced. */
import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { type Files, realFiles } from '../../ledger/files.ts'

/** What happens at the n-th call: an error there and then, or a machine that is gone from then on. */
export interface Fault {
  /** Counted from 1; Infinity for none. */
  readonly at: number
  readonly code: string
  /** True where every later call fails too: the process is dead, as far as the disk can tell. */
  readonly dead?: boolean
  /** Only calls of this name are counted; all of them where it is left out. */
  readonly call?: string
  /** At most so many bytes are taken by one write. */
  readonly writeBytesMax?: number
}

const counted = new Set([
  'open',
  'read',
  'write',
  'sync',
  'syncDirectory',
  'facts',
  'factsAt',
  'list',
  'makeDirectory',
  'rename',
  'remove',
])

interface Tracked {
  path: string
  written: number
  synced: number
}

export class FaultyFiles {
  readonly files: Files
  readonly #fault: Fault
  readonly #open = new Map<number, Tracked>()
  readonly #tracked = new Set<Tracked>()
  /** Changes of names that no sync of their directory followed, and what had the name before. */
  #renames: { from: string; to: string; replaced: Buffer | null }[] = []
  #removed: { path: string; bytes: Buffer }[] = []
  calls: string[] = []

  constructor(fault: Fault) {
    this.#fault = fault
    this.files = {
      ...realFiles,
      open: (path, how) => {
        this.#count('open')
        const descriptor = realFiles.open(path, how)
        if (how === 'read') this.#follow(descriptor, path)
        else this.#track(descriptor, path)
        return descriptor
      },
      read: (descriptor, buffer, position) => {
        this.#count('read')
        return realFiles.read(descriptor, buffer, position)
      },
      write: (descriptor, bytes) => this.#write(descriptor, bytes),
      sync: async (descriptor) => {
        this.#count('sync')
        // What a sync is for is played by losePower: the real one would only take time.
        await Promise.resolve()
        const tracked = this.#open.get(descriptor)
        if (tracked !== undefined) tracked.synced = tracked.written
      },
      syncDirectory: async (path) => {
        this.#count('syncDirectory')
        await Promise.resolve(path)
        this.#renames = []
        this.#removed = []
      },
      facts: (descriptor) => {
        this.#count('facts')
        return realFiles.facts(descriptor)
      },
      factsAt: (path) => {
        this.#count('factsAt')
        return realFiles.factsAt(path)
      },
      list: (directory) => {
        this.#count('list')
        return realFiles.list(directory)
      },
      makeDirectory: (path) => {
        this.#count('makeDirectory')
        realFiles.makeDirectory(path)
      },
      rename: (from, to) => {
        this.#count('rename')
        const replaced = realFiles.factsAt(to) === null ? null : readFileSync(to)
        realFiles.rename(from, to)
        this.#renames.push({ from, to, replaced })
        for (const tracked of this.#tracked) if (tracked.path === from) tracked.path = to
      },
      remove: (path) => {
        this.#count('remove')
        const bytes = readFileSync(path)
        realFiles.remove(path)
        this.#removed.push({ path, bytes })
      },
    }
  }

  /** True where the fault came. */
  get struck(): boolean {
    return this.calls.length >= this.#fault.at
  }

  /**
   * The machine loses power: of each file as much stays as was synced, and `keep` of the rest; a rename or a removal
   * that no directory sync followed is undone where `keep` is below one half.
   */
  losePower(keep: number): void {
    for (const tracked of this.#tracked) {
      const kept = tracked.synced + Math.floor((tracked.written - tracked.synced) * keep)
      if (kept < tracked.written && realFiles.factsAt(tracked.path) !== null) {
        truncateSync(tracked.path, kept)
      }
    }
    if (keep >= 0.5) return
    for (const { from, replaced, to } of this.#renames.reverse()) {
      if (realFiles.factsAt(to) === null) continue
      // A directory that was never synced may know neither name.
      if (keep < 0.25) rmSync(to)
      else renameSync(to, from)
      if (replaced !== null) writeFileSync(to, replaced, { mode: 0o600 })
    }
    for (const { path, bytes } of this.#removed) {
      if (realFiles.factsAt(path) === null) writeFileSync(path, bytes, { mode: 0o600 })
    }
  }

  #track(descriptor: number, path: string): void {
    const bytes = realFiles.facts(descriptor).bytes
    const tracked = { path, written: bytes, synced: bytes }
    this.#open.set(descriptor, tracked)
    this.#tracked.add(tracked)
  }

  /** A sync by a descriptor of somebody who only reads makes the same bytes durable. */
  #follow(descriptor: number, path: string): void {
    const written = [...this.#tracked].filter((tracked) => tracked.path === path).at(-1)
    if (written === undefined) this.#open.delete(descriptor)
    else this.#open.set(descriptor, written)
  }

  #write(descriptor: number, bytes: Buffer): number {
    const { writeBytesMax } = this.#fault
    const taken = writeBytesMax === undefined ? bytes : bytes.subarray(0, writeBytesMax)
    const tracked = this.#open.get(descriptor)
    try {
      this.#count('write')
    } catch (error) {
      // A disk that fills up takes a part first.
      const part = realFiles.write(descriptor, taken.subarray(0, taken.length >> 1))
      if (tracked !== undefined) tracked.written += part
      throw error
    }
    const written = realFiles.write(descriptor, taken)
    if (tracked !== undefined) tracked.written += written
    return written
  }

  #count(name: string): void {
    if (!counted.has(name)) return
    if (this.#fault.call !== undefined && this.#fault.call !== name) return
    this.calls.push(name)
    const { at, code, dead } = this.#fault
    const now = this.calls.length
    if (now !== at && !(dead === true && now > at)) return
    throw Object.assign(new Error(`${code}: injected at call ${now} (${name})`), { code })
  }
}
