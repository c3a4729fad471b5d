/** Reads one budget of the file into its canonical form, and reports whatever in it has no meaning. */
import { readAmount, readDuration } from './amount.ts'
import type { FileBudget } from './file.ts'
import { isDimension } from './read-rule.ts'
import { readTarget } from './read-target.ts'
import type { Declared, Reading } from './reading.ts'
import type { BudgetSource } from './source.ts'
import type { Path } from './yaml-text.ts'

const tiersDefault = [50, 70, 90, 100]
const queueDefault = { length: 64, wait_ms: 30_000 }

/** A sliding window remembers each amount until it leaves; longer ones are calendar periods. */
const windowMsMax = 31 * 86_400_000

interface At {
  readonly path: Path
  readonly reading: Reading
  readonly declared: Declared
}

/** Reads a budget; null where its state says that it has no effect. Problems go to the reading. */
export function readBudget(raw: FileBudget, at: At): BudgetSource | null {
  const { path, reading } = at
  const state = raw.state ?? 'active'
  reading.isName([...path, 'id'], raw.id, 'a budget')
  const window_ms = readWindow(raw, at)
  const natural = raw.scope === 'run' ? 'run' : 'lifetime'
  const budget = {
    id: raw.id,
    reason: raw.reason ?? '',
    // A budget without ports counts on every port: a port that nobody named must not be free.
    ...readTarget(raw, at, []),
    scope: raw.scope,
    pool: readPool(raw, at),
    period: raw.window === undefined ? (raw.period ?? natural) : ('window' as const),
    window_ms,
    limits: readLimits(raw, at),
    tiers: readTiers(raw, at),
    on_limit: raw.on_limit ?? ('block' as const),
    queue: readQueue(raw, at),
  }
  if (raw.period === 'run' && raw.scope !== 'run') {
    reading.problem([...path, 'period'], '`period: run` needs `scope: run`; write lifetime')
  }
  return state === 'active' || state === 'draft' ? { ...budget, state } : null
}

function readWindow(raw: FileBudget, { path, reading }: At): number {
  if (raw.window === undefined) {
    if (raw.on_limit === 'queue') {
      const message = 'only a `window` refills: `on_limit: queue` would wait in vain'
      reading.problem([...path, 'on_limit'], message)
    }
    return 0
  }
  if (raw.period !== undefined) {
    reading.problem([...path, 'period'], 'a budget has a `period` or a `window`, not both', 'key')
  }
  const amount = readDuration(raw.window)
  if ('problem' in amount) {
    reading.problem([...path, 'window'], amount.problem)
    return 0
  }
  if (amount.value === 0)
    reading.problem([...path, 'window'], 'a window of no length limits nothing')
  if (amount.value > windowMsMax)
    reading.problem([...path, 'window'], 'a window is at most 31d long')
  return amount.value
}

function readPool(raw: FileBudget, { path, reading }: At): string {
  if (raw.scope === 'pool' && raw.pool === undefined) {
    reading.problem([...path, 'scope'], '`scope: pool` needs the key `pool` with a name')
  }
  if (raw.pool === undefined) return ''
  reading.isName([...path, 'pool'], raw.pool, 'a pool')
  if (raw.scope !== 'pool') reading.problem([...path, 'pool'], '`pool` needs `scope: pool`', 'key')
  return raw.pool
}

function readLimits(raw: FileBudget, { path, reading }: At): Readonly<Record<string, number>> {
  const limits: Record<string, number> = {}
  for (const dimension of Object.keys(raw.limits).sort()) {
    const place = [...path, 'limits', dimension]
    if (!isDimension(dimension, place, reading)) continue
    const amount = readAmount(dimension, reading.scalarText(place))
    if ('problem' in amount) reading.problem(place, `\`${dimension}\`: ${amount.problem}`)
    else limits[dimension] = amount.value
  }
  return limits
}

function readTiers(raw: FileBudget, { path, reading }: At): readonly number[] {
  const tiers = raw.tiers ?? tiersDefault
  tiers.forEach((tier, index) => {
    const before = tiers[index - 1]
    if (before !== undefined && before >= tier) {
      reading.problem([...path, 'tiers', index], `tiers ascend: ${tier} stands behind ${before}`)
    }
  })
  return tiers
}

function readQueue(raw: FileBudget, { path, reading }: At): BudgetSource['queue'] {
  const { queue } = raw
  if (queue === undefined) return queueDefault
  const place = [...path, 'queue']
  if (raw.on_limit !== 'queue') {
    reading.warn(place, '`queue` means nothing without on_limit: queue', 'key')
  }
  const length = queue.length ?? queueDefault.length
  if (queue.wait === undefined) return { length, wait_ms: queueDefault.wait_ms }
  const amount = readDuration(queue.wait)
  if ('value' in amount) return { length, wait_ms: amount.value }
  reading.problem([...place, 'wait'], amount.problem)
  return queueDefault
}
