/** The keys of a ledger's checkpoints as its entries bring them, each with the sizes that it is good for. */
import { isSignedBy, type Note, parseVkey, type VerifyingKey } from './note.ts'
import type { NoteMark } from './verify-mark.ts'
import type { FindingCode } from './verify-report.ts'

interface KeyInForce {
  readonly vkey: string
  /** The smallest size that it signs. */
  readonly from: number
}

/** Why a signature does not count. */
export interface SignatureFault {
  readonly code: Extract<FindingCode, 'CP_SIG' | 'KEY_RANGE'>
  readonly expected: string | null
  readonly actual: string | null
  readonly message?: string
}

/** Knows which key signs a tree of which size. */
export class KnownKeys {
  /** Ascending by size. */
  readonly #keys: KeyInForce[] = []
  /** Each key once, by name and id: so is the one found that a note claims, however many there are. */
  readonly #byId = new Map<string, string>()
  /** The last one that was asked for; null where that text is no key of this log. */
  #parsed: { readonly vkey: string; readonly key: VerifyingKey | null } = { vkey: '', key: null }
  /** Of the notes, as the genesis or the first key has it. */
  #origin = ''

  /** In the order of their coming. */
  get list(): readonly string[] {
    return this.#keys.map(({ vkey }) => vkey)
  }

  /** The first; null where there is none. */
  get first(): string | null {
    return this.#keys[0]?.vkey ?? null
  }

  /** The newest; empty where there is none. */
  get last(): string {
    return this.#keys.at(-1)?.vkey ?? ''
  }

  /** Takes over a key; false where it is none, or has another name than the log. */
  add(vkey: string, from: number, origin: string): boolean {
    if (this.#origin === '') this.#origin = origin
    this.#keys.push({ vkey, from: Math.max(from, this.#keys.at(-1)?.from ?? 0) })
    const key = this.#keyOf(vkey)
    if (key !== null) this.#byId.set(`${key.name}+${key.id}`, vkey)
    return key !== null
  }

  /** Null where the key in force at this size signed the note. */
  faultOf(note: Note, size: number, looked: NoteMark['looked']): SignatureFault | null {
    if (this.#origin !== '' && note.origin !== this.#origin) {
      const message = 'The checkpoint is of another log.'
      return { code: 'CP_SIG', expected: this.#origin, actual: note.origin, message }
    }
    const inForce = this.#inForce(size)
    if (inForce === null) {
      const message = 'A checkpoint stands where no key is in force.'
      return { code: 'CP_SIG', expected: null, actual: signersOf(note), message }
    }
    if (looked?.vkey === inForce ? looked.signed : this.#signed(note, inForce)) return null
    const claimed = note.signatures.map(({ id, name }) => this.#byId.get(`${name}+${id}`))
    const other = claimed.find((vkey) => vkey !== undefined && vkey !== inForce)
    if (other === undefined || !this.#signed(note, other)) {
      return { code: 'CP_SIG', expected: inForce, actual: signersOf(note) }
    }
    return { code: 'KEY_RANGE', expected: inForce, actual: other }
  }

  /** By halving: a ledger has a key for each of its segments. */
  #inForce(size: number): string | null {
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#keys[middle]?.from ?? 0) <= size) low = middle + 1
      else high = middle
    }
    return this.#keys[low - 1]?.vkey ?? null
  }

  #signed(note: Note, vkey: string): boolean {
    const key = this.#keyOf(vkey)
    return key !== null && isSignedBy(note, key)
  }

  #keyOf(vkey: string): VerifyingKey | null {
    if (this.#parsed.vkey !== vkey) {
      const key = parseVkey(vkey)
      this.#parsed = { vkey, key: key?.name === this.#origin ? key : null }
    }
    return this.#parsed.key
  }
}

/** Who the note says signed it. */
function signersOf({ signatures }: Note): string {
  const names = signatures.slice(0, 3).map(({ id, name }) => `${name}+${id}`)
  return signatures.length > names.length ? `${names.join(', ')}, …` : names.join(', ')
}
