/** Decimals: read exactly or not at all, multiplied without loss, and rounded against who spends. */
import fc from 'fast-check'
import { test } from 'tap'
import { decimalOf, microsDown, microsUp, product } from '../../../kernel/domains/decimal.ts'
import { seed, seedSentence } from '../seed.ts'

test('decimals are exact, and rounded against who spends', async (t) => {
  const of = (said: unknown) => decimalOf(said) ?? Number.NaN
  t.equal(of('0.1') === of(0.1), true)
  t.equal(microsUp(product(BigInt(of('0.1')), BigInt(of('0.2')))), 20_000)
  t.equal(microsUp(BigInt(of('0.0000001'))), 1)
  t.equal(microsDown(BigInt(of('0.0000009'))), 0)
  t.equal(microsUp(BigInt(of('-0.1'))), null)
  t.equal(microsUp(BigInt(of('9007199254.740991'))), Number.MAX_SAFE_INTEGER)
  t.equal(microsUp(BigInt(of('9007199254.740992'))), null)
  for (const wrong of ['', '.5', '5.', '1e3', '--1', '1 ', '１', null, true, {}, [1], 1e21, 1e-7]) {
    t.equal(decimalOf(wrong), null, String(wrong))
  }
})

test('a product of decimals is that of the integers behind them', async (t) => {
  t.comment(seedSentence)
  const cents = fc.integer({ min: 0, max: 1_000_000_000 })
  const written = (units: number) =>
    `${Math.floor(units / 100)}.${String(units % 100).padStart(2, '0')}`
  fc.assert(
    fc.property(cents, cents, (left, right) => {
      const both = product(decimalOf(written(left)) ?? -1n, decimalOf(written(right)) ?? -1n)
      const exact = BigInt(left) * BigInt(right) * 100n
      return microsUp(both) === (exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : null)
    }),
    { seed, numRuns: 300 },
  )
})
