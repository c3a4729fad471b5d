/** The domain defense: ceilings of destinations, no flow downward, two people for an effect. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall } from '../../../kernel/domain.ts'
import { defenseDomain } from '../../../kernel/domains/defense.ts'
import { seed, seedSentence } from '../seed.ts'
import { anyCall, askAll, callOf, fallbacks, noon, said, tightensOnly } from './call.ts'

const levels = ['UNCLASSIFIED', 'CONFIDENTIAL', 'SECRET', 'TOP_SECRET']

const parameters = {
  ...fallbacks(defenseDomain),
  ceilings: {
    'archive.example.com': 'TOP_SECRET',
    '*.partners.example.com': 'CONFIDENTIAL',
    'near.partners.example.com': 'SECRET',
    'typo.example.com': 'SECRETS',
    'odd.example.com': 3,
  },
}

const callTo = (host: string, members: Partial<DomainCall> = {}): DomainCall =>
  callOf(defenseDomain, { action: 'axn_send', host, parameters, ...members })

const sends = (host: string, classification: string | number | boolean) =>
  said(defenseDomain, callTo(host, { context: { classification } }))

test('a destination may have what is no higher than its ceiling', async (t) => {
  const highest = (host: string) => levels.filter((level) => sends(host, level).length === 0).at(-1)
  t.equal(highest('archive.example.com'), 'TOP_SECRET')
  t.equal(highest('x.partners.example.com'), 'CONFIDENTIAL')
  t.equal(highest('a.x.partners.example.com'), 'CONFIDENTIAL')
  t.equal(highest('near.partners.example.com'), 'SECRET', 'the nearest row')
  t.equal(highest('partners.example.com'), 'UNCLASSIFIED', 'not below itself')
  t.equal(highest('api.example.com'), 'UNCLASSIFIED')
  t.equal(highest('typo.example.com'), 'UNCLASSIFIED', 'a row that is no level')
  t.equal(highest('odd.example.com'), 'UNCLASSIFIED', 'a row that is no text')
  t.equal(highest('constructor'), 'UNCLASSIFIED', 'what every object has is no row')
  t.same(sends('api.example.com', 'CONFIDENTIAL'), ['deny ceiling'])
})

test('where no request is sent, the destination is a fact', async (t) => {
  const asked = (destination: string) =>
    said(defenseDomain, callTo('', { context: { classification: 'SECRET', destination } }))
  t.same(asked('archive.example.com'), [])
  t.same(asked(''), ['deny ceiling'])
  const named = { classification: 'SECRET', destination: 'archive.example.com' }
  t.same(
    said(defenseDomain, callTo('api.example.com', { context: named })),
    ['deny ceiling'],
    'and no fact where one is',
  )
})

test('the default of a ceiling is a level, or the lowest', async (t) => {
  const under = (level: string) =>
    said(
      defenseDomain,
      callTo('api.example.com', {
        context: { classification: 'SECRET' },
        parameters: { ...parameters, ceiling_default: level },
      }),
    )
  t.same(under('SECRET'), [])
  t.same(under('secret'), ['deny ceiling'])
})

test('a level is one of four, spelled so', async (t) => {
  for (const level of ['secret', 'TOP SECRET', 'SECRET//NOFORN', ' SECRET', '0', 'constructor']) {
    t.same(sends('archive.example.com', level), ['deny classification-unknown'], level)
  }
  for (const level of [3, true, '']) {
    t.same(sends('archive.example.com', level), ['deny facts-missing'], String(level))
  }
  t.same(said(defenseDomain, callTo('archive.example.com')), ['deny facts-missing'])
})

test('a read raises its agent, and everything asks how high the agent is', async (t) => {
  const marks = (action: string, host: string, classification: string) =>
    defenseDomain
      .afterDecision(callTo(host, { action, context: { classification } }))
      .marks.map(({ op, key, amount, limit }) => ({ op, key, amount, limit }))
  const key = 'defense/agent:worker'
  t.same(marks('axn_read', 'archive.example.com', 'SECRET'), [
    { op: 'below', key, amount: 0, limit: 3 },
    { op: 'raise', key, amount: 2, limit: 0 },
  ])
  t.same(marks('axn_read', 'api.example.com', 'UNCLASSIFIED'), [
    { op: 'below', key, amount: 0, limit: 0 },
  ])
  for (const action of ['axn_send', 'axn_write', 'axn_effect']) {
    t.same(marks(action, 'x.partners.example.com', 'CONFIDENTIAL'), [
      { op: 'below', key, amount: 0, limit: 1 },
    ])
  }
})

test('what was read is carried by the run or the agent, for as long as the policy says', async (t) => {
  const raise = (members: Record<string, string | number>) =>
    defenseDomain
      .afterDecision(
        callTo('archive.example.com', {
          action: 'axn_read',
          context: { classification: 'SECRET' },
          parameters: { ...parameters, ...members },
        }),
      )
      .marks.at(-1)
  const day = 86_400_000
  t.match(raise({}), { key: 'defense/agent:worker', until: noon + 365 * day })
  t.match(raise({ high_water: 'run', remember_days: 2 }), {
    key: 'defense/run:worker/default',
    until: noon + 2 * day,
  })
  t.match(raise({ high_water: 'runs' }), { key: 'defense/agent:worker' }, 'the wider one')
  t.match(raise({ remember_days: 0 }), { until: noon + day })
  t.match(raise({ remember_days: Number.MAX_SAFE_INTEGER }), { until: noon + 36_500 * day })
})

test('an effect wants two people at least', async (t) => {
  const wanted = (members: Record<string, number | readonly string[]>) =>
    defenseDomain.validate(
      callTo('archive.example.com', {
        action: 'axn_effect',
        context: { classification: 'SECRET' },
        parameters: { ...parameters, ...members },
      }),
    ).violations
  const two = { verdict: 'approve', code: 'two-persons', need: 2 }
  t.match(wanted({}), [{ ...two, of: [] }])
  t.match(wanted({ effect_need: 1, effect_approvers: ['command'] }), [{ ...two, of: ['command'] }])
  t.match(wanted({ effect_need: 3 }), [{ ...two, need: 3 }])
  t.same(sends('archive.example.com', 'SECRET'), [], 'sending does not')
})

const types = { classification: '', destination: '' }

const names = Object.keys(types)

test('it answers whatever it is asked, with marks of whole numbers', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(defenseDomain, names), (call) => {
      askAll(defenseDomain, { ...call, parameters })
      return defenseDomain
        .afterDecision(call)
        .marks.every((mark) =>
          [mark.amount, mark.limit, mark.until].every(
            (each) => Number.isSafeInteger(each) && each >= 0,
          ),
        )
    }),
    { seed, numRuns: 500 },
  )
})

test('a fact of a wrong type never makes an allow of a denial', async (t) => {
  t.comment(seedSentence)
  fc.assert(tightensOnly(defenseDomain, types, parameters), { seed, numRuns: 500 })
})
