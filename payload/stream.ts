/** Looks at a body while it flows: what may still become a finding is held back, all else goes on at once. */
import type {
  DetectorName,
  PayloadFinding,
  PayloadStep,
  PayloadStream,
  StreamTerms,
} from '../kernel/payload.ts'
import { type Found, scan } from './detect.ts'
import type { Findings } from './finding.ts'
import { closingBytesMax, dashes, lastPemStart, pemStart, puttyStart } from './key-file.ts'
import { codeOf, type Orders, precedenceOf, strongest } from './orders.ts'
import type { OwnSecrets, SecretScan } from './own-secrets.ts'
import { isBare, looksLikeJson, Quotes, redact } from './redact.ts'

/** What is held back at most of a line that has no end yet; nothing longer is found whole in a stream. */
export const streamWindowBytes = 16 * 1024

/** So much of what went on is looked at again, as what stands before a finding. */
const contextBytes = 64

/** For each byte that comes, so many may be read again: many small chunks cost no more than a constant times one. */
const rereadBytes = 32

const lineFeed = 0x0a
const backslash = 0x5c

interface StreamSettings {
  readonly own: OwnSecrets
  readonly orders: Orders
  readonly place: StreamTerms['place']
  readonly findings: Findings
}

/** The stream of one body. */
export function openBodyStream(settings: StreamSettings): PayloadStream {
  return new BodyStream(settings)
}

const nothing = new Uint8Array(0)

class BodyStream implements PayloadStream {
  readonly #settings: StreamSettings
  readonly #secrets: SecretScan
  readonly #detectors: readonly DetectorName[]
  readonly #precedence: readonly DetectorName[]
  #quotes: Quotes | null = null
  #refused: PayloadStep | null = null
  /** What went on last, for context; then what is held. */
  #context: Uint8Array = nothing
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** Bytes of the stream before what is held. */
  #passed = 0
  #credit = 0
  #hasLine = false

  constructor(settings: StreamSettings) {
    this.#settings = settings
    this.#secrets = settings.own.openScan()
    this.#detectors = [...settings.orders.keys()]
    this.#precedence = precedenceOf(settings.orders)
  }

  get findings(): readonly PayloadFinding[] {
    return this.#settings.findings.list
  }

