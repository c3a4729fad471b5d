/** What a report counts: verdicts, money, approvals, evidence, and the hosts that are new. */

import fc from 'fast-check'
import { test } from 'tap'
import '../kernel/seed.ts'
import { Ranking, Sample } from '../../evidence/report/counting.ts'
import { anomaliesOf } from '../../evidence/report/facts.ts'
import { columnOf, measures } from '../../evidence/report/measures.ts'
import { Series, startText, widthText } from '../../evidence/report/series.ts'
import { noon } from '../ledger/open-ledger.ts'
import {
  decision,
  event,
  ledgerOf,
  madeAt,
  readingOf,
  rootOf,
  settlement,
} from './report-ledger.ts'

test('each verdict is counted once, and what did not pass by its reason', async (t) => {
  const place = await ledgerOf(t, [
    decision(0, { verdict: 'allow' }),
    decision(1, { verdict: 'warn' }),
    decision(2, { verdict: 'deny', reason: { code: 'no-rule', id: '' }, host: 'a.example' }),
    decision(3, { verdict: 'deny', reason: { code: 'rule-denied', id: 'r1' }, host: 'a.example' }),
    decision(4, { verdict: 'halt', reason: { code: 'halted', id: '' }, host: 'b.example' }),
    event(5, 'rejected', { at: 5, code: 'identity-unknown', count: 40, message: 'm', status: 407 }),
  ])
  const { tally, verification } = await readingOf(place)
  const { agents, decisions, reasons, refusedHosts, rejected, verdicts } = tally.decisions
  t.equal(verification.exit, 0)
  t.equal(decisions, 5)
  t.equal(rejected, 40, 'an entry that counts is as many')
  t.same(Object.fromEntries(verdicts), { allow: 1, warn: 1, deny: 2, halt: 1 })
  t.same(
    reasons.top(9).map(({ name, values }) => [name, values[0]]),
    [
      ['identity-unknown', 40],
      ['halted', 1],
      ['no-rule', 1],
      ['rule-denied (r1)', 1],
    ],
  )
  t.same(refusedHosts.top(1), [{ name: 'a.example', values: [2] }])
  t.same(agents.top(1)[0]?.values.slice(0, 3), [5, 2, 3], 'all, passed, refused')
})

test('what is counted are the entries under the verified root, in the order of the ledger', async (t) => {
  const place = await ledgerOf(
    t,
    Array.from({ length: 40 }, (_, minute) => decision(minute, { verdict: 'allow' })),
  )
  const { tally, verification } = await readingOf(place)
  t.equal(tally.root(), await rootOf(place))
  t.equal(tally.size, verification.tree?.size)
})

test('money is the hold where nothing nearer is known, and the truth where it is', async (t) => {
  const hold = { cost_usd: 500, inflight: 1, requests: 1, tokens: 90 }
  const place = await ledgerOf(t, [
    decision(0, { verdict: 'allow', request: 'settled', hold, model: 'm1' }),
    settlement(1, 'settled', { actual: { cost_usd: 120, tokens: 30, tokens_in: 20 } }),
    decision(2, { verdict: 'allow', request: 'forfeited', hold, model: 'm1' }),
    settlement(3, 'forfeited', { actual: { cost_usd: 700 }, outcome: 'forfeited' }),
    decision(4, { verdict: 'allow', request: 'voided', hold, model: 'm2' }),
    settlement(5, 'voided', { actual: {}, outcome: 'voided' }),
    decision(6, { verdict: 'deny', request: 'denied', hold, model: 'm2' }),
  ])
  const { spending } = (await readingOf(place)).tally
  t.same(Object.fromEntries(spending.totals), {
    cost_usd: 120 + 700,
    requests: 2,
    tokens: 30 + 90,
    tokens_in: 20,
  })
  t.same(spending.models.top(2, 3), [{ name: 'm1', values: [2, 20, 0, 820] }])
  t.equal(spending.unjoined, 0)
})

test('an approval is asked for once, and answered by the first person who says something', async (t) => {
  const reason = { code: 'approval-required', id: 'r' }
  const answer = (minute: number, op: string, verdict = 'allow') =>
    event(minute, 'approval', { approval: 'one', at: minute, by: 'anna', op, verdict })
  const place = await ledgerOf(t, [
    decision(0, { verdict: 'approve', approvalId: 'one', reason }),
    decision(1, { verdict: 'approve', approvalId: 'one', reason }),
    answer(7, 'approve', 'deny'),
    answer(10, 'approve'),
    answer(30, 'approve'),
    decision(31, { verdict: 'allow', approvalId: 'one' }),
    decision(32, { verdict: 'approve', approvalId: 'two', reason }),
    event(92, 'approval', { approval: 'two', at: 92, op: 'expire', verdict: 'allow' }),
  ])
  const { people } = (await readingOf(place)).tally
  t.equal(people.asked, 2)
  t.same(Object.fromEntries(people.answers), { approve: 2, expire: 1 })
  t.equal(people.answersRefused, 1)
  t.equal(people.passedByApproval, 1)
  t.equal(people.responses.count, 1, 'an end without an answer is no answer')
  t.equal(people.responses.medianMs, 10 * 60_000)
})

