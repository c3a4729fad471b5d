/** Errors of the control listener as RFC 9457 problems: one shape, a clear detail, nothing of the caller's secrets. */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import { type Reason, reasons } from '../kernel/reasons.ts'
import type { Receipt } from '../ledger/entry.ts'

export const problemType = 'application/problem+json'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  /** A sentence that says what to change. */
  readonly detail: string
  readonly reasons?: readonly Reason[]
  /** The entry that records a refused order; null where the ledger could not. */
  readonly receipt?: Receipt | null
  /** Problems of a policy, one a line: `policies.yaml:LINE:COLUMN: message`. */
  readonly problems?: readonly string[]
}

/** A listener's answer before it is written. */
export interface Reply {
  readonly status: number
  readonly body: string | object
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

export function problem(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const title = STATUS_CODES[status] ?? 'Error'
  const body: Problem = { type: 'about:blank', title, status, detail }
  return { status, body, type: problemType, headers }
}

/** An order that the gate refused: the first reason decides, and all are told. */
export function refusedOrder(given: readonly Reason[], receipt: Receipt | null): Reply {
  const first = given[0]
  if (first === undefined) return problem(409, 'The gate refused this order and gave no reason.')
  const terms = reasons[first.code]
  // An order is refused by the state of things (409), unless it was malformed or the gate itself failed.
  const status = terms.status === 400 || terms.status === 503 ? terms.status : 409
  const body: Problem = {
    type: `urn:haltgate:reason:${first.code}`,
    title: terms.title,
    status,
    detail: first.message,
    reasons: given,
    receipt,
  }
  return { status, body, type: problemType }
}

const always = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'",
  'x-content-type-options': 'nosniff',
}

/** The headers of every answer: nothing is cached, sniffed or rendered. */
export function headersOf(reply: Reply): Record<string, string> {
  const type = reply.type ?? 'application/json'
  return { ...always, 'content-type': type, ...reply.headers }
}

export function textOf(reply: Reply): string {
  return typeof reply.body === 'string' ? reply.body : `${JSON.stringify(reply.body)}\n`
}

/** Writes a reply without the API's library. An error ends the connection: its request may not be read yet. */
export function write(response: ServerResponse, reply: Reply): void {
  const text = textOf(reply)
  const headers = headersOf(reply)
  headers['content-length'] = String(Buffer.byteLength(text))
  if (reply.status >= 400 && reply.status !== 503) headers['connection'] = 'close'
  response.writeHead(reply.status, headers)
  response.end(response.req.method === 'HEAD' ? undefined : text)
}
