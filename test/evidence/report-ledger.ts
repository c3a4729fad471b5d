/** Ledgers for tests of reports: written by the real writer, with a clock of their own and what a test wants in them. */
import type { Test } from 'tap'
import type { Content } from '../../evidence/report/content.ts'
import { contentOf, type Reading, readLedger, type Wanted } from '../../evidence/report/make.ts'
import type { Draft } from '../../ledger/entry.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { noon, type Place } from '../ledger/open-ledger.ts'
import { begin, unsynced } from '../ledger/stored-ledger.ts'

/** A draft, and when it is written: minutes after noon of 2026-11-21, UTC. */
export interface Event {
  readonly minute: number
  readonly draft: Draft
}

export interface Decided {
  readonly verdict: string
  readonly host?: string
  readonly agent?: string
  readonly path?: string
  readonly request?: string
  readonly reason?: { readonly code: string; readonly id: string }
  readonly model?: string
  readonly hold?: Readonly<Record<string, number>>
  readonly approvalId?: string
  readonly controls?: readonly string[]
  readonly mode?: string
}

export function decision(minute: number, decided: Decided): Event {
  const { agent = 'worker', approvalId, controls, host = 'api.example.com', hold, mode } = decided
  const { model, path = '/', reason, request = `request-${minute}`, verdict } = decided
  const data: Record<string, unknown> = { action: 'axn_request' }
  if (approvalId !== undefined) data['approval_id'] = approvalId
  if (controls !== undefined) data['controls'] = controls
  data['domain'] = 'general'
  if (hold !== undefined) data['hold'] = hold
  Object.assign(data, { host, kind: 'request', method: 'GET', mode: mode ?? 'enforce' })
  if (model !== undefined) data['model'] = model
  Object.assign(data, { path, policy: 'sha256:0' })
  if (reason !== undefined) data['reasons'] = [reason]
  Object.assign(data, { request, scheme: 'http', verdict })
  return { minute, draft: { kind: 'decision', actor: { agent, run: 'default' }, data } }
}

export function settlement(
  minute: number,
  request: string,
  settled: { readonly actual: object; readonly outcome?: string },
): Event {
  const { actual, outcome = 'settled' } = settled
  const data = { actual, outcome, request, source: 'proxy', status: 200 }
  return { minute, draft: { kind: 'settlement', actor: { agent: 'worker', run: 'default' }, data } }
}

export function event(minute: number, kind: Draft['kind'], data: object): Event {
  return { minute, draft: { kind, actor: {}, data } }
}

/** Writes a ledger, and answers where it is. */
export async function ledgerOf(t: Test, events: readonly Event[]): Promise<Place> {
  const world = begin(t)
  const ledger = await world.open({ files: unsynced })
  for (const { draft, minute } of events) {
    world.clock.now = noon + minute * 60_000
    await ledger.append(draft)
  }
  await ledger.close()
  return world.place
}

export async function readingOf(
  place: Place,
  period: { readonly from?: number; readonly until?: number } = {},
): Promise<Reading> {
  const { from = null, until = null } = period
  return readLedger({ directory: place.directory, lockFile: place.lockFile }, { from, until })
}

/** The moment at which all reports of tests are made. */
export const madeAt = Date.UTC(2026, 10, 22, 9)

export async function contentFrom(place: Place, wanted: Wanted): Promise<Content> {
  const reading = await readingOf(place)
  return contentOf(wanted, { ...reading, at: madeAt, by: 'haltgate 0.0.0', key: '' })
}

/** The root that an independent pass of the verifier finds. */
export async function rootOf(place: Place): Promise<string> {
  const { tree } = await verifyLedger({ directory: place.directory, lockFile: place.lockFile })
  return tree?.root ?? ''
}
