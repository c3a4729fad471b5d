/** Carries out every attack on copies of a real ledger, and prints what found it: `npm run attacks`. */
import { openGround } from './ground.ts'
import { outcomesOf, tableOf } from './table.ts'

const ground = await openGround()
try {
  console.log(tableOf(await outcomesOf(ground)))
} finally {
  await ground.close()
}
