/** Writes a refusal as HTTP: the reason phrase, the headers, Proxy-Status (RFC 9209) and a problem body (RFC 9457). */
import { STATUS_CODES } from 'node:http'
import type { Passage } from '../gate/passage.ts'
import type { Refusal } from '../gate/refusal.ts'
import { type ReasonCode, reasons } from '../kernel/reasons.ts'

export interface RefusalMessage {
  readonly status: number
  readonly phrase: string
  /** Flat: name, value, name, value … */
  readonly headers: string[]
  readonly body: string
}

/** RFC 9209 section 2.3: the nearest of its error types; all others are http_request_denied. */
const proxyErrors: Partial<Record<ReasonCode, string>> = {
  'malformed-request': 'http_request_error',
  'request-too-large': 'http_request_error',
  'authority-mismatch': 'http_request_error',
  'destination-forbidden': 'destination_ip_prohibited',
  'destination-unresolved': 'dns_error',
  'upstream-unreachable': 'destination_unavailable',
  'upstream-tls': 'tls_certificate_error',
  'upstream-timeout': 'http_response_timeout',
  'upstream-protocol': 'http_protocol_error',
  'policy-unavailable': 'proxy_internal_error',
  'ledger-unavailable': 'proxy_internal_error',
  'contract-violated': 'proxy_internal_error',
  'shutting-down': 'proxy_internal_error',
}

/** Names an entry to a client: its seq and the first 16 hex digits of its hash. */
export function receiptText(receipt: Passage['receipt']): string {
  return `${receipt.seq}-${receipt.hash.slice(0, 16)}`
}

/** The whole of a refusal but its Connection header. */
export function refusalMessage(refusal: Refusal): RefusalMessage {
  const { approval, code, decision, policy, receipt, retry, retryAfterSeconds, status } = refusal
  const body = problemOf(refusal)
  const error = proxyErrors[code] ?? 'http_request_denied'
  const headers = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    'Haltgate-Decision',
    decision,
    'Haltgate-Reason',
    code,
    'Haltgate-Retry',
    retry,
    'Haltgate-Policy',
    policy,
    'Proxy-Status',
    `haltgate; error=${error}; details="${code}"`,
  ]
  if (receipt !== null) headers.push('Haltgate-Receipt', receiptText(receipt))
  if (approval !== null) headers.push('Haltgate-Approval', approval.id)
  if (retryAfterSeconds !== null) headers.push('Retry-After', String(retryAfterSeconds))
  if (status === 407) headers.push('Proxy-Authenticate', 'Basic realm="haltgate", charset="UTF-8"')
  const phrase = `${STATUS_CODES[status] ?? 'Refused'} (haltgate: ${code})`
  return { status, phrase, headers, body }
}

/** A refusal as raw bytes, for a socket on which no response object is left; the connection ends with it. */
export function refusalBytes(refusal: Refusal): Buffer {
  const { status, phrase, headers, body } = refusalMessage(refusal)
  let head = `HTTP/1.1 ${status} ${phrase}\r\n`
  for (let index = 0; index < headers.length; index += 2) {
    head += `${headers[index]}: ${headers[index + 1]}\r\n`
  }
  return Buffer.from(`${head}Connection: close\r\n\r\n${body}`, 'utf8')
}

/** The refusal of a request that was admitted and then failed: its settlement records it. */
export function failureOf(passage: Passage, code: ReasonCode, message: string): Refusal {
  const { status, retry } = reasons[code]
  return {
    refused: true,
    status,
    code,
    decision: 'error',
    reasons: [{ code, id: '', message }],
    retry,
    retryAfterSeconds: null,
    receipt: passage.receipt,
    policy: passage.policy,
    remaining: [],
    approval: null,
    halt: null,
  }
}

function problemOf(refusal: Refusal): string {
  const { code, decision, halt, policy, receipt, remaining, retry, retryAfterSeconds } = refusal
  const detail = refusal.reasons[0]?.message ?? reasons[code].title
  return JSON.stringify({
    type: `urn:haltgate:reason:${code}`,
    title: reasons[code].title,
    status: refusal.status,
    detail,
    decision,
    reasons: refusal.reasons,
    retry,
    retry_after: retryAfterSeconds,
    receipt: receipt === null ? null : receiptText(receipt),
    policy,
    budgets: remaining,
    approval: approvalOf(refusal),
    halt,
    // Where the clients of model providers look for what went wrong.
    error: { message: `${detail} (haltgate: ${code})`, type: 'haltgate_refusal', code },
  })
}

function approvalOf({ approval }: Refusal): object | null {
  if (approval === null) return null
  const { expiresAt, id, reason, state } = approval
  return { id, state, expires: new Date(expiresAt).toISOString(), reason }
}
