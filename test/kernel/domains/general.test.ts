/** The domain general knows its types, and refuses nothing by itself. */
import fc from 'fast-check'
import { test } from 'tap'
import { generalDomain } from '../../../kernel/domains/general.ts'
import { judgeCall } from '../../../kernel/judge.ts'
import { seed, seedSentence } from '../seed.ts'
import { anyCall, askAll, callOf, fallbacks, said } from './call.ts'

const terms = { plugin: generalDomain, origin: 'builtin', parameters: fallbacks(generalDomain) }

const codes = (members: Parameters<typeof callOf>[1]): readonly string[] =>
  judgeCall(terms, callOf(generalDomain, members), () => 0).violations.map(({ code }) => code)

test('what it knows passes, and what it does not know is refused', async (t) => {
  for (const { name: action } of generalDomain.config.actions) {
    t.same(codes({ action }), [], action)
    t.same(codes({ action, resource: 'res_record' }), [], action)
    t.same(codes({ action, resource: 'res_planet' }), ['type-unknown'], action)
    t.same(codes({ action, actor: 'act_planet' }), ['type-unknown'], action)
  }
  t.same(codes({ action: 'axn_launch' }), ['type-unknown'])
  t.same(codes({ action: 'AXN_READ' }), ['type-unknown'], 'types are compared exactly')
})

test('it answers whatever it is asked', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(generalDomain, ['a']), (call) => {
      askAll(generalDomain, call)
      return said(generalDomain, call).length === 0
    }),
    { seed },
  )
})
