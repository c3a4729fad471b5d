/** A ledger that waits for a vault: nothing of an entry is written before its openings are durable. */
import { test } from 'tap'
import { Failure } from '../../kernel/reasons.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { Ledger } from '../../ledger/ledger.ts'
import { entriesOf } from '../ledger/open-ledger.ts'
import { committed, VaultWorld } from './vault-world.ts'

test('an entry is written only when its openings are synced, and never when that fails', async (t) => {
  let release: (() => void) | null = null
  let isHeld = false
  let fails = false
  const files: Files = {
    ...realFiles,
    sync: async (descriptor) => {
      if (isHeld) await new Promise<void>((resolve) => (release = resolve))
      if (fails) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' })
      await realFiles.sync(descriptor)
    },
  }
  const world = await VaultWorld.open(t, { files })
  await world.ledger.close()
  const { vault } = world
  const ledger = await Ledger.open(world.world.options({ before: () => vault.durable() }))
  const decide = (request: string): Promise<unknown> => {
    const of = { request, subject: 'agent:a', after: ledger.head.seq }
    return ledger.append(committed(request, vault.commit(of, { query: 'q' })))
  }
  const decisions = (): number =>
    entriesOf(world.place).filter(({ kind }) => kind === 'decision').length
  isHeld = true
  const first = decide('one')
  while (release === null) await new Promise((resolve) => setTimeout(resolve, 1))
  t.equal(decisions(), 0, 'while the vault syncs, the ledger has nothing of it')
  isHeld = false
  ;(release as () => void)()
  await first
  t.equal(decisions(), 1)
  fails = true
  await t.rejects(decide('two'), Failure)
  t.match(ledger.poisoned, { message: /the vault cannot be written/ })
  t.equal(decisions(), 1, 'what could not be opened was not recorded')
  await ledger.close()
  await vault.close()
  t.match(await world.survey(), { commitments: 1, present: 1, missing: 0, unclaimed: 1 })
})
