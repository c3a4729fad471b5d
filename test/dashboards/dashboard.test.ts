/** The dashboard before a real Prometheus: it scrapes a gate under traffic, and every query of every panel has an answer. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { BusyGate } from './busy-gate.ts'
import { lacking, Prometheus, type Series } from './prometheus.ts'

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly refId: string }[]
}

const { panels } = JSON.parse(readFileSync('dashboards/haltgate.json', 'utf8')) as {
  panels: readonly Panel[]
}

/** What Grafana would put there: four scrapes at least. */
const rateInterval = '10s'

const queries = panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, refId }) => ({
    title: `${title} ${refId}`,
    expression: expr.replaceAll('$__rate_interval', rateInterval),
  })),
)

/** What has to be told of traffic like this: an answer of zeros only would be one, and a wrong one. */
const moving = [
  'haltgate_decisions_total',
  'haltgate_ledger_entries_total',
  'haltgate_bytes_total',
  'haltgate_upstream_errors_total',
  'haltgate_halts_total',
  'haltgate_policy_reload_failures_total',
  'haltgate_approvals_pending',
  'haltgate_budget_spent_total',
  'haltgate_holds_open',
  'haltgate_tunnels_open',
  'haltgate_witnessed_size',
]

const isMoving = (expression: string): boolean =>
  !expression.includes(' - ') && moving.some((name) => expression.includes(name))

const told = (series: readonly Series[]): readonly Series[] =>
  series.filter(({ value }) => Number.isFinite(value))

const line = (series: readonly Series[]): string =>
  series
    .slice(0, 4)
    .map(({ labels, value }) => {
      const { __name__, instance, job, ...rest } = labels
      const words = Object.entries(rest).map(([name, text]) => `${name}=${text.slice(0, 16)}`)
      return `${words.join(',') || '-'} ${Number(value.toPrecision(4))}`
    })
    .join('; ')

/** Longer than a rate looks back, and in all far below a minute. */
const trafficMs = 15_000
const patienceMs = 30_000

test('every query of the dashboard has an answer from a Prometheus that scrapes a busy gate', {
  skip: lacking('prometheus'),
}, async (t) => {
  const busy = await BusyGate.open(t)
  const prometheus = await Prometheus.open(t, busy.controlPort)
  const begun = Date.now()
  const silent = new Map(queries.map((query) => [query.title, query.expression]))
  const answers = new Map<string, string>()
  while (Date.now() - begun < trafficMs || silent.size > 0) {
    await busy.round()
    if (Date.now() - begun > patienceMs) break
    if (Date.now() - begun < trafficMs) continue
    for (const [title, expression] of silent) {
      const series = told(await prometheus.query(expression))
      if (series.length === 0) continue
      if (isMoving(expression) && series.every(({ value }) => value === 0)) continue
      answers.set(title, line(series))
      silent.delete(title)
    }
  }
  for (const [title, answer] of answers) t.comment(`${title}: ${answer}`)
  t.same([...silent], [], 'no query is without an answer')
  t.equal(answers.size, queries.length)
  const { firing, ailing } = await prometheus.rules()
  t.same(ailing, [], 'each alert can be evaluated over the real series')
  t.same(firing, ['HaltgateHalt', 'HaltgateReloadRefused'], 'and those fire that should, alone')
  t.same(busy.seals, [])
})
