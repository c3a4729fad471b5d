/** Checks one stored line in place, without building a value: the canonical form and the envelope. */
import { type Actor, type Entry, entryKinds } from './entry.ts'
import { integerEnd, latin, literalEnd, stringEnd, valueEnd } from './scan-json.ts'
import { KnownObjects, KnownText } from './scan-members.ts'

/** Bytes from the end of a body without its last brace to the LF: `,"hash":"`, 64 digits, `"}`. */
export const trailerBytes = 75

const nothing = Buffer.alloc(0)

const viewOf = (bytes: Buffer): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const comma = 0x2c
const dot = 0x2e

const members = {
  actor: latin('{"actor":{'),
  boot: latin('},"boot":"'),
  data: latin('","data":'),
  kind: latin(',"kind":"'),
  prev: latin('","prev":"'),
  seq: latin('","seq":'),
  ts: latin(',"ts":"'),
  version: latin('","v":'),
  trailer: latin(',"hash":"'),
}

const actorMembers = ['agent', 'key', 'principal', 'project', 'run', 'tenant'].map((name) =>
  latin(`"${name}":"`),
)

const ulidDigits = 26

/** Crockford's digits, as a ULID has them. */
const crockford = Uint8Array.from({ length: 256 }, (_, byte) =>
  '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

const hex = Uint8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

/** A timestamp's shape: `0` stands for a digit. */
const clock = latin('0000-00-00T00:00:00.000Z')

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isLower = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a

/** True where the line that ends at `end` (its LF) closes with a hash member, whatever its 64 digits are. */
export function hasTrailer(bytes: Uint8Array, start: number, end: number): boolean {
  const at = end - trailerBytes
  if (at <= start || bytes[end - 1] !== 0x7d || bytes[end - 2] !== 0x22) return false
  return literalEnd(bytes, at, members.trailer) > 0
}

/** True where the 64 bytes at `at` are the digits of `hash`. */
export function holdsHash(bytes: Uint8Array, at: number, hash: string): boolean {
  for (let index = 0; index < 64; index += 1) {
    if (bytes[at + index] !== hash.charCodeAt(index)) return false
  }
  return true
}

/** True where bytes[start, end) is one object in canonical form. */
export function isCanonical(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[start] === 0x7b && valueEnd(bytes, start, 1) === end
}

/** Of a timestamp, all before its milliseconds: what most lines have in common with the one before. */
const tsCommon = 20

/** So many actors are remembered; each is then one object, and whoever reads them can know it again. */
const actorsMax = 1024

const kinds: ReadonlyMap<string, string> = new Map(entryKinds.map((kind) => [kind, kind]))

/** Finds the members of an envelope; holds those of the last one, so that nothing is allocated per line. */
export class Scanner {
  seq = 0
  version = 0
  kindStart = 0
  kindEnd = 0
  prevStart = 0
  tsStart = 0
  /** Where digits lie that `prev` most likely has, or 0: equal ones need not be judged one by one. */
  prevLikely = 0
  /** True where it has them. */
  adjoins = false
  #bytes: Buffer = nothing
  #view = viewOf(nothing)
  #start = 0
  readonly #begin = new KnownText()
  #actor: Actor | null = null
  #boot = ''
  readonly #actors = new Map<string, Actor>()
  readonly #objects = new KnownObjects()
  readonly #ts = new KnownText()

  /**
   * True where bytes[start, end) is canonical and has the members of the envelope and no other; all are then set.
   */
  envelope(bytes: Buffer, start: number, end: number): boolean {
    if (bytes !== this.#bytes) this.#view = viewOf(bytes)
    this.#bytes = bytes
    this.#start = start
    this.adjoins = false
    let at = this.#beginEnd(bytes, start)
    if (at > 0) {
      at = bytes[at] === 0x7b ? this.#objects.end(bytes, this.#view, at) : -1
    }
    if (at > 0) at = literalEnd(bytes, at, members.kind)
    if (at < 0) return false
    this.kindStart = at
    at = kindEnd(bytes, at)
    this.kindEnd = at
    if (at > 0) at = literalEnd(bytes, at, members.prev)
    if (at < 0) return false
    this.prevStart = at
    const likely = this.prevLikely
    this.adjoins = likely > 0 && sameHash(this.#view, at, likely)
    if (!this.adjoins && !isHash(bytes, at)) return false
    at = literalEnd(bytes, at + 64, members.seq)
    if (at < 0 || bytes[at] === 0x2d) return false
    const seqEnd = integerEnd(bytes, at)
    this.seq = numberIn(bytes, at, seqEnd)
    at = seqEnd > 0 ? literalEnd(bytes, seqEnd, members.ts) : -1
    if (at < 0) return false
    this.tsStart = at
    at = this.#timestampEnd(bytes, at)
    if (at > 0) at = literalEnd(bytes, at, members.version)
    if (at < 0) return false
    const last = integerEnd(bytes, at)
    this.version = bytes[at] === 0x2d ? -1 : numberIn(bytes, at, last)
    return bytes[last] === 0x7d && last + 1 === end
  }

  /** End of actor and boot, which are mostly those of a line before. */
  #beginEnd(bytes: Uint8Array, start: number): number {
    const { length } = this.#begin
    if (length > 0 && this.#begin.common(this.#view, start, 0) === length) return start + length
    let at = literalEnd(bytes, start, members.actor)
    if (at > 0) at = actorEnd(bytes, at)
    if (at > 0) at = literalEnd(bytes, at, members.boot)
    if (at > 0) at = ulidEnd(bytes, at)
    if (at > 0) at = literalEnd(bytes, at, members.data)
    if (at < 0) return at
    this.#begin.remember(bytes, start, at)
    this.#actor = null
    return at
  }

  #timestampEnd(bytes: Buffer, at: number): number {
    const rest = at + tsCommon
    if (this.#ts.common(this.#view, at, 0) === tsCommon && bytes[rest + 3] === 0x5a) {
      const digits =
        isDigit(bytes[rest] ?? 0) && isDigit(bytes[rest + 1] ?? 0) && isDigit(bytes[rest + 2] ?? 0)
      return digits ? rest + 4 : -1
    }
    const end = timestampEnd(bytes, at)
    if (end > 0) this.#ts.remember(bytes, at, rest)
    return end
  }

  /**
   * The last body that passed `envelope`, while its bytes are still there, as an entry of this hash. What it shares
   * with entries before it is the same object, so that it is to be read only.
   */
  entry(hash: string): Entry {
    const bytes = this.#bytes
    const kind = bytes.toString('latin1', this.kindStart, this.kindEnd)
    return {
      actor: this.#actor ?? this.#readBegin(bytes),
      boot: this.#boot,
      data: this.#objects.value(bytes, this.#view),
      kind: kinds.get(kind) ?? kind,
      prev: bytes.toString('latin1', this.prevStart, this.prevStart + 64),
      seq: this.seq,
      ts: bytes.toString('latin1', this.tsStart, this.tsStart + clock.length),
      v: 1,
      hash,
    }
  }

  /** Reads actor and boot; an actor that was met before is the object of then. */
  #readBegin(bytes: Buffer): Actor {
    const end = this.#start + this.#begin.length - members.data.length
    this.#boot = bytes.toString('latin1', end - ulidDigits, end)
    // From the brace of the actor to the one that closes it.
    const range = [
      this.#start + members.actor.length - 1,
      end - ulidDigits - members.boot.length + 1,
    ] as const
    const text = bytes.toString('latin1', ...range)
    let actor = this.#actors.get(text)
    if (actor === undefined) {
      actor = JSON.parse(bytes.toString('utf8', ...range)) as Actor
      if (this.#actors.size >= actorsMax) this.#actors.clear()
      this.#actors.set(text, actor)
    }
    this.#actor = actor
    return actor
  }

  /** True where the last body that passed `envelope` is of this kind. */
  isKind(kind: string): boolean {
    if (this.kindEnd - this.kindStart !== kind.length) return false
    for (let index = 0; index < kind.length; index += 1) {
      if (this.#bytes[this.kindStart + index] !== kind.charCodeAt(index)) return false
    }
    return true
  }
}

/** From behind the opening brace to the closing one: ids of the known names, in their order. */
function actorEnd(bytes: Uint8Array, from: number): number {
  let at = from
  for (const member of actorMembers) {
    if (bytes[at] === 0x7d) return at
    const begin = at === from ? at : at + 1
    if (at > from && bytes[at] !== comma) return -1
    const value = literalEnd(bytes, begin, member)
    if (value < 0) continue
    at = stringEnd(bytes, value)
    if (at < 0) return -1
  }
  return at
}

function ulidEnd(bytes: Uint8Array, at: number): number {
  // 128 bits in 26 digits of 5: the first one is at most 7.
  if ((bytes[at] ?? 0) > 0x37) return -1
  for (let index = 0; index < ulidDigits; index += 1) {
    if (crockford[bytes[at + index] ?? 0] !== 1) return -1
  }
  return at + ulidDigits
}

/** Words of lower-case letters, a dot between two. */
function kindEnd(bytes: Uint8Array, from: number): number {
  let at = from
  let letters = 0
  for (;;) {
    const byte = bytes[at] ?? 0
    if (isLower(byte)) letters += 1
    else if (byte === dot && letters > 0) letters = 0
    else return letters > 0 ? at : -1
    at += 1
  }
}

function isHash(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < 64; index += 1) {
    if (hex[bytes[at + index] ?? 0] !== 1) return false
  }
  return true
}

function sameHash(view: DataView, at: number, other: number): boolean {
  if (at + 64 > view.byteLength) return false
  for (let index = 0; index < 64; index += 4) {
    if (view.getInt32(at + index) !== view.getInt32(other + index)) return false
  }
  return true
}

function numberIn(bytes: Uint8Array, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at += 1) value = value * 10 + ((bytes[at] ?? 0) - 0x30)
  return value
}

function timestampEnd(bytes: Uint8Array, at: number): number {
  for (let index = 0; index < clock.length; index += 1) {
    const byte = bytes[at + index] ?? 0
    if (clock[index] === 0x30 ? !isDigit(byte) : byte !== clock[index]) return -1
  }
  // Months and days begin with 1; no field is above its greatest value.
  const date = twoDigits(bytes, at + 5) > 0 && twoDigits(bytes, at + 8) > 0
  const possible =
    twoDigits(bytes, at + 5) <= 12 &&
    twoDigits(bytes, at + 8) <= 31 &&
    twoDigits(bytes, at + 11) <= 23 &&
    twoDigits(bytes, at + 14) <= 59 &&
    twoDigits(bytes, at + 17) <= 59
  return date && possible ? at + clock.length : -1
}

function twoDigits(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 10 + (bytes[at + 1] ?? 0) - 0x30 * 11
}
