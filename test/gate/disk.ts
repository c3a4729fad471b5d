/** A disk in memory: what is not synced is lost in a crash, any call can fail, and a sync can be held back. */

import type { Entry } from '../../ledger/entry.ts'
import type { FileFacts, Files } from '../../ledger/files.ts'
import { parseLine } from '../../ledger/line.ts'

interface Inode {
  readonly number: number
  bytes: Buffer
  length: number
  synced: number
}

const failing: readonly (keyof Files)[] = [
  'open',
  'read',
  'write',
  'sync',
  'syncDirectory',
  'facts',
  'factsAt',
  'filesystem',
  'list',
  'makeDirectory',
  'rename',
  'remove',
]

export class MemoryDisk {
  readonly files: Files
  freeBytes = 2 ** 40
  /** Calls so far, by name; the first one has the number 1. */
  readonly calls: string[] = []
  /** Number of the call that fails; with `dead`, every later one fails too. */
  failAt = Number.POSITIVE_INFINITY
  dead = false
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  readonly #directories = new Set<string>()
  readonly #open = new Map<number, Inode>()
  #next = 3
  #held: (() => void)[] | null = null
  #gone = false

  constructor() {
    const calls: Files = {
      open: (path, how) => this.#openFile(path, how),
      close: (descriptor) => void this.#open.delete(descriptor),
      read: (descriptor, buffer, position) => {
        const { bytes, length } = this.#inode(descriptor)
        return bytes.copy(buffer, 0, position, Math.min(length, position + buffer.length))
      },
      write: (descriptor, bytes) => this.#write(this.#inode(descriptor), bytes),
      sync: (descriptor) => this.#sync(this.#inode(descriptor)),
      syncDirectory: async () => {
        await this.#released()
        this.#durableNames = new Map(this.#names)
      },
      facts: (descriptor) => this.#factsOf(this.#inode(descriptor)),
      factsAt: (path) => {
        if (this.#directories.has(path)) return { ...directoryFacts }
        const inode = this.#names.get(path)
        return inode === undefined ? null : this.#factsOf(inode)
      },
      filesystem: () => ({ type: 0xef53, freeBytes: this.freeBytes }),
      list: (directory) =>
        [...this.#names.keys()].flatMap((path) =>
          path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1)] : [],
        ),
      makeDirectory: (path) => void this.#directories.add(path),
      makePrivate: () => undefined,
      rename: (from, to) => {
        this.#names.set(to, this.#named(from))
        this.#names.delete(from)
      },
      remove: (path) => void this.#names.delete(path),
    }
    this.files = counted(calls, (name) => this.#count(name))
  }

  /** From now on a sync waits for `release`. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const go of held) go()
  }

  /** The machine dies: no call succeeds any more, and what was under way does not either. */
  die(): void {
    this.failAt = this.calls.length + 1
    this.dead = true
    this.#gone = true
    this.release()
  }

  /**
   * The machine dies and comes back: of each file stays what was synced, and this share of the rest; names that no
   * directory sync followed are as before where the share is below one half.
   */
  crash(keep: number): void {
    if (keep < 0.5) this.#names = new Map(this.#durableNames)
    for (const inode of this.#names.values()) {
      inode.length = inode.synced + Math.floor((inode.length - inode.synced) * keep)
      inode.synced = inode.length
    }
    this.#durableNames = new Map(this.#names)
    this.#open.clear()
    this.dead = false
    this.#gone = false
    this.failAt = Number.POSITIVE_INFINITY
    this.#held = null
  }

  /** True where these bytes would survive a crash. */
  keeps(text: string): boolean {
    for (const { bytes, synced } of this.#durableNames.values()) {
      if (bytes.subarray(0, synced).includes(text)) return true
    }
    return false
  }

