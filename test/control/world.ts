/** A control listener over loopback before a scripted gate, and a client that can send what no library would. */
import { type IncomingHttpHeaders, request as send } from 'node:http'
import { connect } from 'node:net'
import type { Test } from 'tap'
import { createMetrics, type Metrics } from '../../control/metrics.ts'
import { type Control, type ControlOptions, startControl } from '../../control/server.ts'
import type { Approvers } from '../../control/token.ts'
import type { GateView, PurseLine } from '../../control/view.ts'
import type { ApprovalView } from '../../gate/approval-view.ts'
import type { OrderAnswer } from '../../gate/orders.ts'
import type { Failure } from '../../kernel/reasons.ts'

export const token = 'operator-token-0123456789abcdefghijklmnop'
export const readerToken = 'viewer-token-0123456789abcdefghijklmnopqr'
export const hash = 'ab'.repeat(32)
export const digest = `sha256:${'cd'.repeat(32)}`

export interface ScriptedGate extends GateView {
  policy: { digest: string; mode: string; approvers?: Approvers }
  sealed: boolean
  draining: boolean
  ledger: {
    head: { seq: number; hash: string }
    poisoned: Failure | null
    refusal: Failure | null
  }
  halted: { scope: string; cause: string; since: number }[]
  purses: PurseLine[]
  seenRuns: { run: string }[]
  waiting: ApprovalView[]
  /** Orders as they arrived. */
  readonly orders: object[]
  /** What every order is answered; a throw is let through. */
  answer: () => Promise<OrderAnswer>
}

export const purse: PurseLine = {
  budget: 'per-run',
  scope: 'run:researcher/default',
  instance: '',
  dimension: 'cost_usd',
  limit: 5_000_000_000,
  posted: 1_000_000_000,
  left: 4_000_000_000,
}

export function scriptedGate(): ScriptedGate {
  const orders: object[] = []
  const gate: ScriptedGate = {
    policy: { digest, mode: 'enforce' },
    sealed: false,
    draining: false,
    ledger: { head: { seq: 41, hash }, poisoned: null, refusal: null },
    halted: [{ scope: 'agent:looper', cause: 'operator', since: 1 }],
    purses: [purse],
    seenRuns: [{ run: 'run:researcher/default' }],
    waiting: [],
    orders,
    answer: async () => ({ ok: true, receipt: { seq: 42, hash } }),
    status: () => ({ runs: 1, holdsOpen: 2, halted: gate.halted, purses: gate.purses }),
    runs: () => gate.seenRuns,
    halt: (order) => took(order),
    reinstate: (order) => took(order),
    grant: (order) => took(order),
    approvals: () => gate.waiting,
    answerApproval: (order) => took(order),
  }
  const took = (order: object): Promise<OrderAnswer> => {
    orders.push(order)
    return gate.answer()
  }
  return gate
}

export interface World {
  readonly gate: ScriptedGate
  readonly control: Control
  readonly metrics: Metrics
  readonly port: number
  /** Bugs that the listener told of. */
  readonly faults: unknown[]
  ask(method: string, path: string, more?: Ask): Promise<Answer>
}

export interface Ask {
  /** The operator's where absent; null sends none. */
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

export async function openControl(t: Test, more: Partial<ControlOptions> = {}): Promise<World> {
  const gate = scriptedGate()
  const metrics = createMetrics()
  metrics.attach(gate)
  const faults: unknown[] = []
  const control = await startControl({
    erasures: {
      erase: async () => ({
        subject: 'id',
        done: { subject: 'id', count: 1, fields: ['query'], receipt: { seq: 7, hash: 'ab' } },
      }),
    },
    listen: { host: '127.0.0.1', port: 0 },
    gate,
    tokens: [
      { token, role: 'operator' },
      { token: readerToken, role: 'viewer' },
    ],
    reload: async () => ({ ok: true, digest }),
    metrics,
    version: '0.1.0',
    durability: 'group',
    fault: (error) => faults.push(error),
    ...more,
  })
  t.teardown(() => control.close())
  const port = 'port' in control.address ? control.address.port : 0
  const where = 'port' in control.address ? control.address : { socketPath: control.address.path }
  const ask: World['ask'] = (method, path, given = {}) =>
    exchange(where, { method, path, ...given })
  return { gate, control, metrics, port, faults, ask }
}

type Where = { readonly host: string; readonly port: number } | { readonly socketPath: string }

export function exchange(
  where: Where,
  {
    method,
    path,
    token: shown = token,
    headers = {},
    body,
  }: Ask & { method: string; path: string },
): Promise<Answer> {
  const text = typeof body === 'object' ? JSON.stringify(body) : body
  const all: Record<string, string | string[]> = { connection: 'close' }
  if (shown !== null) all['authorization'] = `Bearer ${shown}`
  if (text !== undefined) {
    all['content-type'] = 'application/json'
    all['content-length'] = String(Buffer.byteLength(text))
  }
  return new Promise((resolve, reject) => {
    const asked = send({ ...where, method, path, headers: { ...all, ...headers } })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let received = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (part: string) => {
        received += part
      })
      response.on('end', () => {
        const { statusCode: status = 0, headers: given } = response
        const isJson = /json/.test(given['content-type'] ?? '')
        resolve({
          status,
          headers: given,
          text: received,
          json: isJson && received !== '' ? JSON.parse(received) : {},
        })
      })
    })
    asked.end(text)
  })
}

/** Sends raw bytes and answers all that came back until the other side closed. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect({ host: '127.0.0.1', port })
    socket.setEncoding('utf8')
    socket.on('data', (part: string) => {
      received += part
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received))
    socket.write(bytes)
  })
}
