/** The score and the pace of decisions: pure, and true of whatever a gate could answer. */
import fc from 'fast-check'
import { test } from 'tap'
import { levelOf, permits } from '../../control/decide/answer.ts'
import { asksMax, Pace, paceMs } from '../../control/decide/pace.ts'
import { complianceLevels } from '../../control/decide/schemas.ts'
import { domainWeight, kernelChecks, kernelWeight, scoreOf } from '../../control/decide/score.ts'
import { type ReasonCode, reasons } from '../../kernel/reasons.ts'
import { verdicts } from '../../kernel/verdict.ts'
import '../kernel/seed.ts'

const codes = Object.keys(reasons) as ReasonCode[]
const domainChecks = ['ai/tools', 'ai/type-unknown', 'finance/order-value']
const ids = ['', 'per-run', 'run:a/b', 'project:t/p', ...domainChecks]

const reason = fc.record({
  code: fc.constantFrom(...codes),
  id: fc.constantFrom(...ids),
  message: fc.constant('x'),
})

const judgement = fc.record({
  violations: fc.constant([]),
  checks: fc.subarray(domainChecks),
  charge: fc.constant({}),
  marks: fc.constant([]),
  controls: fc.constant([]),
  riskLevel: fc.constant(1 as const),
  added: fc.constant({}),
})

const given = fc.record({
  judgement: fc.option(judgement),
  reasons: fc.array(reason, { maxLength: 4 }),
  verdict: fc.constantFrom(...verdicts),
})

test('only what nobody objected to scores 1, and the score is its formula', async (t) => {
  fc.assert(
    fc.property(given, (answered) => {
      const { score, formula, checks } = scoreOf(answered)
      const sum = (some: typeof checks): number => some.reduce((all, { weight }) => all + weight, 0)
      const held = sum(checks.filter((check) => check.held))
      const isClean = answered.verdict === 'allow' && answered.reasons.length === 0
      return (
        score >= 0 &&
        (score === 1) === isClean &&
        score === Math.floor((1000 * held) / sum(checks)) / 1000 &&
        formula.endsWith(`${held} / ${sum(checks)}`) &&
        new Set(checks.map(({ check }) => check)).size === checks.length
      )
    }),
  )
  const { checks } = scoreOf({ judgement: null, reasons: [], verdict: 'allow' })
  t.same(
    checks,
    kernelChecks.map((check) => ({ check, weight: kernelWeight, held: true })),
  )
  t.ok(domainWeight < kernelWeight)
})

test('each reason speaks against one check, and trouble of the gate itself counts as well', async (t) => {
  for (const code of codes) {
    const { checks } = scoreOf({
      judgement: null,
      reasons: [{ code, id: 'x', message: '' }],
      verdict: 'deny',
    })
    t.equal(checks.filter(({ held }) => !held).length, 1, code)
  }
  const warned = [{ code: 'validator-refused', id: 'ai/tools', message: '' }] as const
  const { checks } = scoreOf({ judgement: null, reasons: warned, verdict: 'warn' })
  t.same(
    checks.filter(({ held }) => !held),
    [{ check: 'ai/tools', weight: domainWeight, held: false }],
  )
})

test('no level permits what a stricter one would not, and a caller never lowers it', async (t) => {
  for (const mode of ['enforce', 'observe']) {
    const own = levelOf(undefined, mode)
    for (const asked of complianceLevels) {
      const rank = complianceLevels.indexOf(levelOf(asked, mode))
      t.ok(rank >= complianceLevels.indexOf(own) && rank >= complianceLevels.indexOf(asked))
    }
  }
  for (const verdict of verdicts) {
    const [permissive, standard, strict] = complianceLevels.map((level) => permits(verdict, level))
    t.ok(!strict || standard, verdict)
    t.ok(!standard || permissive, verdict)
  }
  t.notOk(complianceLevels.some((level) => permits('approve', level) || permits('deny', level)))
})

test('an agent asks so often in a minute, each by its own count', async (t) => {
  const pace = new Pace()
  t.equal(pace.waitOf('a', asksMax - 1, 0), 0)
  t.equal(pace.waitOf('a', 2, 1_000), 59, 'what does not fit is not counted')
  t.equal(pace.waitOf('a', 1, 1_000), 0)
  t.equal(pace.waitOf('a', 1, paceMs - 1), 1)
  t.equal(pace.waitOf('b', 1, paceMs - 1), 0)
  t.equal(pace.waitOf('a', 1, paceMs), 0)
})
