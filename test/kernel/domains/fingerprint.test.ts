/** The kernel's own SHA-256 is SHA-256. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'tap'
import { fingerprint } from '../../../kernel/domains/fingerprint.ts'
import { seed, seedSentence } from '../seed.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

test('a fingerprint is what OpenSSL says, around each border of a block', async (t) => {
  for (const length of [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 1_000]) {
    t.equal(fingerprint('a'.repeat(length)), sha256('a'.repeat(length)), `of ${length} bytes`)
  }
})

test('a fingerprint is what OpenSSL says of any text', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      (text) => fingerprint(text) === sha256(text),
    ),
    { seed },
  )
})
