/** What may be looked for in what leaves and what comes back, and what was found: by name and place, never by value. */

/** Detectors by the names that a policy gives them. Never renamed: policies and entries hold them. */
export const detectorNames = [
  'own-secrets',
  'provider-keys',
  'private-keys',
  'jwt',
  'card-numbers',
  'iban',
  'national-ids',
  'email-addresses',
] as const

export type DetectorName = (typeof detectorNames)[number]

export type PayloadAction = 'block' | 'redact' | 'warn'

/** What one rule asks of the payload. */
export interface PayloadTerms {
  readonly rule: string
  readonly action: PayloadAction
  readonly detectors: readonly DetectorName[]
  /** Whether responses are looked at too. */
  readonly responses: boolean
}

export type PayloadPlace =
  | 'request-body'
  | 'request-header'
  | 'request-url'
  | 'response-body'
  | 'response-header'

/** What a detector found, as it may be recorded. */
export interface PayloadFinding {
  readonly detector: DetectorName
  readonly place: PayloadPlace
  /** HMAC-SHA-256 of the value under a key that the ledger does not hold: 16 hex digits. */
  readonly hash: string
  readonly count: number
}

/** Headers as name, value, name, value …: order, case and duplicates kept. */
export type HeaderList = readonly string[]

/** What the gate sends on where something was taken out; a body is null where it is as it was. */
export interface RedactedPayload {
  readonly headers: HeaderList
  readonly body: Uint8Array | null
}

export type PayloadCode = 'payload-secret' | 'payload-personal-data'

export interface PayloadJudgement {
  readonly verdict: 'pass' | 'redact' | 'block'
  /** What refuses it; null unless it is blocked. */
  readonly code: PayloadCode | null
  /** Whose finding the verdict follows; null where it passes. */
  readonly detector: DetectorName | null
  /** Id of the rule that asked; empty for the gate's own secrets, which no rule needs to ask for. */
  readonly rule: string
  readonly findings: readonly PayloadFinding[]
  /** Given with `redact`, and only then. */
  readonly redacted: RedactedPayload | null
}

export interface RequestPayload {
  readonly url: string
  /** As the agent sent them: what the gate injects comes later. */
  readonly headers: HeaderList
  /** Whole, content codings taken off; null where there is none, or where it is streamed. */
  readonly body: Uint8Array | null
  readonly terms: readonly PayloadTerms[]
}

export interface ResponsePayload {
  readonly headers: HeaderList
  readonly body: Uint8Array | null
  readonly terms: readonly PayloadTerms[]
}

/** What a chunk of a streamed body leads to. */
export interface PayloadStep {
  readonly verdict: 'pass' | 'block'
  readonly code: PayloadCode | null
  readonly detector: DetectorName | null
  readonly rule: string
  /** What may go on now, what was redacted taken out; empty with `block`, after which nothing more may go. */
  readonly bytes: Uint8Array
}

/** A body that is looked at while it flows. */
export interface PayloadStream {
  push(chunk: Uint8Array): PayloadStep
  /** Says that no more bytes come; gives what was held back. */
  end(): PayloadStep
  readonly findings: readonly PayloadFinding[]
}

export interface StreamTerms {
  readonly place: 'request-body' | 'response-body'
  readonly terms: readonly PayloadTerms[]
}

/** Looks for secrets and personal data; total and linear. The gate's own secrets are looked for whatever the terms are. */
export interface PayloadInspector {
  request(payload: RequestPayload): PayloadJudgement
  response(payload: ResponsePayload): PayloadJudgement
  openStream(terms: StreamTerms): PayloadStream
}
