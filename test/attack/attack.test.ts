/** Every attack is found by what its row says, by both verifiers, and docs/attacks.md holds the table that comes of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import { anchorsOf } from './carry-out.ts'
import { copyOf, openGround } from './ground.ts'
import { outcomesOf, tableOf } from './table.ts'

test('no attack on a ledger goes unseen by whoever kept what its row names', async (t) => {
  const ground = await openGround()
  t.teardown(() => ground.close())
  const untouched = await verifyLedger({
    directory: join(copyOf(ground, 'untouched'), 'ledger'),
    key: ground.vkey,
    expectHead: ground.head,
    anchors: await anchorsOf(ground),
    now: Date.now(),
    require: 'anchored',
  })
  t.match(untouched, { exit: 0, level: 'anchored', findings: [] }, 'without an attack all is well')
  const outcomes = await outcomesOf(ground)
  for (const { attack, codes, exits, need, python } of outcomes) {
    t.equal(need, attack.need, `what finds: ${attack.what}`)
    t.same(codes, attack.codes, `the findings of: ${attack.what}`)
    t.equal(python, exits[3], `verify.py agrees: ${attack.what}`)
    if (need === 'head') t.equal(exits[3], 4, `anchors find it, too: ${attack.what}`)
  }
  t.match(
    readFileSync('docs/attacks.md', 'utf8'),
    tableOf(outcomes),
    'docs/attacks.md is up to date',
  )
})
