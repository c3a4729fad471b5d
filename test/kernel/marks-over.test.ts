/** A mark that would be over before it is made remembers nothing: what may be used once is refused then. */
import { test } from 'tap'
import { budget, start, termsOf, World } from './world.ts'

const reason = { code: 'validator-refused', id: 'd/check', message: 'No.' } as const
const once = { op: 'once', key: 'd/k', amount: 0, limit: 0, until: start + 1_000, reason } as const

test('once: admitted in time it is remembered, and afterwards it is refused, used or not', async (t) => {
  const world = new World(termsOf())
  t.equal(world.admit({ marks: [once] }).verdict, 'allow')
  for (const now of [start + 1_000, start + 60_000]) {
    world.now = now
    for (const key of ['d/k', 'd/never-used']) {
      const late = world.admit({ marks: [{ ...once, key }] })
      t.same([late.verdict, late.reasons], ['deny', [reason]], `${key} after ${now - start} ms`)
    }
  }
})

test('once: its last millisecond counts', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 9 })] }))
  world.now = start + 999
  t.equal(world.admit({ marks: [once] }).verdict, 'allow')
  t.equal(world.admit({ marks: [once] }).verdict, 'deny')
})
