/** Finds secrets and personal data in bytes, by form and check digit; linear in the bytes, whatever they are. */
import type { DetectorName } from '../kernel/payload.ts'
import { Automaton } from './automaton.ts'
import { matchCard } from './card.ts'
import { emailStart, matchEmail } from './email.ts'
import { matchIban } from './iban.ts'
import { jwtStart, matchJwt } from './jwt.ts'
import { matchPem, matchPutty, pemStart, puttyStart } from './key-file.ts'
import { matchLetteredId, matchNumberId } from './national-id.ts'
import { groupsAt, isFreeBefore } from './number.ts'
import { providerKeys } from './provider-keys.ts'
import { matchShape, type Range } from './shape.ts'
import { rawRange, viewsOf } from './view.ts'

/** Bytes of the payload from `start` to before `end`. */
export interface Found extends Range {
  readonly detector: DetectorName
}

/** Where detectors see the same bytes, the first of these has them, if no rule is stricter with another. The gate's own secrets are searched elsewhere. */
export const strength: readonly DetectorName[] = [
  'own-secrets',
  'private-keys',
  'provider-keys',
  'jwt',
  'card-numbers',
  'iban',
  'national-ids',
  'email-addresses',
]

interface Anchor {
  readonly bytes: string
  readonly detector: DetectorName
  /** at  where the anchor begins. */
  readonly match: (bytes: Uint8Array, at: number) => Range | null
}

const anchors: readonly Anchor[] = [
  { bytes: pemStart, detector: 'private-keys', match: matchPem },
  { bytes: puttyStart, detector: 'private-keys', match: matchPutty },
  { bytes: jwtStart, detector: 'jwt', match: matchJwt },
  { bytes: emailStart, detector: 'email-addresses', match: matchEmail },
  ...providerKeys.flatMap((shape) =>
    shape.starts.map(
      (start): Anchor => ({
        bytes: start,
        detector: 'provider-keys',
        match: (bytes, at) => matchShape(bytes, shape, { at, bytes: start.length }),
      }),
    ),
  ),
]

const automaton = new Automaton(anchors.map(({ bytes }) => Buffer.from(bytes, 'latin1')))

/** What `scan` is told to look for. */
type Wanted = ReadonlySet<DetectorName>

function anchored(bytes: Uint8Array, wanted: Wanted, found: Found[]): void {
  const { rows, rowBits, classes, denseCount, speaks } = automaton
  let state = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0
    if (state >= denseCount) state = automaton.step(state, byte)
    else state = rows[(state << rowBits) | (classes[byte] ?? 0)] ?? 0
    if (speaks[state] === 0) continue
    for (const id of automaton.outputs[state] ?? []) {
      const anchor = anchors[id]
      if (anchor === undefined || !wanted.has(anchor.detector)) continue
      const range = anchor.match(bytes, index + 1 - anchor.bytes.length)
      if (range !== null) found.push({ detector: anchor.detector, ...range })
    }
  }
}

/** A group shorter than this that ends without a separator is no number that is looked for. */
const loneDigitsMin = 8

function numbered(bytes: Uint8Array, wanted: Wanted, found: Found[]): void {
  const put = (detector: DetectorName, range: Range | null): void => {
    if (range !== null) found.push({ detector, ...range })
  }
  let index = 0
  while (index < bytes.length) {
    if (((bytes[index] ?? 0) - 48) >>> 0 > 9) {
      index += 1
      continue
    }
    const start = index
    while (((bytes[index] ?? 0) - 48) >>> 0 <= 9) index += 1
    if (wanted.has('iban')) put('iban', matchIban(bytes, start))
    const run = { start, end: index }
    if (wanted.has('national-ids')) put('national-ids', matchLetteredId(bytes, run))
    const goesOn = ((bytes[index] ?? 0) - 32) >>> 0 < 16
    if ((index - start < loneDigitsMin && !goesOn) || !isFreeBefore(bytes, start)) continue
    const groups = groupsAt(bytes, start)
    if (wanted.has('card-numbers')) put('card-numbers', matchCard(bytes, groups))
    if (wanted.has('national-ids')) put('national-ids', matchNumberId(bytes, groups))
  }
}

/** One for each stretch of bytes, in their order: what overlaps is joined under the name that precedes. */
function merged(found: readonly Found[], precedence: readonly DetectorName[]): readonly Found[] {
  const sorted = [...found].sort((left, right) => left.start - right.start)
  const result: Found[] = []
  for (const next of sorted) {
    const last = result.at(-1)
    if (last === undefined || next.start >= last.end) {
      result.push(next)
      continue
    }
    const stronger = precedence.indexOf(next.detector) < precedence.indexOf(last.detector)
    result[result.length - 1] = {
      detector: stronger ? next.detector : last.detector,
      start: last.start,
      end: Math.max(last.end, next.end),
    }
  }
  return result
}

const numbers: readonly DetectorName[] = ['card-numbers', 'iban', 'national-ids']

/**
 * What the named detectors find, in the bytes as they are and with the escapes of JSON and percent signs taken off.
 *
 * precedence  of all names: where several see the same bytes, the first has them.
 * returns     ranges that do not overlap, ascending. No range holds a quote.
 */
export function scan(
  bytes: Uint8Array,
  detectors: readonly DetectorName[],
  precedence: readonly DetectorName[] = strength,
): readonly Found[] {
  const wanted: Wanted = new Set(detectors)
  const byNumber = numbers.some((detector) => wanted.has(detector))
  const byAnchor = detectors.some((name) => name !== 'own-secrets' && !numbers.includes(name))
  if (!byNumber && !byAnchor) return []
  const all: Found[] = []
  for (const view of viewsOf({ bytes, at: null })) {
    const found: Found[] = []
    if (byAnchor) anchored(view.bytes, wanted, found)
    if (byNumber) numbered(view.bytes, wanted, found)
    for (const one of found) all.push({ ...one, ...rawRange(view, one, bytes.length) })
  }
  return merged(all, precedence)
}
