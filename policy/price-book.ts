/** Finds the price of a model by the name that a request calls it, and works out what a call may cost at most. */
import type { ModelCall, ModelWire } from '../kernel/content.ts'
import type { Vector } from '../kernel/dimension.ts'
import { costOf, dearestInput, type Price } from '../kernel/price.ts'
import type { ModelPriceSource } from './source.ts'

/** Output tokens of one answer, where neither the request nor the table sets a bound. */
export const outputTokensDefault = 32_768

/** Names that tables give to whoever speaks a wire format. */
const providers: Readonly<Record<ModelWire, readonly string[]>> = {
  'openai-chat': ['openai'],
  'openai-responses': ['openai'],
  anthropic: ['anthropic'],
  gemini: ['gemini', 'google'],
}

/** Dimensions that a model call is measured in, which no rule's `charge` replaces. */
export const modelDimensions: readonly string[] = ['tokens_in', 'tokens_out', 'tokens', 'cost_usd']

interface Found extends Price {
  /** Output tokens of one answer; null where unknown. */
  readonly maxOutput: number | null
}

export class PriceBook {
  readonly #lists: readonly NameList[]
  readonly #unpriced: Price | null

  /** The policy's own prices go before those of the table, however near those come. */
  constructor(
    own: readonly ModelPriceSource[],
    table: readonly ModelPriceSource[],
    unpriced: Price | null,
  ) {
    this.#lists = [new NameList(own), new NameList(table)]
    this.#unpriced = unpriced
  }

  /** What the call may cost and must have left; null where the model has no price. */
  termsOf(call: ModelCall): CallTerms | null {
    const found = this.#find(call)
    return found === null ? null : termsOfCall(call, found)
  }

  #find({ wire, model }: ModelCall): Found | null {
    const name = model.toLowerCase()
    for (const list of this.#lists) {
      const entries = list.find(name)
      if (entries.length === 0) continue
      const own = entries.filter(({ provider }) => providers[wire].includes(provider))
      return dearest(own.length === 0 ? entries : own)
    }
    return this.#unpriced === null ? null : { ...this.#unpriced, maxOutput: null }
  }
}

/** Entries by name. */
class NameList {
  readonly #exact = new Map<string, ModelPriceSource[]>()
  readonly #prefixes = new Map<string, ModelPriceSource[]>()
  readonly #lengths: readonly number[]

  constructor(entries: readonly ModelPriceSource[]) {
    for (const entry of entries) {
      for (const name of entry.match) {
        if (name.endsWith('*')) put(this.#prefixes, name.slice(0, -1), entry)
        else put(this.#exact, name, entry)
      }
    }
    const lengths = new Set([...this.#prefixes.keys()].map(({ length }) => length))
    this.#lengths = [...lengths].sort((a, b) => b - a)
  }

  /** Those of the very name, or else those of its longest beginning. */
  find(name: string): readonly ModelPriceSource[] {
    const exact = this.#exact.get(name)
    if (exact !== undefined) return exact
    for (const length of this.#lengths) {
      const found = length > name.length ? undefined : this.#prefixes.get(name.slice(0, length))
      if (found !== undefined) return found
    }
    return []
  }
}

function put(lists: Map<string, ModelPriceSource[]>, name: string, entry: ModelPriceSource): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [entry])
  else list.push(entry)
}

/** Where several providers have a model of this name, nothing tells whose it is: the most that it can cost. */
function dearest(entries: readonly ModelPriceSource[]): Found {
  const most = (of: (entry: ModelPriceSource) => number): number => Math.max(...entries.map(of))
  const isBounded = entries.every(({ max_output }) => max_output !== null)
  return {
    input: most(({ input }) => input),
    cachedInput: most(({ cachedInput }) => cachedInput),
    cacheWrite: most(({ cacheWrite }) => cacheWrite),
    output: most(({ output }) => output),
    maxOutput: isBounded ? most(({ max_output }) => max_output ?? 0) : null,
  }
}

interface CallTerms {
  readonly price: Price
  /** The most that the call can use: what is reserved where so much is left. */
  readonly ask: Vector
  /** What it needs: its whole input, and one token of each answer that has any. */
  readonly least: Vector
}

function termsOfCall(call: ModelCall, { maxOutput, ...price }: Found): CallTerms {
  const { tokensInMax, tokensOutMax, choices } = call
  const want = countable(tokensOutMax ?? (maxOutput ?? outputTokensDefault) * choices)
  const ask = amounts(price, tokensInMax, want)
  return { price, ask, least: amounts(price, tokensInMax, Math.min(choices, want)) }
}

function amounts(price: Price, input: number, output: number): Vector {
  const tokens_in = countable(input)
  const tokens_out = countable(output)
  const usage = { input: tokens_in, cachedInput: 0, cacheWrite: 0, output: tokens_out }
  return {
    tokens_in,
    tokens_out,
    tokens: countable(tokens_in + tokens_out),
    cost_usd: costOf({ ...price, input: dearestInput(price) }, usage),
  }
}

/** A number from a request may be beyond what can be counted: then it is all that can. */
function countable(amount: number): number {
  const most = Number.MAX_SAFE_INTEGER
  return amount >= 0 ? Math.min(Math.ceil(amount), most) : most
}