  push(chunk: Uint8Array): PayloadStep {
    if (this.#refused !== null) return this.#refused
    const safe = this.#secrets.push(chunk)
    if (this.#secrets.found.length > 0) return this.#refuseOwn()
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#detectors.length === 0) return this.#release(safe - this.#passed)
    this.#credit += chunk.length * rereadBytes
    this.#hasLine ||= chunk.includes(lineFeed)
    const isDue = this.#hasLine || this.#heldBytes > 2 * streamWindowBytes
    if (!isDue || this.#credit < this.#heldBytes) return passing(nothing)
    return this.#look({ safe: safe - this.#passed, isLast: false })
  }

  end(): PayloadStep {
    if (this.#refused !== null) return this.#refused
    this.#secrets.end()
    if (this.#secrets.found.length > 0) return this.#refuseOwn()
    if (this.#detectors.length === 0) return this.#release(this.#heldBytes)
    return this.#look({ safe: this.#heldBytes, isLast: true })
  }

  #refuseOwn(): PayloadStep {
    for (const { value } of this.#secrets.found) {
      this.#settings.findings.add('own-secrets', this.#settings.place, value)
    }
    return this.#refuse('own-secrets')
  }

  #refuse(detector: DetectorName): PayloadStep {
    const rule = this.#settings.orders.get(detector)?.rule ?? ''
    this.#held = []
    this.#refused = { verdict: 'block', code: codeOf(detector), detector, rule, bytes: nothing }
    return this.#refused
  }

  /** Lets the first `count` held bytes go, as they are. */
  #release(count: number): PayloadStep {
    const bytes = Buffer.concat(this.#held)
    this.#keep(bytes, count)
    return passing(bytes.subarray(0, count))
  }

  #keep(bytes: Uint8Array, from: number): void {
    this.#held = from === bytes.length ? [] : [bytes.subarray(from)]
    this.#heldBytes = bytes.length - from
    this.#passed += from
  }

  /** Reads what is held, and lets go what no finding can reach any more. */
  #look({ safe, isLast }: { readonly safe: number; readonly isLast: boolean }): PayloadStep {
    const { orders, place, findings } = this.#settings
    const held = Buffer.concat(this.#held)
    const before = this.#context.length
    const text = Buffer.concat([this.#context, held])
    this.#credit -= Math.min(this.#credit, text.length)
    const found = scan(text, this.#detectors, this.#precedence)
      .filter(({ end }) => end > before)
      .map(({ detector, start, end }) => ({
        detector,
        start: Math.max(0, start - before),
        end: end - before,
      }))
    const overlong = isLast ? [] : found.filter((one) => isOverlong(one, held))
    // What may go on may yet be no finding: it is held, not refused.
    const sure = found.filter((one) => isLast || overlong.includes(one) || !mayGoOn(one, held))
    const refusing = strongest(names(sure), orders, 'block')
    const cut = isLast ? held.length : cutOf(held, { found, overlong, safe })
    const gone = found.filter(
      (one) => refusing !== null || one.end <= cut || overlong.includes(one),
    )
    for (const { detector, start, end } of gone) {
      findings.add(detector, place, held.subarray(start, end))
    }
    if (refusing !== null) return this.#refuse(refusing)
    // It can no longer be taken out whole.
    const endless = strongest(names(overlong), orders, 'redact')
    if (endless !== null) return this.#refuse(endless)
    const isJson = this.#quotes === null ? looksLikeJson(held, isLast) : null
    if (isJson !== null) this.#quotes = new Quotes(isJson)
    const taken = gone.filter(({ detector }) => orders.get(detector)?.action === 'redact')
    // Where nobody can tell as yet, only blank lines go.
    const bytes = redact(held.subarray(0, cut), taken, this.#quotes ?? new Quotes(false))
    this.#context = text.slice(Math.max(0, before + cut - contextBytes), before + cut)
    this.#keep(held, cut)
    this.#hasLine = false
    return passing(bytes)
  }
}

function passing(bytes: Uint8Array): PayloadStep {
  return { verdict: 'pass', code: null, detector: null, rule: '', bytes }
}

function* names(found: readonly Found[]): Generator<DetectorName> {
  for (const { detector } of found) yield detector
}

/** What goes on past the window: it is not waited for. */
function isOverlong({ start, end }: Found, held: Uint8Array): boolean {
  return end === held.length && start < held.length - streamWindowBytes
}

/** Whether more bytes may make it longer: where it reaches the end of what is held, or its last line is still to come. */
function mayGoOn({ start, end }: Found, held: Buffer): boolean {
  if (end === held.length) return true
  // Joined with another finding a key may bear the other's name.
  const isNearEnd = held.length - end <= closingBytesMax
  if (!isNearEnd || !held.subarray(start, end).includes(pemStart)) return false
  return held.toString('latin1', end - dashes.length, end) !== dashes
}

/** A private key in lines whose end has not come. */
function openKeyStart(held: Buffer, found: readonly Found[]): number {
  const start = Math.max(lastPemStart(held), held.lastIndexOf(puttyStart))
  // What else reaches over its first bytes ends before the blank among them, and says nothing of it.
  const known = start + puttyStart.length
  const isOver = found.some((one) => one.start <= start && one.end > known && !mayGoOn(one, held))
  return start === -1 || isOver ? Infinity : start
}

/** Whether the backslash before the cut escapes what stands behind it. */
function endsInEscape(held: Uint8Array, cut: number): boolean {
  let from = cut
  while (from > 0 && held[from - 1] === backslash) from -= 1
  return (cut - from) % 2 === 1
}

/** Where the number or word begins that a cut would part, within the window: what is redacted in it is redacted with all of it. */
function bareStart(held: Uint8Array, cut: number, oldest: number): number {
  if (!isBare(held[cut])) return cut
  let from = cut
  while (from > oldest && isBare(held[from - 1])) from -= 1
  return from
}

interface Reach {
  readonly found: readonly Found[]
  readonly overlong: readonly Found[]
  /** So many bytes hold no beginning of one of the gate's own secrets. */
  readonly safe: number
}

/** How much of what is held may go: whole lines, or all but the window, and no finding in part. */
function cutOf(held: Buffer, { found, overlong, safe }: Reach): number {
  const oldest = Math.max(0, held.length - streamWindowBytes)
  let cut = Math.min(safe, Math.max(held.lastIndexOf(lineFeed) + 1, oldest))
  const open = openKeyStart(held, found)
  if (open >= oldest) cut = Math.min(cut, open)
  cut = bareStart(held, cut, oldest)
  for (const one of [...found].reverse()) {
    if (overlong.includes(one)) continue
    if (one.start >= cut || (one.end <= cut && !mayGoOn(one, held))) continue
    cut = bareStart(held, one.start, oldest)
  }
  return endsInEscape(held, cut) ? cut - 1 : cut
}
