/** Every attack is found by what its row says, by both verifiers, and docs/attacks.md holds the table that comes of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import { anchorsOf } from './carry-out.ts'
import { copyOf, openGround } from './ground.ts'
import { outcomesOf, tableOf } from './table.ts'
import { typedLook, typedQuery, typedVerify } from './typed.ts'

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
  t.equal(await typedVerify(ground, ground.data), 0, 'nor does the command line find anything')
  t.equal(await typedLook(ground, ground.data, 'openings'), 0, 'nor is an opening missing')
  const indexed = copyOf(ground, 'untouched')
  t.equal(await typedQuery(ground, indexed), 0, 'a question makes an index')
  t.equal(await typedLook(ground, indexed, 'index'), 0, 'in which no row is wrong')
  const outcomes = await outcomesOf(ground)
  for (const { attack, codes, exits, looked, need, python, typed } of outcomes) {
    t.equal(need, attack.need, `what finds: ${attack.what}`)
    t.same(codes, attack.codes, `the findings of: ${attack.what}`)
    t.equal(typed, attack.typed ?? exits[3], `the command line exits so, too: ${attack.what}`)
    t.equal(python, attack.python ?? exits[3], `verify.py agrees: ${attack.what}`)
    t.equal(looked, attack.look === undefined ? null : 1, `what else looks: ${attack.what}`)
    if (need === 'head') t.equal(exits[3], 4, `anchors find it, too: ${attack.what}`)
  }
  t.match(
    readFileSync('docs/attacks.md', 'utf8'),
    tableOf(outcomes),
    'docs/attacks.md is up to date',
  )
})
