/** The decision API before a real gate: what is permitted, what is not and why, and that nothing is sent or charged. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { decisionAnswer } from '../../control/decide/schemas.ts'
import { deskTest, general, type Json, record, usedOf, write } from './decisions-world.ts'

const page = 'docs/decisions.md'

deskTest(
  'an action is permitted with all that an answer says, and nothing is sent or held',
  async (t, desk) => {
    const { json, status } = await desk.ask(general, { ...record, request_id: 'mine-1' })
    t.equal(status, 200)
    const ajv = new Ajv2020({ strict: false })
    t.ok(ajv.validate(decisionAnswer, json), ajv.errorsText())
    t.match(json, {
      ...{
        request_id: 'mine-1',
        decision: 'permit',
        verdict: 'allow',
        reasoning: [],
        violations: [],
      },
      ...{ constitutional_hash: desk.digest(), tenant: 'acme', compliance_level: 'standard' },
      ...{ domain: 'general', action: 'axn_write', hold: null, approval: null, risk_level: 2 },
      ...{ receipt: /^\d+-[0-9a-f]{16}$/, action_digest: /^[0-9a-f]{64}$/, cache_hit: false },
      compliance: { score: 1, formula: /^held weight \/ applied weight = (\d+) \/ \1$/ },
    })
    const controls = json['controls'] as readonly Json[]
    t.ok(controls.length > 0, 'it is evidence for something')
    for (const control of controls) {
      t.match(control, { id: /^[a-z0-9-]+\/\S+$/, title: /\w{3}/, evidence: /\w/ })
    }
    t.match(
      await desk.ask(general, record),
      { json: { cache_hit: true } },
      'equal ones are remembered',
    )
    t.equal(await usedOf(desk, 'few'), 0)
    t.equal(desk.origin.total, 0)
    const [entry] = desk.world.entries('preview')
    t.match(entry, { data: { verdict: 'allow', domain: 'general', action: 'axn_write' } })
    t.equal(json['receipt'], `${entry?.seq}-${entry?.hash.slice(0, 16)}`)
    const [, example = ''] = /```json\n(\{[\s\S]*?\n\})/.exec(readFileSync(page, 'utf8')) ?? []
    const shown = [...example.matchAll(/^ {2}"(\w+)":/gm)].map(([, name]) => name)
    t.same(shown, Object.keys(json), `${page} shows each member`)
  },
)

deskTest(
  'what is denied is denied for its reasons, with what to do, and scores less',
  async (t, desk) => {
    const path = '/api/v1/finance/decisions/request'
    const rebalance = { actor: 'trader', action: 'axn_rebalance', resource: 'res_portfolio' }
    const cases: readonly (readonly [string, object, string, string, string])[] = [
      ['no rule', { ...write, action: 'axn_read', context: {} }, general, 'no-rule', 'rules'],
      [
        'an unknown action',
        { ...write, action: 'axn_fly', context: {} },
        general,
        unknown,
        unknown,
      ],
      ['an unknown resource', { ...record, resource: 'res_moon' }, general, unknown, unknown],
      ['an unknown actor', { ...record, actor_type: 'act_ghost' }, general, unknown, unknown],
      ['no facts', { ...rebalance, context: {} }, path, 'validator-refused', 'rules'],
    ]
    for (const [what, body, where, code, principle] of cases) {
      const { json, status } = await desk.ask(where, body)
      t.equal(status, 200, what)
      t.match(
        json,
        { decision: 'deny', capability_token: null, receipt: /^\d+-/, hold: null },
        what,
      )
      const violations = json['violations'] as readonly Json[]
      const found = violations.find((violation) => violation['code'] === code)
      const severity = /^(high|critical)$/
      t.match(found, { principle, severity, recommendation: /\w{3}/, message: /\w{3}/ }, what)
      const { score, checks } = json['compliance'] as { score: number; checks: readonly Json[] }
      const failed = checks.filter(({ held }) => held === false).map(({ check }) => check)
      t.ok(score < 1 && failed.includes(principle), `${what}: ${score}, ${failed.join()}`)
    }
  },
)

const unknown = 'general/type-unknown'

deskTest('the score is the weight that held over the weight that applied', async (t, desk) => {
  const { json } = await desk.ask(general, { ...write, action: 'axn_read', context: {} })
  const { score, formula, checks } = json['compliance'] as {
    score: number
    formula: string
    checks: readonly { check: string; weight: number; held: boolean }[]
  }
  const sum = (some: typeof checks): number => some.reduce((total, { weight }) => total + weight, 0)
  const held = sum(checks.filter((one) => one.held))
  t.equal(score, Math.floor((1000 * held) / sum(checks)) / 1000)
  t.equal(formula, `held weight / applied weight = ${held} / ${sum(checks)}`)
  t.same(
    checks.filter((one) => !one.held).map(({ check }) => check),
    ['rules'],
  )
  for (const { check, weight } of checks) t.equal(weight, check.includes('/') ? 2 : 4, check)
})
