/** The least of an ask: with less left a request is refused, with more it is given what is left. */
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { budget, termsOf, World } from './world.ts'

const table: readonly [string, number, number, number | undefined, number | null][] = [
  ['all that it asks is left', 100, 60, 60, 60],
  ['less than it asks is left, and its least', 50, 60, 50, 50],
  ['one less than its least is left', 49, 60, 50, null],
  ['it names no least, and 1 is left', 1, 60, undefined, 1],
  ['it names no least, and nothing is left', 0, 60, undefined, null],
  ['its least is more than it asks, and all it asks is left', 60, 60, 90, 60],
  ['its least is more than it asks, and less is left', 59, 60, 90, null],
  ['its least is 0, and nothing is left', 0, 60, 0, 0],
  ['it asks for nothing', 0, 0, 50, 0],
]

for (const [name, limit, ask, least, given] of table) {
  test(name, async (t) => {
    const world = new World(termsOf({ budgets: [budget('run', { tokens: limit, wall: 9 })] }))
    const before = snapshot(world.state)
    const leastly = least === undefined ? {} : { least: { tokens: least } }
    const answer = world.admit({ ask: { tokens: ask, wall: 5 }, ...leastly })
    t.equal(answer.hold?.vector['tokens'] ?? null, given)
    t.equal(answer.verdict, given === null ? 'deny' : 'allow')
    if (given !== null) return
    t.match(answer.reasons, [{ code: 'budget-exhausted', id: 'run' }])
    t.equal(snapshot(world.state), before, 'all or nothing: the wall time is not held either')
  })
}

test('what counts only is no bound, and a least without an ask asks for nothing', async (t) => {
  const budgets = [budget('count', { tokens: 5 }, { onLimit: 'continue' })]
  const world = new World(termsOf({ budgets }))
  t.equal(world.admit({ ask: { tokens: 60 }, least: { tokens: 60 } }).verdict, 'allow')
  const strict = new World(termsOf({ budgets: [budget('run', { tokens: 5 })] }))
  t.equal(strict.admit({ least: { tokens: 60 } }).verdict, 'allow')
  t.equal(
    strict.admit({ charge: { tokens: 5 }, ask: { tokens: 9 }, least: { tokens: 9 } }).verdict,
    'allow',
    'an exact charge is all that is needed',
  )
})

test('a least that is no amount is a bug of the caller', async (t) => {
  const world = new World(termsOf({ budgets: [budget('run', { tokens: 5 })] }))
  for (const tokens of [-1, 0.5, Number.NaN, 2 ** 53]) {
    t.throws(() => world.admit({ ask: { tokens: 1 }, least: { tokens } }), ContractError)
  }
})
