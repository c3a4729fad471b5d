/** Picks out of the lines of a chain what signatures and anchors are judged by, and tells it in their order. */
import type { Entry } from './entry.ts'
import type { Frontier } from './frontier.ts'
import type { LineReader } from './scan-lines.ts'
import type { LineCheck } from './verify-line.ts'
import type { Mark, MarkPlace } from './verify-mark.ts'

/** Kinds that are told, or that wait for no checkpoint. */
const told = [
  'log.genesis',
  'segment.open',
  'boot.open',
  'boot.close',
  'checkpoint',
  'key.rotate',
  'anchor',
] as const

/** By the length of a kind, whether it may be one of them. */
const lengths = Uint8Array.from({ length: 16 }, (_, length) =>
  told.some((kind) => kind.length === length) ? 1 : 0,
)

/** The chain before the line that is told. */
export interface Before {
  readonly tree: Frontier | null
  readonly broken: boolean
}

/** Stands beside a chain, and looks at each line that the chain takes. */
export class Teller {
  readonly #tell: (mark: Mark) => void
  /** Sizes whose roots are asked for, ascending. */
  readonly #sizes: readonly number[]
  #index = 0
  #wanted: number
  #segment = ''
  /** An entry waits for a checkpoint, and it was told which. */
  #waiting = false

  constructor(sizes: readonly number[], tell: (mark: Mark) => void) {
    this.#tell = tell
    this.#sizes = sizes
    this.#wanted = sizes[0] ?? Number.MAX_SAFE_INTEGER
  }

  enter(segment: string): void {
    this.#segment = segment
    this.#waiting = false
  }

  /** Tells of a line that is an entry; before its leaf is in the tree. */
  take(reader: LineReader, check: LineCheck, seq: number, before: Before): void {
    if (seq >= this.#wanted) this.#size(check, seq, before)
    if (this.#waiting && lengths[check.kindLength] !== 1) return
    const kind = told.find((one) => check.isKind(one))
    if (kind === undefined) {
      if (!this.#waiting) this.#tell({ kind: 'waiting', ts: check.ts })
      this.#waiting = true
      return
    }
    const at = { segment: this.#segment, offset: reader.offset, seq }
    this.#own(kind, check.entry(), at, before)
  }

  #own(kind: (typeof told)[number], entry: Entry, at: MarkPlace, before: Before): void {
    const { data, ts } = entry
    const vkey = textOf(data['vkey'])
    switch (kind) {
      case 'log.genesis':
      case 'segment.open': {
        const origin = textOf(data['origin'])
        this.#tell({ kind: 'first', genesis: kind === 'log.genesis', at, vkey, origin })
        return
      }
      case 'boot.open':
      case 'boot.close':
        this.#waiting = kind === 'boot.open'
        this.#tell({ kind, ts })
        return
      case 'anchor':
        if (!this.#waiting) this.#tell({ kind: 'waiting', ts })
        this.#waiting = true
        this.#anchor(data)
        return
      case 'checkpoint':
      case 'key.rotate': {
        this.#waiting = false
        const note = textOf(data['note'])
        this.#tell({ kind, at, ts, note, vkey, root: rootOf(before), looked: null })
      }
    }
  }

  #anchor(data: Entry['data']): void {
    const { slot } = data
    const [sha256, store] = [textOf(data['sha256']), textOf(data['store'])]
    if (typeof slot === 'number') this.#tell({ kind: 'anchor', sha256, slot, store })
  }

  #size(check: LineCheck, seq: number, before: Before): void {
    while (this.#wanted < seq) this.#step()
    if (this.#wanted !== seq) return
    this.#tell({ kind: 'size', size: seq, root: rootOf(before), ts: check.ts })
    this.#step()
  }

  #step(): void {
    this.#index += 1
    this.#wanted = this.#sizes[this.#index] ?? Number.MAX_SAFE_INTEGER
  }
}

/** Root over the entries before; null where that is nothing, or not proven. */
export function rootOf({ broken, tree }: Before): string | null {
  return broken || tree === null || tree.size === 0 ? null : tree.root()
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
