/** Judges what leaves and what comes back: the port that the proxy is given. It keeps nothing of what it reads. */
import type {
  DetectorName,
  HeaderList,
  PayloadInspector,
  PayloadJudgement,
  PayloadPlace,
  PayloadTerms,
  RedactedPayload,
} from '../kernel/payload.ts'
import { type Found, scan } from './detect.ts'
import { Findings } from './finding.ts'
import { codeOf, type Orders, ordersOf, precedenceOf, strongest } from './orders.ts'
import { type OwnSecret, ownSecrets } from './own-secrets.ts'
import { looksLikeJson, Quotes, redact, replacement } from './redact.ts'
import { openBodyStream } from './stream.ts'

/** What is left after redaction is looked at again this often: what stood behind a finding may be one itself. */
const redactRoundsMax = 4

export interface InspectorSettings {
  readonly secrets: readonly OwnSecret[]
  /** For the hashes of findings: 32 random bytes of the data directory. */
  readonly key: Uint8Array
}

interface Payload {
  readonly url: string | null
  readonly headers: HeaderList
  readonly body: Uint8Array | null
}

type Places = Readonly<Record<'headers' | 'body', PayloadPlace>>

const requestPlaces: Places = { headers: 'request-header', body: 'request-body' }
const responsePlaces: Places = { headers: 'response-header', body: 'response-body' }

/** A port that looks for these secrets and for whatever the terms of a rule name. */
export function openInspector({ secrets, key }: InspectorSettings): PayloadInspector & {
  /** Names of the secrets that are too short or too long to be looked for. */
  readonly unsearched: readonly string[]
} {
  const own = ownSecrets(secrets)
  const judge = (payload: Payload, terms: readonly PayloadTerms[], places: Places) => {
    const findings = new Findings(key)
    for (const [place, bytes] of textsOf(payload, places)) {
      for (const { value } of own.search(bytes)) findings.add('own-secrets', place, value)
    }
    if (findings.list.length > 0) return blocked('own-secrets', '', findings)
    return judgeByTerms(payload, { orders: ordersOf(terms), places, findings })
  }
  return {
    unsearched: own.unsearched,
    request: ({ terms, ...payload }) => judge(payload, terms, requestPlaces),
    response: ({ terms, ...payload }) =>
      judge({ url: null, ...payload }, ofResponses(terms), responsePlaces),
    openStream: ({ place, terms }) => {
      const orders = ordersOf(place === 'response-body' ? ofResponses(terms) : terms)
      return openBodyStream({ own, orders, place, findings: new Findings(key) })
    },
  }
}

const ofResponses = (terms: readonly PayloadTerms[]): readonly PayloadTerms[] =>
  terms.filter(({ responses }) => responses)

function blocked(detector: DetectorName, rule: string, findings: Findings): PayloadJudgement {
  const code = codeOf(detector)
  return { verdict: 'block', code, detector, rule, findings: findings.list, redacted: null }
}

/** Everything that is searched as one: headers together, so that a secret cut over two of them is still one. */
function textsOf(
  { url, headers, body }: Payload,
  places: Places,
): readonly (readonly [PayloadPlace, Uint8Array])[] {
  const texts: (readonly [PayloadPlace, Uint8Array])[] = []
  if (url !== null) texts.push(['request-url', Buffer.from(url, 'utf8')])
  texts.push([places.headers, Buffer.from(headers.join('\n'), 'latin1')])
  if (body !== null) texts.push([places.body, body])
  return texts
}

interface Inspection {
  readonly orders: Orders
  readonly places: Places
  readonly findings: Findings
}

