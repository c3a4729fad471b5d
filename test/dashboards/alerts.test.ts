/** The rules of dashboards/alerts.yaml: Prometheus reads them, each is tested both ways, and each is documented. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { parse } from 'yaml'
import { metricTable } from '../../control/metric-table.ts'
import { lacking } from './prometheus.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
}

interface Case {
  readonly alertname: string
  readonly exp_alerts: readonly unknown[]
}

const text = readFileSync('dashboards/alerts.yaml', 'utf8')
const { groups } = parse(text) as { groups: readonly { rules: readonly Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const names = rules.map(({ alert }) => alert)

const skip = lacking('promtool')

function promtool(...args: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}` }
}

test('Prometheus reads the rules', { skip }, async (t) => {
  const { status, said } = promtool('check', 'rules', 'dashboards/alerts.yaml')
  t.equal(status, 0, said)
  t.match(said, `SUCCESS: ${rules.length} rules found`)
})

test('each alert fires over its series, and over the others it does not', { skip }, async (t) => {
  const { status, said } = promtool('test', 'rules', 'dashboards/alerts.test.yaml')
  t.equal(status, 0, said)
})

test('no alert can be switched off, or always be on, without a test of it that fails', {
  skip,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-alerts-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  cpSync('dashboards/alerts.test.yaml', join(directory, 'alerts.test.yaml'))
  for (const expr of ['vector(1) > 2', 'vector(1)']) {
    const changed = rules.map((rule) => ({ ...rule, expr }))
    const file = { groups: [{ name: 'haltgate', rules: changed }] }
    writeFileSync(join(directory, 'alerts.yaml'), JSON.stringify(file))
    const { status, said } = promtool('test', 'rules', join(directory, 'alerts.test.yaml'))
    t.equal(status, 1, expr)
    for (const { alert } of rules) t.match(said, `alertname: ${alert}, time`, `${alert}: ${expr}`)
  }
})

test('each alert has a case in which it fires, and one in which it does not', async (t) => {
  const cases = parse(readFileSync('dashboards/alerts.test.yaml', 'utf8')) as {
    tests: readonly { alert_rule_test: readonly Case[] }[]
  }
  const all = cases.tests.flatMap((one) => one.alert_rule_test)
  const of = (fires: boolean): ReadonlySet<string> =>
    new Set(all.filter((one) => one.exp_alerts.length > 0 === fires).map((one) => one.alertname))
  t.same([...of(true)].sort(), [...names].sort())
  t.same([...of(false)].sort(), [...names].sort())
})

test('alerts name no metric that the gate does not have, and have a severity', async (t) => {
  for (const { alert, expr, labels } of rules) {
    const metrics = [...expr.matchAll(/\bhaltgate_\w+/g)].map(([name]) => name)
    const unknown = metrics.filter((name) => !(name.replace(/_bucket$/, '') in metricTable))
    t.same(unknown, [], alert)
    t.match(labels['severity'], /^(critical|warning|info)$/, alert)
  }
})

test('docs/observability.md has one row for each alert, with its severity', async (t) => {
  const docs = readFileSync('docs/observability.md', 'utf8')
  const rows = [...docs.matchAll(/^\| `(Haltgate\w+)` \| (\w+) \| (.{10,}) \| (.{10,}) \|$/gm)]
  t.same(
    rows.map(([, name, severity]) => [name, severity]),
    rules.map(({ alert, labels }) => [alert, labels['severity']]),
  )
})
