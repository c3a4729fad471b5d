/** What the decision API says of the policy and of the ledger, without a decision. */
import { parse } from 'yaml'
import { loadPolicy } from '../../policy/load.ts'
import { deskTest, general, type Json, record, refusalOf, tokenOf } from './decisions-world.ts'
import { ask } from './wire.ts'

deskTest(
  'the policy can be read: its domains, their types and templates, and the controls',
  async (t, desk) => {
    const { json } = await desk.get('/api/v1/domains')
    const domains = json['domains'] as readonly Json[]
    t.equal(json['constitutional_hash'], desk.digest())
    for (const name of ['ai', 'finance', 'general'])
      t.ok(
        domains.some((one) => one['name'] === name),
        name,
      )
    for (const { name } of domains) {
      const config = (await desk.get(`/api/v1/${name}/config`)).json
      t.match(config, {
        name,
        actors: [{ name: /^act_/ }],
        actions: [{ name: /^axn_/ }],
        resources: [{ name: /^res_/ }],
      })
      const { templates } = (await desk.get(`/api/v1/${name}/policy-templates`)).json as {
        templates: readonly { text: string }[]
      }
      t.ok(templates.length > 0, `${name} has templates`)
      for (const { text } of templates) t.equal((parse(text) as Json)['version'], 1)
    }
    for (const path of ['config', 'policy-templates']) {
      const unknown = await desk.get(`/api/v1/space/${path}`)
      t.same(refusalOf(unknown), { status: 404, code: 'domain-unknown', hasEntry: true })
    }
    const { frameworks, version } = (await desk.get('/api/v1/controls')).json
    t.match(version, /^\d{4}-/)
    t.ok((frameworks as readonly Json[]).length >= 17)
  },
)

deskTest(
  'the rules are evaluated one by one, and conflicts end with the strictest',
  async (t, desk) => {
    const path = '/api/v1/governance/policies/evaluate'
    const { json } = await desk.ask(path, { ...record, domain: 'general' })
    t.match(json, {
      verdict: 'allow',
      constitutional_hash: desk.digest(),
      domain: 'general',
      refusals: [],
      violations: [],
      checks: [/^general\//],
    })
    const rules = json['rules'] as readonly Json[]
    t.match(
      rules.find(({ id }) => id === 'write'),
      { matched: 'yes', why: '' },
    )
    t.match(
      rules.find(({ id }) => id === 'guarded'),
      { matched: 'no', why: /\w/ },
    )
    t.match(
      (json['budgets'] as readonly Json[]).find(({ id }) => id === 'few'),
      { matched: 'yes' },
    )
    const unknown = await desk.ask(path, { ...record, action: 'axn_fly', domain: 'general' })
    t.match(unknown.json, { verdict: 'deny', violations: [{ code: 'type-unknown' }] })
    const target = { method: 'POST', url: `${desk.origin.url}/doubt` }
    t.match((await desk.ask(path, { ...record, domain: 'general', target })).json, {
      verdict: 'deny',
      refusals: [{ code: 'type-unknown' }],
    })
    const said = await desk.ask('/api/v1/governance/conflicts/resolve', {
      verdicts: [
        { source: 'rule', verdict: 'allow' },
        { source: 'desk', verdict: 'deny' },
        { source: 'budget', verdict: 'queue' },
        { source: 'risk', verdict: 'deny' },
      ],
    })
    t.same(said.json, {
      verdict: 'deny',
      deciding: ['desk', 'risk'],
      overruled: ['rule', 'budget'],
      conflict: true,
      order: 'halt > deny > approve > queue > warn > allow',
    })
    t.same(desk.world.entries('preview', 'decision', 'rejected'), [], 'neither is a decision')
  },
)

deskTest('the ledger is read page by page, whole and filtered', async (t, desk) => {
  for (let asked = 0; asked < 7; asked += 1)
    await desk.ask(general, { ...record, actor: asked % 2 === 0 ? 'worker' : 'trader' })
  const all = desk.world.entries()
  const seen: unknown[] = []
  let cursor: string | null = '0'
  while (cursor !== null) {
    const { json } = await desk.get(`/api/v1/constitutional/audit?limit=3&cursor=${cursor}`)
    const entries = json['entries'] as readonly Json[]
    t.ok(entries.length <= 3)
    seen.push(...entries.map(({ seq }) => seq))
    cursor = (json['pagination'] as { next: string | null }).next
  }
  t.same(
    seen,
    all.map(({ seq }) => seq),
    'each once, in order',
  )
  const { json } = await desk.get('/api/v1/constitutional/audit?kind=preview&agent=trader')
  t.match(json, { entries: { length: 3 }, pagination: { next: null, limit: 50 } })
  for (const query of [
    'limit=x',
    'cursor=-1',
    'kind=A',
    'agent=a%20b',
    'more=1',
    'limit=1&limit=2',
  ]) {
    const answer = await desk.get(`/api/v1/constitutional/audit?${query}`)
    t.same(refusalOf(answer), { status: 400, code: 'malformed-request', hasEntry: true }, query)
  }
})

deskTest(
  'a draft of what was seen is a policy that loads, and changes nothing',
  async (t, desk) => {
    const headers = {
      'Proxy-Authorization': `Basic ${Buffer.from(`trader:${tokenOf('trader')}`).toString('base64')}`,
    }
    t.equal((await ask(desk.world.port, `${desk.origin.url}/quotes/ACME`, { headers })).status, 200)
    t.equal((await ask(desk.world.port, `${desk.origin.url}/secret`, { headers })).status, 403)
    const path = '/api/v1/constitutional/policies/synthesize'
    for (const [body, says] of [
      [{}, /quotes/],
      [{ denied: true, agent: 'trader' }, /secret/],
    ] as const) {
      const { json } = await desk.ask(path, body)
      t.match(json, { applied: false, policy: says, constitutional_hash: desk.digest() })
      const loaded = await loadPolicy({ name: 'draft.yaml', text: String(json['policy']) })
      t.same('problems' in loaded ? loaded.problems : [], [])
    }
    t.match((await desk.ask(path, { agent: 'worker' })).json, { policy: '' })
  },
)