function judgeByTerms(payload: Payload, inspection: Inspection): PayloadJudgement {
  const { orders, findings, places } = inspection
  const detectors = [...orders.keys()]
  const precedence = precedenceOf(orders)
  const seen = new Set<DetectorName>()
  const look = (place: PayloadPlace, bytes: Uint8Array): readonly Found[] => {
    const found = scan(bytes, detectors, precedence)
    for (const { detector, start, end } of found) {
      findings.add(detector, place, bytes.subarray(start, end))
      seen.add(detector)
    }
    return found
  }
  if (detectors.length > 0) {
    if (payload.url !== null) look('request-url', Buffer.from(payload.url, 'utf8'))
    // Another address is another resource: what would be redacted there is refused.
    const inUrl = strongest(seen, orders, 'redact')
    if (inUrl !== null) return blocked(inUrl, orders.get(inUrl)?.rule ?? '', findings)
  }
  const headers = headerTexts(payload.headers).map((text) => ({
    ...text,
    found: look(places.headers, text.bytes),
  }))
  const inBody = payload.body === null ? [] : look(places.body, payload.body)
  const refusing = strongest(seen, orders, 'block')
  if (refusing !== null) return blocked(refusing, orders.get(refusing)?.rule ?? '', findings)
  const detector = strongest(seen, orders, 'redact')
  const pass = { code: null, findings: findings.list } as const
  if (detector === null) return { ...pass, verdict: 'pass', detector, rule: '', redacted: null }
  const rule = orders.get(detector)?.rule ?? ''
  const redacted = redactPayload(payload, { orders, headers, inBody })
  if (redacted === null) return blocked(detector, rule, findings)
  return { ...pass, verdict: 'redact', detector, rule, redacted }
}

interface HeaderText {
  /** Index of the value in the list. */
  readonly index: number
  /** Where in the bytes the value begins; the name stands before it, for the words that numbers need nearby. */
  readonly from: number
  readonly bytes: Uint8Array
  /** Whether the bytes are what a value of Basic says, not the value itself. */
  readonly isDecoded: boolean
}

const basicForm = /^basic +([A-Za-z0-9+/_=-]+) *$/i

function headerTexts(headers: HeaderList): readonly HeaderText[] {
  const texts: HeaderText[] = []
  for (let index = 1; index < headers.length; index += 2) {
    const name = `${headers[index - 1] ?? ''}: `
    const value = headers[index] ?? ''
    const bytes = Buffer.from(`${name}${value}`, 'latin1')
    texts.push({ index, from: name.length, bytes, isDecoded: false })
    const credentials = basicForm.exec(value)?.[1]
    if (credentials === undefined) continue
    texts.push({ index, from: 0, bytes: Buffer.from(credentials, 'base64'), isDecoded: true })
  }
  return texts
}

interface Sighting {
  readonly orders: Orders
  readonly headers: readonly (HeaderText & { readonly found: readonly Found[] })[]
  readonly inBody: readonly Found[]
}

/** Null where something is left after the last round, or stands where nothing can be taken out. */
function redactPayload(payload: Payload, sighting: Sighting): RedactedPayload | null {
  const { orders } = sighting
  const isTaken = ({ detector }: Found): boolean => orders.get(detector)?.action === 'redact'
  const headers = [...payload.headers]
  for (const { index, from, bytes, found, isDecoded } of sighting.headers) {
    const taken = found.filter(isTaken)
    const [first] = taken
    if (first === undefined) continue
    if (first.start < from) return null
    const value = isDecoded ? null : redactUntilClean(bytes, taken, orders)
    if (!isDecoded && value === null) return null
    headers[index] =
      value === null
        ? replacement(first.detector)
        : Buffer.from(value).toString('latin1').slice(from)
  }
  const inBody = sighting.inBody.filter(isTaken)
  if (payload.body === null || inBody.length === 0) return { headers, body: null }
  const body = redactUntilClean(payload.body, inBody, orders)
  return body === null ? null : { headers, body }
}

function redactUntilClean(
  bytes: Uint8Array,
  found: readonly Found[],
  orders: Orders,
): Uint8Array | null {
  // With a finding gone, what a rule blocks may come in sight behind it.
  const detectors = [...orders].flatMap(([name, { action }]) => (action === 'warn' ? [] : [name]))
  const precedence = precedenceOf(orders)
  let text = bytes
  let left = found
  for (let round = 0; round < redactRoundsMax; round += 1) {
    text = redact(text, left, new Quotes(looksLikeJson(text, true) === true))
    left = scan(text, detectors, precedence)
    if (left.some(({ detector }) => orders.get(detector)?.action === 'block')) return null
    if (left.length === 0) return text
  }
  return null
}
