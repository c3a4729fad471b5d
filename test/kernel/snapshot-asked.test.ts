/** Approvals, permits and marks in snapshots: older texts know nothing of them, and what is none is refused. */
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { restore, snapshot } from '../../kernel/snapshot.ts'
import type { State } from '../../kernel/state.ts'
import { changed } from './changed.ts'
import { minute, rule, start, termsOf, World } from './world.ts'

/** A state with an approval that has one yes of two, a permit and a mark. */
function asked(): State {
  const world = new World(termsOf({ rules: [rule('asks', 'approve')] }))
  const reason = { code: 'validator-refused', id: 'd/x', message: '' } as const
  const mark = {
    op: 'once',
    key: 'd/k',
    amount: 1,
    limit: 0,
    until: start + minute,
    reason,
  } as const
  world.whole({ marks: [mark] })
  const ask = (digest: string, need: number) => {
    const approval = { digest, kind: 'k', quorums: [{ need, of: [] }], expiresMs: minute }
    const id = world.admit({ rules: ['asks'], approval }).approval?.id ?? ''
    const yes = { kind: 'approve', at: world.now, approval: id, by: 'bea', groups: [] } as const
    world.step({ ...yes, reason: '', permits: 1, permitsMs: 5 })
  }
  ask('d1', 1)
  world.admit({ rules: ['asks'], approval: { digest: 'd1', kind: 'k', quorums: [], expiresMs: 1 } })
  ask('d2', 2)
  return world.state
}

test('a text from before there were approvals, permits and marks restores, and stays as it was', async (t) => {
  const old =
    '{"holds":[],"now":5,"policy":"sha256:one","purses":[],"runs":[{"agent":"ann","number":1}],"scopes":[{"cause":null,"incarnation":0,"mode":"running","scope":"run:ann/r1","since":5}],"version":1}'
  const state = restore(old)
  t.same([state.approvals.size, state.permits.size, state.marks.size], [0, 0, 0])
  t.equal(snapshot(state), old)
  t.throws(() => restore(old.replace('{', '{"approvals":[],')), { message: /canonical text/ })
  const text = snapshot(asked())
  t.same(Object.keys(JSON.parse(text)).slice(0, 1), ['approvals'])
  t.equal(snapshot(restore(text)), text)
})

const wrong: readonly (readonly [readonly (string | number)[], unknown])[] = [
  [['approvals', 0, 'state'], 'approved'],
  [['approvals', 0, 'state'], 'wished'],
  [['approvals', 0, 'yes', 0, 'by'], 'ann'],
  [['approvals', 0, 'quorums', 0, 'need'], 1],
  [['approvals', 0, 'digest'], ''],
  [['approvals', 0, 'expiresAt'], start],
  [['approvals', 0, 'askedAt'], start * 2],
  [['approvals', 0, 'incarnations', 0], 1],
  [['approvals', 0, 'incarnations'], []],
  [['approvals', 0, 'principal', 'run'], 5],
  [['approvals', 0, 'lines'], [{ purse: 'gone', amounts: [1] }]],
  [['approvals', 0, 'extra'], 1],
  [['approvals'], {}],
  [['permits', 0, 'left'], 0],
  [['permits', 0, 'yes'], []],
  [['permits', 0, 'agent'], 5],
  [['marks', 0, 'key'], 'other'],
  [['marks', 0, 'amount'], -1],
  [['marks', 0, 'until'], 0.5],
]
for (const [path, value] of wrong) {
  test(`a snapshot with ${path.join('.')} = ${JSON.stringify(value)} is refused`, async (t) => {
    const text = snapshot(asked())
    t.throws(() => restore(changed(text, path, value)), ContractError)
  })
}
