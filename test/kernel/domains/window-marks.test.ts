/** Counters of a stretch of time: no stretch holds more than its limit, wherever it begins. */
import fc from 'fast-check'
import { test } from 'tap'
import { windowMarks } from '../../../kernel/domains/window-marks.ts'
import { seed, seedSentence } from '../seed.ts'
import { Memory } from './memory.ts'

const open = Date.parse('2026-11-23T15:00:00Z')

test('no stretch of any length holds more than its limit', async (t) => {
  t.comment(seedSentence)
  const events = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 40_000 }),
      amount: fc.integer({ min: 1, max: 60 }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(events, fc.integer({ min: 1_000, max: 90_000 }), (all, lengthMs) => {
      const memory = new Memory()
      const admitted: { at: number; amount: number }[] = []
      let at = open
      const reason = { code: 'validator-refused', id: 'x', message: 'x' } as const
      for (const { wait, amount } of all) {
        at += wait
        const stretch = { key: 'finance/x', lengthMs, amount, limit: 100, reason }
        if (memory.admit(windowMarks(stretch, at))) admitted.push({ at, amount })
      }
      return admitted.every(({ at: from }) => {
        const within = admitted.filter((each) => each.at >= from && each.at < from + lengthMs)
        return within.reduce((sum, each) => sum + each.amount, 0) <= 100
      })
    }),
    { seed, numRuns: 200 },
  )
})

test('marks of a stretch that has no length are bounded all the same', async (t) => {
  const reason = { code: 'validator-refused', id: 'x', message: 'x' } as const
  for (const lengthMs of [0, -5]) {
    const marks = windowMarks({ key: 'x/y', lengthMs, amount: 1, limit: 1, reason }, open)
    t.ok(marks.length >= 1 && marks.length <= 4, String(lengthMs))
  }
})
