/** The exhaustive check of the real `step` in two small worlds, and of broken ones that it must tell apart. */
import { test } from 'tap'
import { explore } from './explore.ts'
import { brokenBy } from './invariants.ts'
import { initial, keyOf, type LedgerModel, next, type Rules, soundRules } from './ledger-world.ts'
import { ledgerVariants, windowVariants } from './variants.ts'
import { windowModel } from './window-world.ts'
import { step } from '../../../kernel/step.ts'

const ledgerModel = (rules: Rules): LedgerModel => ({
  initial: initial(),
  next: (world) => next(rules, world),
  bad: (before, move) => {
    try {
      return keyOf(move.world) && brokenBy(before, move)
    } catch (error) {
      return String(error)
    }
  },
  keyOf: (world) => {
    try {
      return keyOf(world)
    } catch (error) {
      return String(error)
    }
  },
})

test('no reachable state of the ledger world breaks an invariant', async (t) => {
  const { states, transitions, violation } = explore(ledgerModel(soundRules))
  t.comment(`${states} states, ${transitions} transitions`)
  t.equal(violation, null)
  t.ok(states > 10_000, `${states} states`)
})

test('no reachable state of the window world spends more than its limit in any window', async (t) => {
  const { states, transitions, violation } = explore(windowModel(step))
  t.comment(`${states} states, ${transitions} transitions`)
  t.equal(violation, null)
  t.ok(states > 1_000, `${states} states`)
})

for (const [name, broken] of Object.entries(ledgerVariants)) {
  test(`it is caught: ${name}`, async (t) => {
    const { states, violation } = explore(ledgerModel({ ...soundRules, ...broken }))
    t.comment(`after ${states} states: ${violation?.sentence}; ${violation?.trace.join(', ')}`)
    t.not(violation, null)
  })
}

for (const [name, broken] of Object.entries(windowVariants)) {
  test(`it is caught: ${name}`, async (t) => {
    const { states, violation } = explore(windowModel(broken))
    t.comment(`after ${states} states: ${violation?.sentence}; ${violation?.trace.join(', ')}`)
    t.not(violation, null)
  })
}
