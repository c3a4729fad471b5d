/**
 * Recognises the members of an object by those of one that was alike: what has the same bytes is neither scanned nor
 * decoded again. Most of an entry stood in an entry before it.
 */
import { ascends, memberEnd } from './scan-json.ts'

const nothing = new Uint8Array(0)

const quote = 0x22
const brace = 0x7d

/** Nesting of the objects: they lie in an envelope. */
const depth = 2

/** Where more of an object's members are not known, it is remembered itself: of a settlement four of seven differ. */
const freshMost = 3 / 4

/** So many objects are remembered, told apart by one letter: the kinds of entries differ in it. */
const knownMax = 16

type Members = Readonly<Record<string, unknown>>

/** A text that was recognised, to be compared four bytes at a time: 0.4 against 1.8 ns a byte (2026-11-21). */
export class KnownText {
  bytes: Uint8Array = nothing
  length = 0
  #view: DataView = new DataView(nothing.buffer)

  /** Takes over bytes[from, to). */
  remember(bytes: Uint8Array, from: number, to: number): void {
    this.length = to - from
    if (this.length > this.bytes.length) {
      this.bytes = new Uint8Array(2 * this.length)
      this.#view = new DataView(this.bytes.buffer)
    }
    this.bytes.set(bytes.subarray(from, to))
  }

  /** How many bytes another text has at `at` in common with this one from `from` on. */
  common(view: DataView, at: number, from: number): number {
    const known = this.#view
    const most = Math.min(this.length - from, view.byteLength - at)
    let count = 0
    while (count + 4 <= most && known.getInt32(from + count) === view.getInt32(at + count))
      count += 4
    while (count < most && known.getUint8(from + count) === view.getUint8(at + count)) count += 1
    return count
  }
}

/** One object that was recognised, member by member. */
class KnownObject {
  readonly #text = new KnownText()
  /** Where its members begin, and where they end: with the comma or brace behind the last one. */
  readonly #begins: number[] = []
  #members: Members | null = null
  #keys: readonly string[] = []

