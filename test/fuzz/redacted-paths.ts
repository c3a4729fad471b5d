/** Fuzzes what keeps credentials in paths out of the ledger: whatever stands around one, it is gone. */
import fc from 'fast-check'
import { redactPath } from '../../gate/redact.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { mutatedLatin } from './mutation.ts'
import { timely } from './timely.ts'

const letters = 'aB3dE5gH7jK9mN1pQ2rS4tU6'

/** Put together here, so that none stands in the text. */
const credentials: readonly string[] = [
  `s${'k-'}${letters}`,
  `gh${'p_'}${letters}${letters}`,
  `AK${'IA'}Z2Z2Z2Z2Z2Z2Z2Z2`,
  `xo${'xb-'}1-2-${letters}`,
  `bo${'t123456789'}:${letters}`,
  `ey${'J'}${letters}`,
  letters.repeat(2),
]

const segment = fc.oneof(
  fc.constantFrom('v1', 'users', '', 'a-b-c', '%20', 'repos', '.well-known'),
  fc.string({ unit: fc.constantFrom('a', '1', '-', '.', '%', '~'), maxLength: 60 }),
)

const path = mutatedLatin(
  fc.array(segment, { maxLength: 90 }).map((all) => `/${all.join('/')}`),
  ['/', '//', '%2F', ...credentials],
).map((text) => `/${text}`)

export const redactedPaths: Fuzzed = {
  name: 'redacted-paths',
  share: 1,
  roundRuns: 300,
  reaches: ['redacted', 'as it came'],
  open: async (reached) =>
    fc.property(path, fc.constantFrom(...credentials), fc.nat(), (before, credential, at) => {
      const plain = timely(before.length, () => redactPath(before))
      reached(plain.redacted ? 'redacted' : 'as it came')
      ensure(plain.redacted === (plain.text !== before), 'it says whether it changed the path')
      ensure(plain.text.length <= 256, 'no path is longer in an entry')
      const segments = before.split('/')
      const place = at % (segments.length + 1)
      const leaking = [...segments.slice(0, place), credential, ...segments.slice(place)].join('/')
      const { text, redacted } = redactPath(leaking)
      const isHidden = !text.split('/').includes(credential)
      ensure(isHidden && redacted, 'a credential that is a segment is hidden')
    }),
}
