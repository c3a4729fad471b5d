/**
 * SHA-256 of a short text, for keys of marks that must not hold the text itself. The kernel has no library to hash with.
 *
 * source  FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2.
 */
import { bytesOf } from '../decoders/utf8.ts'

/** The first primes, ascending. */
function primes(howMany: number): readonly number[] {
  const found: number[] = []
  for (let candidate = 2; found.length < howMany; candidate += 1) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate)
  }
  return found
}

/** The first 32 bits behind the point. A root of these primes needs 36 bits of a double's 53. */
const fraction = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32) >>> 0

const rounds = primes(64).map((prime) => fraction(Math.cbrt(prime)))
const start = primes(8).map((prime) => fraction(Math.sqrt(prime)))

const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))

/** The text's bytes, a one, zeros, and its length in bits: whole blocks of 64 bytes. */
function padded(bytes: Uint8Array): DataView {
  const blocks = Math.ceil((bytes.length + 9) / 64)
  const all = new Uint8Array(blocks * 64)
  all.set(bytes)
  all[bytes.length] = 0x80
  const view = new DataView(all.buffer)
  view.setUint32(all.length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(all.length - 4, (bytes.length * 8) >>> 0)
  return view
}

/** The 64 words that one block is spread to. */
function schedule(view: DataView, offset: number): Uint32Array {
  const words = new Uint32Array(64)
  for (let index = 0; index < 16; index += 1) words[index] = view.getUint32(offset + index * 4)
  for (let index = 16; index < 64; index += 1) {
    const near = words[index - 2] ?? 0
    const far = words[index - 15] ?? 0
    const small = turned(far, 7) ^ turned(far, 18) ^ (far >>> 3)
    const large = turned(near, 17) ^ turned(near, 19) ^ (near >>> 10)
    words[index] = (words[index - 16] ?? 0) + small + (words[index - 7] ?? 0) + large
  }
  return words
}

/** The state after one block more. The letters are those of the standard. */
function compressed(state: Uint32Array, words: Uint32Array): Uint32Array {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let index = 0; index < words.length; index += 1) {
    const ofE = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
    const chosen = (e & f) ^ (~e & g)
    const first = (h + ofE + chosen + (rounds[index] ?? 0) + (words[index] ?? 0)) | 0
    const ofA = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
    const second = (ofA + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  const added = [a, b, c, d, e, f, g, h]
  return Uint32Array.from(added, (word, index) => word + (state[index] ?? 0))
}

/** 64 lower-case hex digits. A lone surrogate counts as U+FFFD. */
export function fingerprint(text: string): string {
  const view = padded(bytesOf(text))
  let state: Uint32Array = Uint32Array.from(start)
  for (let offset = 0; offset < view.byteLength; offset += 64) {
    state = compressed(state, schedule(view, offset))
  }
  return [...state].map((word) => word.toString(16).padStart(8, '0')).join('')
}