test('an entry is evidence of the controls that its decision names, and of its kind', async (t) => {
  const place = await ledgerOf(t, [
    decision(0, { verdict: 'allow', controls: ['hipaa/164.312(b)', 'gdpr/art-30'] }),
    decision(1, { verdict: 'deny', controls: ['gdpr/art-30', 'gdpr/art-30'] }),
    event(2, 'halt', { at: 2, by: 'operator', cause: 'operator', reason: 'r', scope: 'agent:a' }),
    event(3, 'erasure', { at: 3 }),
  ])
  const { evidence } = (await readingOf(place)).tally
  t.equal(evidence.named('hipaa/164.312(b)').count, 1)
  t.equal(evidence.named('gdpr/art-30').count, 2, 'an id that stands there twice counts once')
  t.equal(evidence.named('gdpr/art-5').count, 0)
  t.equal(evidence.of('refusal').count, 1)
  t.equal(evidence.of('halt').count, 1)
  t.equal(evidence.of('erasure').count, 1)
  t.equal(evidence.of('inspection').count, 0, 'plain HTTP was not inspected')
  t.equal(evidence.named('gdpr/art-30').last?.seq, 3)
})

test('only entries of the period are counted, and those before tell what is known', async (t) => {
  const hold = { cost_usd: 9 }
  const place = await ledgerOf(t, [
    decision(0, { verdict: 'allow', host: 'old.example', request: 'long', hold, model: 'm' }),
    decision(60, { verdict: 'allow', host: 'old.example' }),
    decision(61, { verdict: 'allow', host: 'new.example' }),
    settlement(62, 'long', { actual: {} }),
    decision(90, { verdict: 'deny', host: 'later.example' }),
  ])
  const period = { from: noon + 60 * 60_000, until: noon + 90 * 60_000 }
  const reading = await readingOf(place, period)
  const { tally } = reading
  t.equal(tally.decisions.decisions, 2)
  t.equal(tally.spending.totals.get('cost_usd'), 9, 'the hold of a decision before the period')
  const [hosts] = anomaliesOf({ ...reading, at: madeAt, by: 'test', key: '' }, 5)
  t.match(hosts, /^1 host was asked for the first time in this period: new\.example /)
  t.notMatch(hosts, 'later.example')
})

test('a spike is told of with its interval and the median', async (t) => {
  const calm = Array.from({ length: 20 }, (_, hour) => decision(hour * 60, { verdict: 'deny' }))
  const burst = Array.from({ length: 30 }, (_, one) => decision(21 * 60 + one, { verdict: 'deny' }))
  const reading = await readingOf(await ledgerOf(t, [...calm, ...burst]))
  const told = anomaliesOf({ ...reading, at: madeAt, by: 'test', key: '' }, 5).join('\n')
  t.match(told, /Spike of refusals: \d+ in .* from 22 Nov 09:00, where the median is 1/)
  const quiet = await readingOf(await ledgerOf(t, calm))
  const none = anomaliesOf({ ...quiet, at: madeAt, by: 'test', key: '' }, 5).join('\n')
  t.match(none, 'No interval had more than 4 times the median')
})

test('a series keeps each amount whatever the span, in a bounded number of intervals', async (t) => {
  const instants = fc.array(fc.integer({ min: 0, max: 4_000_000_000_000 }), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(instants, fc.integer({ min: 1, max: 60 }), (all, countMax) => {
      const series = new Series(measures.length)
      for (const instant of all) series.add(instant, columnOf('allow'), 1)
      const from = Math.min(...all)
      const { list, widthMs } = series.between(from, Math.max(...all) + 1, countMax)
      const sum = list.reduce((total, { values }) => total + (values[columnOf('allow')] ?? 0), 0)
      const isShort = list.length <= countMax
      const spans = (list[0]?.start ?? 0) <= from && widthMs > 0
      // The widest interval is ten years: what does not fit in so many of them is cut, and only that.
      const fits = Math.max(...all) - from < (countMax - 1) * 3_640 * 86_400_000
      return isShort && spans && (!fits || sum === all.length)
    }),
  )
  t.equal(widthText(3_600_000), 'an hour')
  t.equal(startText(noon, 3_600_000), '21 Nov 12:00')
})

test('a ranking is exact below its bound, and its largest are right above it', async (t) => {
  const ranking = new Ranking(1)
  for (let index = 0; index < 20_000; index += 1) {
    ranking.add(`rare-${index}`, 0, 1)
    ranking.add('frequent', 0, 1)
  }
  t.same(ranking.top(1), [{ name: 'frequent', values: [20_000] }])
  t.ok(ranking.size <= 4_096, `${ranking.size} names are kept`)
  t.ok(ranking.pruned > 0, 'and it says that some were given up')
})

test('a sample is of the smallest hashes, whatever the order', async (t) => {
  const hex = fc.uniqueArray(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1 })
  fc.assert(
    fc.property(hex, (all) => {
      const sample = new Sample()
      const hashOf = (value: number): string => value.toString(16).padStart(64, '0')
      for (const [seq, value] of all.entries()) {
        sample.add({ seq, hash: hashOf(value), kind: 'decision', ts: '' })
      }
      const smallest = [...all]
        .sort((one, other) => one - other)
        .slice(0, 5)
        .map(hashOf)
      const told = sample.entries.map(({ hash }) => hash).sort()
      return JSON.stringify(told) === JSON.stringify(smallest) && sample.count === all.length
    }),
  )
  t.pass('for hashes in any order')
})
