/** A policy that wants the ledger held outside: nothing new is admitted while it is not. */
import { test } from 'tap'
import { plainRefusal } from '../../gate/answer-refusal.ts'
import { unanchored } from '../../gate/unanchored.ts'
import { loadPolicy } from '../../policy/load.ts'

async function gateOf(text: string): Promise<Parameters<typeof unanchored>[0]> {
  const loaded = await loadPolicy({ name: 'policies.yaml', text: `version: 1\n${text}\n` })
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  const { policy } = loaded
  return {
    policy,
    plain: (code, message) => plainRefusal({ code, message, policy: policy.digest, receipt: null }),
  }
}

test('what lags longer than the policy allows refuses, and so does no anchor at all', async (t) => {
  const gate = await gateOf('ledger: { anchored_within: 5m }')
  t.equal(
    unanchored(gate, () => 0),
    null,
  )
  t.equal(
    unanchored(gate, () => 300_000),
    null,
  )
  const late = unanchored(gate, () => 300_001)
  t.match(late, { code: 'ledger-unavailable', status: 503 })
  t.match(late?.reasons[0]?.message, /300 s ago is not anchored; the policy allows 300 s/)
  t.match(unanchored(gate, undefined)?.reasons[0]?.message, /no anchor is set/)
})

test('a policy that says nothing of it waits for no anchor', async (t) => {
  t.equal(unanchored(await gateOf('mode: enforce'), undefined), null)
  t.equal(
    unanchored(await gateOf('mode: enforce'), () => 1e12),
    null,
  )
})

test('less than two minutes is a problem of the file, and so is no duration', async (t) => {
  await t.rejects(gateOf('ledger: { anchored_within: 30s }'), /allow at least 2m/)
  await t.rejects(gateOf('ledger: { anchored_within: soon }'), /anchored_within|duration|soon/)
  await t.rejects(gateOf('ledger: { within: 5m }'), /within/)
})
