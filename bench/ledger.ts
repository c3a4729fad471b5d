/** The ledger's commit rate at several numbers of writers, next to a bare write+fdatasync loop on the same disk. */
import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Draft } from '../ledger/entry.ts'
import { Ledger } from '../ledger/ledger.ts'
import { figure, quantile, type Section } from './figures.ts'

const writerCounts = [1, 16, 64, 256]

/** A decision of ordinary size: about 535 bytes of line, as the gate writes them. */
function draft(index: number): Draft {
  const data = {
    action: 'axn_request',
    addresses: ['127.0.0.1'],
    at: 1_790_000_000_000 + index,
    budgets: ['per-run'],
    charge: { bytes_up: 120 },
    domain: 'general',
    hold: {
      bytes_down: 1_048_576,
      bytes_up: 120,
      effort: 1,
      inflight: 1,
      requests: 1,
      wall: 60_000,
    },
    host: 'localhost',
    kind: 'request',
    method: 'GET',
    mode: 'enforce',
    path: '/bench',
    policy: `sha256:${'0'.repeat(64)}`,
    port: 8080,
    request: `01JDBENCH-${index.toString(36)}`,
    rules: ['origin'],
    scheme: 'http',
    verdict: 'allow',
  }
  return { kind: 'decision', actor: { agent: 'bench', run: 'default' }, data }
}

export async function openBenchLedger(directory: string): Promise<Ledger> {
  mkdirSync(directory, { recursive: true })
  return Ledger.open({
    directory: join(directory, 'ledger'),
    lockFile: join(directory, 'ledger.lock'),
    origin: 'haltgate.bench/ledger',
    createdBy: 'haltgate bench',
    durability: 'group',
    now: () => Date.now(),
    random: (bytes) => randomBytes(bytes),
    restore: () => undefined,
    fold: () => undefined,
    snapshot: () => '{}',
  })
}

interface Raw {
  readonly perSecond: number
  readonly p50Ms: number
}

/** One write of one line and one fdatasync, over and over, on the main thread. */
export function rawSyncs(directory: string, seconds: number): Raw {
  mkdirSync(directory, { recursive: true })
  const handle = openSync(join(directory, 'raw.bin'), 'w')
  const line = Buffer.alloc(535, 'x')
  const times: number[] = []
  const begun = performance.now()
  while (performance.now() - begun < seconds * 1000) {
    const before = performance.now()
    writeSync(handle, line)
    fdatasyncSync(handle)
    times.push(performance.now() - before)
  }
  const elapsed = (performance.now() - begun) / 1000
  closeSync(handle)
  return { perSecond: times.length / elapsed, p50Ms: quantile(times, 0.5) }
}

async function commits(
  ledger: Ledger,
  writers: number,
  seconds: number,
): Promise<{ perSecond: number; p50Ms: number }> {
  const times: number[] = []
  let count = 0
  const begun = performance.now()
  const writer = async (): Promise<void> => {
    while (performance.now() - begun < seconds * 1000) {
      const before = performance.now()
      count += 1
      await ledger.append(draft(count))
      times.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  const elapsed = (performance.now() - begun) / 1000
  return { perSecond: times.length / elapsed, p50Ms: quantile(times, 0.5) }
}

/** Appends so many decisions to a new ledger and closes it: material for verify and start. */
export async function fillLedger(directory: string, entries: number): Promise<void> {
  const ledger = await openBenchLedger(directory)
  let appended = 0
  const writer = async (): Promise<void> => {
    while (appended < entries) {
      appended += 1
      await ledger.append(draft(appended))
    }
  }
  await Promise.all(Array.from({ length: 512 }, writer))
  await ledger.close()
}

export async function benchLedger(directory: string, seconds: number): Promise<Section> {
  const rows: string[][] = []
  const ledger = await openBenchLedger(join(directory, 'commits'))
  await commits(ledger, 64, 0.5)
  for (const writers of writerCounts) {
    // Raw syncs just before and after: the disk's mood changes from second to second.
    const before = rawSyncs(directory, seconds / 2)
    const measured = await commits(ledger, writers, seconds)
    const after = rawSyncs(directory, seconds / 2)
    const raw = (before.perSecond + after.perSecond) / 2
    const rawP50 = (before.p50Ms + after.p50Ms) / 2
    rows.push([
      String(writers),
      figure(measured.perSecond),
      figure(raw),
      figure(measured.perSecond / raw),
      figure(measured.p50Ms),
      figure(rawP50),
      figure(measured.p50Ms / rawP50),
    ])
  }
  await ledger.close()
  const heads = [
    'writers',
    'durable entries/s',
    'raw syncs/s',
    'ratio',
    'p50 ms',
    'raw p50 ms',
    'ratio',
  ]
  const note =
    'Goals: ratio ≥ 5 at 16, 10 at 64, 16 at 256 writers; p50 ≤ 2 × raw at 1 writer, 6 × at 64.'
  return { title: 'Ledger commits', heads, rows, note }
}
