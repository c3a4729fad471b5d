/** The price list that ships: readable, of one meaning, and never below what an independent collection of prices says. */
import { readFileSync } from 'node:fs'
import { calcPrice } from '@pydantic/genai-prices'
import { test } from 'tap'
import { parse } from 'yaml'

interface Line {
  readonly provider: string
  readonly id: string
  readonly match: readonly string[]
  readonly input: string
  readonly cached_input: string
  readonly cache_write: string
  readonly output: string
  readonly max_output?: number
}

const list: { readonly date: string; readonly models: readonly Line[] } = parse(
  readFileSync('policy/prices.yaml', 'utf8'),
)

test('each line has decimal prices in whole pico-USD a token, and names of its own', async (t) => {
  t.match(list.date, /^20\d\d-\d\d-\d\d$/)
  t.ok(list.models.length > 100)
  const seen = new Map<string, string>()
  for (const { id, match, max_output: most = 0, ...line } of list.models) {
    for (const text of [line.input, line.cached_input, line.cache_write, line.output]) {
      t.match(text, /^\d+(\.\d{1,6})?$/, id)
    }
    t.ok(Number.isSafeInteger(most) && most >= 0, id)
    t.ok(match.length > 0, id)
    for (const name of match) {
      t.equal(seen.get(name), undefined, `${id} and ${seen.get(name)} share ${name}`)
      t.match(name, /^[\w.:@-]+\*?$/)
      seen.set(name, id)
    }
  }
})

/** When discounts and dearer hours apply alike: no list price depends on a longer context here. */
const timestamp = new Date('2026-11-21T09:00:00Z')

test('no price lies below what others collected, for short and for long contexts', async (t) => {
  for (const { provider, id, input, output } of list.models) {
    for (const tokens of [1000, 900_000]) {
      const usage = { input_tokens: tokens, output_tokens: 1000 }
      const theirs = calcPrice(usage, id, { providerId: provider, timestamp })
      if (theirs === null) continue
      const ours = (Number(input) * tokens + Number(output) * 1000) / 1e6
      t.ok(
        ours >= theirs.total_price * (1 - 1e-9),
        `${provider} ${id}: ${ours}, theirs ${theirs.total_price}`,
      )
    }
  }
})
