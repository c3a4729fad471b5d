/** The exhaustive check of the real `step` in two small worlds, and of broken ones that it must tell apart. */
import { test } from 'tap'
import { step } from '../../../kernel/step.ts'
import { approvalVariants } from './approval-variants.ts'
import { approvalModel, approvalSizes } from './approval-world.ts'
import { explore } from './explore.ts'
import { ledgerModel, sizes, soundRules } from './ledger-world.ts'
import { ledgerVariants, windowVariants } from './variants.ts'
import { windowModel } from './window-world.ts'

for (const [index, size] of sizes.entries()) {
  test(`no reachable state of the ledger world breaks an invariant, size ${index}`, async (t) => {
    const { states, transitions, violation } = explore(ledgerModel(soundRules, size))
    t.comment(`${states} states, ${transitions} transitions`)
    t.equal(violation, null)
    t.ok(states > 5_000, `${states} states`)
  })
}

test('no reachable state of the window world spends more than its limit in any window', async (t) => {
  const { states, transitions, violation } = explore(windowModel(step))
  t.comment(`${states} states, ${transitions} transitions`)
  t.equal(violation, null)
  t.ok(states > 1_000, `${states} states`)
})

for (const [index, size] of approvalSizes.entries()) {
  test(`no reachable state of the approval world lets pass what people did not approve, size ${index}`, async (t) => {
    const { states, transitions, violation } = explore(approvalModel(step, size))
    t.comment(`${states} states, ${transitions} transitions`)
    t.equal(violation, null)
    t.ok(states > 300, `${states} states`)
  })
}

for (const [index, size] of approvalSizes.entries()) {
  for (const [name, broken] of Object.entries(approvalVariants[index] ?? {})) {
    test(`it is caught: ${name}`, async (t) => {
      const { states, violation } = explore(approvalModel(broken, size))
      t.comment(`after ${states} states: ${violation?.sentence}; ${violation?.trace.join(', ')}`)
      t.not(violation, null)
    })
  }
}

for (const [name, { size: index = 0, ...broken }] of Object.entries(ledgerVariants)) {
  test(`it is caught: ${name}`, async (t) => {
    const size = sizes[index]
    if (size === undefined) throw new Error(`there is no size ${index}`)
    const { states, violation } = explore(ledgerModel({ ...soundRules, ...broken }, size))
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
