/** A price without a model has a problem with its place, and hides no other. */
import { test } from 'tap'
import { loadPolicy } from '../../policy/load.ts'

test('a price without a model is told with its line, beside every other problem', async (t) => {
  const text = `version: 1
prices:
  models:
    - { input: 1.00, output: 2.00 }
    - { match: [odd], input: 1.00, output: 2.00 }
    - { id: fine, input: 1.00, output: 2.00 }
    - { id: odd-one, input: much, output: 2.00 }
`
  const loaded = await loadPolicy({ name: 'p.yaml', text })
  const lines = 'problems' in loaded ? loaded.problems.map(({ line }) => line) : []
  t.strictSame([...new Set(lines)].sort(), [4, 5, 7])
})