  /** Number of its members. */
  get count(): number {
    return Math.max(0, this.#begins.length - 1)
  }

  /** Where a member begins in its text; that of the one behind the last is the end of all. */
  begin(index: number): number {
    return this.#begins[index] ?? 0
  }

  /** Up to which member the text at `at` is this one from a member on, byte by byte. */
  sameTo(index: number, view: DataView, at: number): number {
    if (index >= this.count) return index
    const from = this.begin(index)
    const end = from + this.#text.common(view, at, from)
    let to = index
    while (to < this.count && this.begin(to + 1) <= end) to += 1
    return to
  }

  /** True where the member at `at` has the key of this one. */
  hasKey(index: number, view: DataView, at: number): boolean {
    if (index >= this.count) return false
    const from = this.begin(index)
    const end = from + this.#text.common(view, at, from)
    for (let key = from + 1; key < end; key += 1) {
      if (this.#text.bytes[key] === quote) return true
    }
    return false
  }

  /** Takes over an object that was recognised. */
  remember(bytes: Uint8Array, from: number, to: number): void {
    this.#text.remember(bytes, from, to)
    this.#begins.length = 0
    for (let at = from + 1; at > 0; at = at < to ? memberEnd(bytes, at, depth) : -1) {
      this.#begins.push(at - from)
    }
    this.#members = null
  }

  /** The members as values, decoded when they are first asked for. */
  get members(): Members {
    if (this.#members !== null) return this.#members
    const { bytes, length } = this.#text
    this.#members = JSON.parse(Buffer.from(bytes.subarray(0, length)).toString()) as Members
    this.#keys = Object.keys(this.#members)
    return this.#members
  }

  key(index: number): string {
    return this.#keys[index] ?? ''
  }
}

/** Members that were not known: three numbers each, in a list that only grows, since there is one for every line. */
class FreshMembers {
  count = 0
  readonly #numbers: number[] = []

  /** from  of its opening quote; to  behind its value. */
  add(index: number, from: number, to: number): void {
    const place = 3 * this.count
    this.#numbers[place] = index
    this.#numbers[place + 1] = from
    this.#numbers[place + 2] = to
    this.count += 1
  }

  index(which: number): number {
    return this.#numbers[3 * which] ?? 0
  }

  from(which: number): number {
    return this.#numbers[3 * which + 1] ?? 0
  }

  to(which: number): number {
    return this.#numbers[3 * which + 2] ?? 0
  }
}

/** Knows objects that `end` went through before, and what the last one has in common with one of them. */
export class KnownObjects {
  readonly #known: readonly KnownObject[] = Array.from(
    { length: knownMax },
    () => new KnownObject(),
  )
  #like = new KnownObject()
  #from = 0
  #end = 0
  #count = 0
  readonly #fresh = new FreshMembers()

  /** End of the canonical text of an object whose brace is at `from`, or -1; see scan-json.ts. */
  end(bytes: Uint8Array, view: DataView, from: number): number {
    const like = this.#known[(bytes[from + 5] ?? 0) % knownMax] ?? this.#like
    this.#like = like
    this.#fresh.count = 0
    let at = from + 1
    let index = 0
    let before = -1
    while (at === from + 1 || bytes[at - 1] !== brace) {
      const first = at
      const to = like.sameTo(index, view, at)
      if (to > index) {
        at += like.begin(to) - like.begin(index)
        if (before >= 0 && !ascends(bytes, before, first + 1)) return -1
        before = at - (like.begin(to) - like.begin(to - 1)) + 1
        index = to
      } else {
        at = memberEnd(bytes, at, depth)
        if (at < 0) return before < 0 && bytes[first] === brace ? this.#empty(from) : -1
        if (before >= 0 && !ascends(bytes, before, first + 1)) return -1
        before = first + 1
        this.#fresh.add(index, first, at - 1)
        index += 1
      }
    }
    this.#from = from
    this.#end = at
    this.#count = index
    if (this.#fresh.count > index * freshMost) {
      like.remember(bytes, from, at)
      this.#fresh.count = 0
    }
    return at
  }

  #empty(from: number): number {
    this.#count = 0
    this.#from = from
    this.#end = from + 2
    return this.#end
  }

  /** The object that `end` answered last, from its bytes; it shares what it can with others, and is to be read only. */
  value(bytes: Buffer, view: DataView): Members {
    const like = this.#like
    if (this.#count === 0 || !this.#alike(view)) {
      return decoded(bytes, this.#from, this.#end) as Members
    }
    const members: Record<string, unknown> = { ...like.members }
    for (let which = 0; which < this.#fresh.count; which += 1) {
      const key = like.key(this.#fresh.index(which))
      // Quotes and colon stand around and behind the key, which is of one-byte letters.
      const from = this.#fresh.from(which) + key.length + 3
      members[key] = decoded(bytes, from, this.#fresh.to(which))
    }
    return members
  }

  /** True where the object has the keys of the one that it is like. */
  #alike(view: DataView): boolean {
    if (this.#count !== this.#like.count) return false
    for (let which = 0; which < this.#fresh.count; which += 1) {
      if (!this.#like.hasKey(this.#fresh.index(which), view, this.#fresh.from(which))) return false
    }
    return true
  }
}

/** The value of a canonical text. */
function decoded(bytes: Buffer, from: number, to: number): unknown {
  const first = bytes[from] ?? 0
  if (first === quote && isPlain(bytes, from + 1, to - 1)) {
    return bytes.toString('latin1', from + 1, to - 1)
  }
  if (first < 0x30 || first > 0x39) return JSON.parse(bytes.toString('utf8', from, to))
  let number = 0
  for (let at = from; at < to; at += 1) number = number * 10 + (bytes[at] ?? 0) - 0x30
  return number
}

/** True for bytes that are each a character of a string by itself. */
function isPlain(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x80 || byte === 0x5c) return false
  }
  return true
}
