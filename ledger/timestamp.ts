/** Instants as the ledger writes them, and the id of a start: text from a number, without a clock of its own. */
import { assert } from '../kernel/contract.ts'
import { instanceOf } from '../kernel/period.ts'

const dayMs = 86_400_000

const calendarDay = { kind: 'day' } as const

/** 9999-12-31T23:59:59.999Z: the last instant of four digits' years. */
const instantMax = 253_402_300_799_999

/** `YYYY-MM-DDTHH:MM:SS.mmmZ` of milliseconds since the epoch. */
export function timestampOf(instant: number): string {
  assert(Number.isSafeInteger(instant), 'an instant is a whole number of milliseconds')
  assert(instant >= 0 && instant <= instantMax, 'an instant lies in the years 1970 to 9999')
  const ofDay = instant % dayMs
  const time = `${digits(Math.floor(ofDay / 3_600_000), 2)}:${digits(Math.floor(ofDay / 60_000) % 60, 2)}`
  const seconds = `${digits(Math.floor(ofDay / 1_000) % 60, 2)}.${digits(ofDay % 1_000, 3)}`
  return `${instanceOf(calendarDay, instant)}T${time}:${seconds}Z`
}

/** The UTC day of a timestamp: what a segment does not outlive. */
export function dayOf(timestamp: string): string {
  return timestamp.slice(0, 10)
}

/** The later of two timestamps: as text they sort as they do in time. */
export function later(left: string, right: string): string {
  if (left > right) return left
  return right
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * ULID: 48 bits of milliseconds and 80 random bits in Crockford's base 32; names one start of the writer.
 *
 * asserts  exactly 10 random bytes.
 * source   github.com/ulid/spec.
 */
export function ulidOf(instant: number, random: Uint8Array): string {
  assert(random.length === 10, 'a ULID takes 10 random bytes')
  let value = BigInt(instant)
  for (const byte of random) value = (value << 8n) | BigInt(byte)
  let text = ''
  for (let index = 0; index < 26; index += 1) {
    text = alphabet.charAt(Number(value & 31n)) + text
    value >>= 5n
  }
  return text
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
