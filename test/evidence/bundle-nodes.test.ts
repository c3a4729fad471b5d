/** Proofs of many leaves come from one pass, and each is the one that a tree by recursion gives. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'tap'
import { CollectedNodes } from '../../evidence/bundle/nodes.ts'
import { shellWord } from '../../evidence/bundle/readme.ts'
import { inclusionRanges, rootsOf } from '../../evidence/proof/tree.ts'
import { seedSentence } from '../kernel/seed.ts'

const sha256 = (...parts: readonly Buffer[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()

const leafOf = (seq: number): Buffer => sha256(Buffer.of(0), Buffer.from(String(seq)))

/** MTH of RFC 6962 section 2.1, by its definition. */
function treeHash(from: number, to: number): Buffer {
  if (to - from === 1) return leafOf(from)
  const middle = from + splitOf(to - from)
  return sha256(Buffer.of(1), treeHash(from, middle), treeHash(middle, to))
}

/** PATH of RFC 6962 section 2.1.1, by its definition. */
function pathOf(seq: number, from: number, to: number): readonly Buffer[] {
  if (to - from === 1) return []
  const middle = from + splitOf(to - from)
  if (seq < middle) return [...pathOf(seq, from, middle), treeHash(middle, to)]
  return [...pathOf(seq, middle, to), treeHash(from, middle)]
}

function splitOf(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

test(`proofs from one pass are those of the definition (${seedSentence})`, async (t) => {
  const sizes = fc.integer({ min: 1, max: 200 })
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (size, picks) => {
      const seqs = [...new Set(picks.map((pick) => pick % size))]
      const nodes = CollectedNodes.forProofs(seqs, size)
      for (let seq = 0; seq < size; seq += 1) nodes.push(leafOf(seq).toString('hex'))
      return seqs.every((seq) => {
        const found = rootsOf(nodes, inclusionRanges(seq, size)).map((hash) => hash.toString('hex'))
        const expected = pathOf(seq, 0, size).map((hash) => hash.toString('hex'))
        return JSON.stringify(found) === JSON.stringify(expected)
      })
    }),
  )
  t.pass('all of them')
})

test('a name in a command stays one word', async (t) => {
  for (const hostile of ["a'b", "';id;'", '$(id)', '`id`', 'a\\b"c', "''"]) {
    const word = execFileSync('sh', ['-c', `printf %s ${shellWord(hostile)}`], { encoding: 'utf8' })
    t.equal(word, hostile)
  }
})
