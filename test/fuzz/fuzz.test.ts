/** Whatever comes in, the readers of it answer, in time, and agree with what else can read it. See docs/fuzzing.md. */
import { test } from 'tap'
import { fuzz } from './run.ts'
import { only, seconds, seed } from './settings.ts'
import { targets } from './targets.ts'

const asked = targets.filter(({ name }) => only === '' || name === only)
const shares = asked.reduce((sum, { share }) => sum + share, 0)

test(`FUZZ_SEED=${seed} FUZZ_SECONDS=${seconds} repeats this run`, async (t) => {
  t.ok(asked.length > 0, `targets are ${targets.map(({ name }) => name).join(', ')}`)
  t.equal(new Set(targets.map(({ name }) => name)).size, targets.length, 'each has its own name')
})

for (const target of asked) {
  test(`${target.name} holds for whatever is put in`, async (t) => {
    const ms = (seconds * 1000 * target.share) / shares
    const { runs, reached, failure } = await fuzz(target, { seed, ms })
    const counts = [...reached].map(([label, count]) => `${count} ${label}`)
    t.comment(`${runs} runs: ${counts.join(', ')}`)
    if (failure !== null) t.comment(failure)
    t.ok(failure === null, 'no run failed')
    for (const label of target.reaches) t.ok(reached.has(label), `some runs reach: ${label}`)
  })
}