  /** The texts of the files whose name matches, by name. */
  texts(pattern: RegExp): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const [path, { bytes, length }] of [...this.#names].sort(byName)) {
      const name = path.slice(path.lastIndexOf('/') + 1)
      if (pattern.test(name)) found.set(name, bytes.toString('utf8', 0, length))
    }
    return found
  }

  /** Every whole entry, chain and numbers checked on the way; what a crash left half written is passed over. */
  entries(): readonly Entry[] {
    const entries: Entry[] = []
    for (const [name, text] of this.texts(/^ledger-\d+\.jsonl$/)) {
      const lines = text.split('\n').slice(0, -1)
      for (const line of lines) {
        const entry = parseLine(Buffer.from(`${line}\n`, 'utf8'))
        const last = entries.at(-1)
        if (entry.seq !== entries.length || entry.prev !== (last?.hash ?? '0'.repeat(64))) {
          throw new Error(`${name}: seq ${entry.seq} does not follow ${String(last?.seq)}`)
        }
        entries.push(entry)
      }
    }
    return entries
  }

  #count(name: string): void {
    this.calls.push(name)
    const now = this.calls.length
    if (now !== this.failAt && !(this.dead && now > this.failAt)) return
    throw Object.assign(new Error(`EIO: injected at call ${now} (${name})`), { code: 'EIO' })
  }

  #openFile(path: string, how: 'read' | 'append' | 'create'): number {
    const known = this.#names.get(path)
    if (how === 'create') {
      if (known !== undefined) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
      const number = this.#next
      this.#names.set(path, { number, bytes: Buffer.alloc(0), length: 0, synced: 0 })
    }
    this.#next += 1
    const directory = this.#directories.has(path) || path.endsWith('/..')
    if (!directory) this.#open.set(this.#next, this.#named(path))
    return this.#next
  }

  #write(inode: Inode, bytes: Buffer): number {
    const needed = inode.length + bytes.length
    if (needed > inode.bytes.length) {
      const larger = Buffer.alloc(needed * 2)
      inode.bytes.copy(larger, 0, 0, inode.length)
      inode.bytes = larger
    }
    bytes.copy(inode.bytes, inode.length)
    inode.length = needed
    return bytes.length
  }

  async #sync(inode: Inode): Promise<void> {
    const { length } = inode
    await this.#released()
    inode.synced = Math.max(inode.synced, length)
  }

  async #released(): Promise<void> {
    const held = this.#held
    if (held !== null) await new Promise<void>((resolve) => held.push(resolve))
    if (this.#gone) throw Object.assign(new Error('EIO: the machine is gone'), { code: 'EIO' })
  }

  #inode(descriptor: number): Inode {
    const inode = this.#open.get(descriptor)
    if (inode === undefined) throw Object.assign(new Error('EBADF'), { code: 'EBADF' })
    return inode
  }

  #named(path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
    return inode
  }

  #factsOf(inode: Inode): FileFacts {
    const links = [...this.#names.values()].includes(inode) ? 1 : 0
    const { length, number } = inode
    return { bytes: length, inode: number, links, mode: 0o600, owner: 0, directory: false }
  }
}

const directoryFacts: FileFacts = {
  bytes: 0,
  inode: 1,
  links: 2,
  mode: 0o700,
  owner: 0,
  directory: true,
}

const byName = ([left]: readonly [string, Inode], [right]: readonly [string, Inode]): number =>
  left < right ? -1 : 1

/** The same calls, each counted first; what counts may throw, and then the call has not happened. */
function counted(files: Files, count: (name: string) => void): Files {
  const wrapped: Record<string, unknown> = { ...files }
  for (const name of failing) {
    const call = files[name] as (...args: unknown[]) => unknown
    wrapped[name] =
      name === 'sync' || name === 'syncDirectory'
        ? async (...args: unknown[]) => {
            count(name)
            await call(...args)
          }
        : (...args: unknown[]) => {
            count(name)
            return call(...args)
          }
  }
  return wrapped as unknown as Files
}
