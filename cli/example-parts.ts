/** What an example plays with: a stand-in for every host, a client behind the gate, and people who say yes. */
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Listen } from '../control/front.ts'
import type { ApproverTerms } from '../kernel/policy.ts'

/** A proxy that is the world: it answers for every name, and counts. */
export interface Outside {
  readonly url: string
  reached: number
  close(): Promise<void>
}

export function openOutside(): Promise<Outside> {
  const server = createServer((incoming, response) => {
    incoming.resume()
    incoming.on('end', () => {
      outside.reached += 1
      response.setHeader('content-type', 'application/json')
      response.end(`{"done":true,"number":${outside.reached}}\n`)
    })
  })
  const outside: Outside & { url: string } = {
    url: '',
    reached: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      outside.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      resolve(outside)
    })
  })
}

/** What a client sends. */
export interface Sent {
  readonly agent: string
  readonly token: string
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly proof: string | null
}

export interface Answered {
  readonly status: number
  /** Codes and ids of the reasons, the deciding code first; empty where it passed. */
  readonly codes: readonly string[]
  readonly receipt: string
  /** Id of what waits for approval, or empty. */
  readonly approval: string
}

/** One request through the proxy, as any client would send it. */
export async function ask(port: number, sent: Sent): Promise<Answered> {
  const { agent, body, method, proof, token, url } = sent
  const bytes = body === undefined ? null : Buffer.from(textOf(body))
  const headers = {
    host: new URL(url).host,
    'proxy-authorization': `Basic ${Buffer.from(`${agent}:${token}`).toString('base64')}`,
    ...(bytes === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
    ...(proof === null ? {} : { 'haltgate-proof': proof }),
    ...sent.headers,
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false })
    asked.on('response', resolve)
    asked.on('error', reject)
    asked.end(bytes ?? undefined)
  })
  const text = await readAll(response)
  const status = response.statusCode ?? 0
  const receipt = String(response.headers['haltgate-receipt'] ?? '')
  if (response.headers['haltgate-reason'] === undefined) {
    return { status, codes: [], receipt, approval: '' }
  }
  const problem = JSON.parse(text) as {
    readonly reasons: readonly { readonly code: string; readonly id: string }[]
    readonly approval: { readonly id: string } | null
  }
  const codes = problem.reasons.flatMap(({ code, id }) => (id === '' ? [code] : [code, id]))
  return { status, codes, receipt, approval: problem.approval?.id ?? '' }
}

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export interface People {
  readonly operator: string
  readonly tokenOf: (person: string) => string
  readonly approvers: ReadonlyMap<string, ApproverTerms>
}

/** Has everyone of the policy's approvers, and the operator last, say yes until nothing more is needed. */
export async function approveAs(control: Listen, approval: string, people: People): Promise<void> {
  if (!('port' in control)) throw new TypeError('an example has its control listener on a port')
  const tokens = [...people.approvers.keys()].map((name) => people.tokenOf(name))
  for (const token of [...tokens, people.operator]) {
    const at = `http://127.0.0.1:${control.port}/api/v1/approvals/${approval}/approve`
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    await fetch(at, { method: 'POST', headers, body: '{"reason":"as the example has it"}' })
  }
}
