/** Actions that somebody asks about without a request: who speaks, what is judged, what is explained. */
import { test } from 'tap'
import type { Content } from '../../kernel/content.ts'
import type { AskedAction, RequestFacts } from '../../kernel/request.ts'
import { explain } from '../../policy/explain.ts'
import { policyOf, request, withRules } from './facts.ts'
import { body, codes, judged, logistics, occasion, ship } from './judged.ts'

function asked(changes: Partial<AskedAction>, value: Content['body'] = {}): RequestFacts {
  const action = { domain: 'logistics', action: 'axn_ship', resource: '', actor: '', ...changes }
  return request({
    kind: 'action',
    method: '',
    host: '',
    port: 0,
    path: '',
    action,
    ...body(value),
  })
}

test('an action that is asked about is judged by the rules of its domain alone', async (t) => {
  const policy = await policyOf(
    withRules(
      `${ship}
  - {id: any, effect: warn, domain: logistics}
  - {id: depot, effect: deny, domain: logistics, action: axn_ship, resource: "res_depot"}
  - {id: track, effect: allow, domain: logistics, action: axn_track, agents: [other]}
  - {id: heavy, effect: approve, domain: logistics, action: axn_ship, when: body.weight > 20}
  - {id: draft, effect: deny, domain: logistics, action: axn_ship, state: draft}
  - {id: every, effect: deny, methods: [DELETE]}
  - {id: all, effect: allow}`,
      `${logistics}budgets:
  - {id: run, scope: run, limits: {requests: 5}}
  - {id: host, scope: run, hosts: [example.com], limits: {requests: 5}}
  - {id: port, scope: run, ports: [80], limits: {requests: 5}}
  - {id: others, scope: run, agents: [other], limits: {requests: 5}}
  - {id: heavy-run, scope: run, when: body.weight > 20, limits: {requests: 5}}
`,
    ),
  )
  const light = policy.classify(asked({}, { id: '7', weight: 5 }))
  t.match(light, {
    ...{ rules: ['ship', 'any', 'depot'], drafts: ['draft'], budgets: ['run'], refusals: [] },
    ...{
      domain: 'logistics',
      action: 'axn_ship',
      resource: 'res_parcel:7',
      context: { weight: 5 },
    },
    ...{ decoder: '', addresses: [], payload: [], inject: [] },
  })
  const parcel = asked({ resource: 'res_parcel:7' }, { id: '7', weight: 25 })
  t.match(policy.classify(parcel), { rules: ['ship', 'any', 'heavy'], refusals: [] })
  t.same(policy.classify(parcel).budgets, ['run', 'heavy-run'])
  t.same(policy.classify(asked({ resource: 'res_depot:1' }, { id: 'x', weight: 5 })).rules, [
    ...['ship', 'any', 'depot'],
  ])
  const other = policy.classify(asked({ resource: 'res_parcel:8' }, { id: '7', weight: 5 }))
  t.match(other.refusals, [{ code: 'validator-refused', id: 'ship' }])
  t.equal(other.resource, 'res_parcel:8')
  t.same(policy.classify(asked({ action: 'axn_track' })).rules, ['any'])
  t.same(codes(judged(policy, parcel)), [])
  t.same(codes(judged(policy, asked({ resource: 'res_parcel:7' }, { id: '7', weight: 40 }))), [
    'deny logistics/bound-weight',
  ])
  t.same(codes(judged(policy, asked({ domain: 'nothing' }))), ['deny nothing/domain-unknown'])
  t.same(codes(judged(policy, asked({ action: 'axn_recall', actor: 'act_dispatcher' }))), [
    'approve logistics/human-approval',
  ])
  t.same(codes(judged(policy, asked({ action: 'axn_recall', actor: 'act_pilot' }))), [
    'deny logistics/type-unknown',
  ])
  const explained = explain(policy, parcel, occasion)
  t.equal(explained.verdict, 'approve')
  t.same(
    explained.rules.map(({ id, matched }) => `${id} ${matched}`),
    ['ship yes', 'any yes', 'depot no', 'track no', 'heavy yes', 'draft yes'],
  )
  t.same(policy.classify(request({ kind: 'action', port: 0, host: '' })).rules, [])
})
