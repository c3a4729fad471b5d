/** A long body is looked through a slice at a time, and judged as it would be whole. */
import fc from 'fast-check'
import { test } from 'tap'
import type { PayloadAction, PayloadTerms } from '../../../kernel/payload.ts'
import { openInspector } from '../../../payload/inspect.ts'
import { lookThrough, sliceBytes } from '../../../proxy/inspect/slices.ts'
import { seed, seedSentence } from '../../kernel/seed.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const secret = 'correct-horse-battery-staple'
const inspector = openInspector({
  secrets: [{ name: 'it', value: Buffer.from(secret) }],
  key: Buffer.alloc(32, 3),
})
const card = '4012888888881881'
const line = `${'words and words. '.repeat(7)}\n`

function termsOf(action: PayloadAction): readonly PayloadTerms[] {
  return [{ rule: 'r', action, detectors: ['card-numbers', 'email-addresses'], responses: false }]
}

/** A text longer than so many slices, with something at a place. */
function textWith(planted: string, at: number, slices = 3): Buffer {
  const text = line.repeat(Math.ceil((slices * sliceBytes) / line.length))
  return Buffer.from(`${text.slice(0, at)} ${planted} ${text.slice(at)}`)
}

test('a clean body comes out as it is, with a turn for everybody else between its slices', async (t) => {
  const body = textWith('nothing', 5)
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const looked = await lookThrough(inspector, body, termsOf('block'))
  isOver = true
  t.match(looked, { ok: true, findings: [] })
  t.ok(looked.ok && looked.body.equals(body))
  t.ok(turns >= 3, `${turns} turns`)
})

test('what stands on the border of two slices is found', async (t) => {
  for (const at of [sliceBytes - 20, sliceBytes - 9, sliceBytes - 1, 2 * sliceBytes - 4]) {
    const refused = await lookThrough(inspector, textWith(card, at), termsOf('block'))
    t.match(refused, { ok: false, step: { code: 'payload-personal-data' } }, `a card at ${at}`)
    const own = await lookThrough(inspector, textWith(secret, at), [])
    t.match(own, { ok: false, step: { detector: 'own-secrets' } }, `a secret at ${at}`)
  }
})

test('a long body is judged as one that is whole', async (t) => {
  const planted = fc.constantFrom(card, 'me@example.com', secret, 'plain', `${card}${card}`)
  const at = fc.integer({ min: 0, max: 3 * sliceBytes })
  const action = fc.constantFrom<PayloadAction>('block', 'redact', 'warn')
  await fc.assert(
    fc.asyncProperty(planted, at, action, async (what, place, does) => {
      const body = textWith(what, place)
      const terms = termsOf(does)
      const whole = inspector.request({ url: '/', headers: [], body, terms })
      const looked = await lookThrough(inspector, body, terms)
      t.equal(looked.ok, whole.verdict !== 'block', `${what} at ${place}`)
      if (!looked.ok) return
      t.ok(looked.body.equals(Buffer.from(whole.redacted?.body ?? body)))
      t.same(
        looked.findings.map(({ count, detector }) => [detector, count]),
        whole.findings.map(({ count, detector }) => [detector, count]),
      )
    }),
    { seed, numRuns: 60 },
  )
})
