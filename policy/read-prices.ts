/** Reads what models cost: the prices of a policy, and the table that comes with the gate, which has the same form. */
import type { Price } from '../kernel/price.ts'
import { readPrice } from './amount.ts'
import type { FileModelPrice, FilePrices, FileRates } from './file.ts'
import { type Reading, sortedSet } from './reading.ts'
import type { ModelPriceSource, PolicySource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** Names of models, as requests have them, or their beginnings; compared in lower case. */
const modelPattern = /^[\x21-\x29\x2b-\x7e]{1,127}\*?$/

/** Reads the key `prices` of a policy; problems go to the reading. */
export function readPrices(
  prices: FilePrices,
  reading: Reading,
  isBroken: (path: Path) => boolean,
): Pick<PolicySource, 'prices' | 'unpriced'> {
  const models = isBroken(['prices', 'models']) ? [] : (prices.models ?? [])
  const { unpriced } = prices
  return {
    prices: readModels(models, ['prices', 'models'], reading),
    unpriced:
      unpriced === undefined || isBroken(['prices', 'unpriced'])
        ? []
        : [readRates(unpriced, ['prices', 'unpriced'], reading)],
  }
}

/** Prices ascending by id and provider; a name that two entries of one provider claim is a problem. */
export function readModels(
  models: readonly FileModelPrice[],
  path: Path,
  reading: Reading,
): readonly ModelPriceSource[] {
  const taken = new Set<string>()
  const read = models.map((raw, index): ModelPriceSource => {
    const place = [...path, index]
    // Where it is missing, which was told, the rest is read all the same.
    const { id = '' } = raw
    const provider = (raw.provider ?? '').toLowerCase()
    const once = (name: string, key: Path): string => {
      const lower = name.toLowerCase()
      const claim = `${lower} ${provider}`
      if (!modelPattern.test(name)) reading.problem([...place, ...key], `"${name}" is no model`)
      else if (taken.has(claim)) reading.problem([...place, ...key], `"${name}" stands twice`)
      taken.add(claim)
      return lower
    }
    const match = raw.match?.map((name, at) => once(name, ['match', at])) ?? [once(id, ['id'])]
    return {
      provider,
      id: id.toLowerCase(),
      match: sortedSet(match),
      max_output: raw.max_output ?? null,
      ...readRates(raw, place, reading),
    }
  })
  const keyOf = ({ id, provider }: ModelPriceSource): string => `${id} ${provider}`
  return [...read].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

/** A rate that is left out is that of fresh input: no discount is assumed. */
function readRates(raw: FileRates, path: Path, reading: Reading): Price {
  const rate = (key: keyof FileRates): number | null => {
    if (raw[key] === undefined) return null
    const amount = readPrice(reading.scalarText([...path, key]))
    if ('value' in amount) return amount.value
    reading.problem([...path, key], `\`${key}\`: ${amount.problem}`)
    return null
  }
  const input = rate('input') ?? 0
  const cachedInput = rate('cached_input') ?? input
  const cacheWrite = rate('cache_write') ?? input
  return { input, cachedInput, cacheWrite, output: rate('output') ?? 0 }
}
