/** Ledgers for the bench: entries as a gate writes them, made by the real writer; no gate decided them. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { snapshot } from '../kernel/snapshot.ts'
import { emptyState } from '../kernel/state.ts'
import type { Draft } from '../ledger/entry.ts'
import { Ledger } from '../ledger/ledger.ts'

export interface MadeOptions {
  readonly checkpoints: boolean
  readonly durability: 'group' | 'os'
  readonly segmentBytesMax?: number
}

/** Opens the ledger of a data directory, or makes it; its state is empty whatever it holds. */
export function openMade(data: string, options: MadeOptions): Promise<Ledger> {
  mkdirSync(data, { recursive: true })
  const directory = join(data, 'keys', 'checkpoint')
  if (options.checkpoints) mkdirSync(join(data, 'keys'), { recursive: true, mode: 0o700 })
  return Ledger.open({
    directory: join(data, 'ledger'),
    lockFile: join(data, 'ledger.lock'),
    origin: 'haltgate.bench/ledger',
    createdBy: 'haltgate bench',
    durability: options.durability,
    now: () => Date.now(),
    random: (bytes) => randomBytes(bytes),
    restore: () => undefined,
    fold: () => undefined,
    // A gate may start on it: of its state nothing is known, and nothing stands in the last segment that says more.
    snapshot: () => snapshot(emptyState),
    soon: setImmediate,
    ...(options.segmentBytesMax === undefined ? {} : { segmentBytesMax: options.segmentBytesMax }),
    ...(options.checkpoints ? { checkpoints: { directory } } : {}),
  })
}

/** Writers at once: as many as fill a batch of the ledger half. */
const writers = 512

/** Makes a segment end, however short it is. */
const shortBytes = 4_096

/** Appends so many decisions, and closes the ledger with a short segment behind them, which a gate can fold. */
export async function makeLedger(
  data: string,
  options: MadeOptions & { readonly entries: number },
): Promise<void> {
  const ledger = await openMade(data, options)
  let appended = 0
  const writer = async (): Promise<void> => {
    while (appended < options.entries) {
      appended += 1
      await ledger.append(decisionOf(appended))
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  await ledger.close()
  const last = await openMade(data, { ...options, segmentBytesMax: shortBytes })
  await last.append({
    kind: 'incident',
    actor: {},
    data: { at: 1, code: 'ledger-unavailable', message: 'bench' },
  })
  await last.close()
}

/** One of a thousand is refused; agents, runs, hosts and paths come in the numbers of a busy fleet. */
export function decisionOf(index: number): Draft {
  const isRefused = index % 1_000 === 999
  const host = `api-${index % 97}.example`
  const data = {
    action: 'axn_request',
    addresses: ['127.0.0.1'],
    at: 1_790_000_000_000 + index,
    budgets: ['per-run'],
    charge: { bytes_up: 120 + (index % 900) },
    domain: 'general',
    ...(isRefused ? {} : { hold: { bytes_up: 120 + (index % 900), effort: 1, requests: 1 } }),
    host,
    kind: 'request',
    method: index % 4 === 0 ? 'POST' : 'GET',
    mode: 'enforce',
    path: `/v1/items/${index % 5_003}`,
    policy: `sha256:${'0'.repeat(64)}`,
    port: 443,
    ...(isRefused ? { reasons: [{ code: 'host-not-allowed', id: 'default' }] } : {}),
    request: `01JDBENCH${index.toString(36).toUpperCase().padStart(17, '0')}`,
    ...(isRefused ? {} : { rules: [`rule-${index % 13}`] }),
    scheme: 'https',
    verdict: isRefused ? 'deny' : 'allow',
  }
  const actor = {
    agent: `agent-${index % 7}`,
    run: `run-${Math.floor(index / 1_000) % 10_000}`,
    tenant: 'bench',
  }
  return { kind: 'decision', actor, data }
}
