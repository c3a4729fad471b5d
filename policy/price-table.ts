/** Loads the dated table of prices that comes with the gate; only a policy that reads model calls needs it. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { canonical } from '../kernel/canonical.ts'
import { Failure } from '../kernel/reasons.ts'
import type { FileModelPrice } from './file.ts'
import { formatProblem } from './problem.ts'
import { readModels } from './read-prices.ts'
import { Reading } from './reading.ts'
import { shapeFaults } from './shape.ts'
import type { ModelPriceSource } from './source.ts'
import { readYaml, type TextFile } from './yaml-text.ts'

export interface PriceTable {
  /** The day on which the prices were read, and `sha256:` with the hash of what was read. */
  readonly version: string
  readonly models: readonly ModelPriceSource[]
}

/** errors  Failure policy-unavailable, where the file is missing or broken. */
export async function loadPriceTable(): Promise<PriceTable> {
  const name = 'prices.yaml'
  let text: string
  try {
    text = await readFile(new URL(`./${name}`, import.meta.url), 'utf8')
  } catch (cause) {
    throw new Failure('policy-unavailable', 'the table of prices cannot be read', { cause })
  }
  return readPriceTable({ name, text })
}

/** Reads the text of a table. */
export function readPriceTable(file: TextFile): PriceTable {
  const yaml = readYaml(file)
  if ('length' in yaml) throw broken(yaml.map(formatProblem))
  const { date, models } = tableOf(yaml.value)
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(date)) throw broken(['its `date` is no date'])
  // A table has the form of a policy's own prices, and so the same schema.
  const faults = shapeFaults({ version: 1, prices: { models: models ?? null } })
  if (faults.length > 0) {
    throw broken(faults.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`))
  }
  const reading = new Reading(file.name, yaml)
  // The schema held: this is the decoder of the table.
  const read = readModels(models as readonly FileModelPrice[], ['models'], reading)
  if (reading.problems.length > 0) throw broken(reading.problems.map(formatProblem))
  const hash = createHash('sha256').update(canonical(read)).digest('hex')
  return { version: `${date} sha256:${hash}`, models: read }
}

function tableOf(value: unknown): { readonly date: string; readonly models: unknown } {
  if (typeof value !== 'object' || value === null) return { date: '', models: null }
  const { date, models } = value as { readonly date?: unknown; readonly models?: unknown }
  return { date: String(date), models }
}

function broken(problems: readonly string[]): Failure {
  return new Failure('policy-unavailable', `the table of prices is broken: ${problems.join('; ')}`)
}
