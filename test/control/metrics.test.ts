/** Metrics: every name with its help, type and labels, bounded values, true numbers, and documents that agree. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { labelValuesMax } from '../../control/bounded.ts'
import { Histogram } from '../../control/histogram.ts'
import { metricTable } from '../../control/metric-table.ts'
import { createMetrics, type Metrics } from '../../control/metrics.ts'
import { digest, hash, openControl, purse, scriptedGate } from './world.ts'

interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the exposition format 0.0.4, and throws on a line that is none. */
function parse(text: string): {
  readonly types: ReadonlyMap<string, string>
  readonly helps: ReadonlySet<string>
  readonly lines: readonly Line[]
} {
  const types = new Map<string, string>()
  const helps = new Set<string>()
  const lines: Line[] = []
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind = '', of = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') helps.add(of)
    else if (kind === 'TYPE') types.set(of, rest)
    else lines.push(sampleOf(line))
  }
  return { types, helps, lines }
}

function sampleOf(line: string): Line {
  const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (match === null) throw new Error(`no exposition: ${line}`)
  const labels: Record<string, string> = {}
  for (const [, name = '', value = ''] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value
  }
  return { name: match[1] ?? '', labels, value: Number(match[3]) }
}

async function read(metrics: Metrics): Promise<readonly Line[]> {
  return parse(await metrics.text()).lines
}

function numberOf(
  lines: readonly Line[],
  name: string,
  labels: Line['labels'] = {},
): number | null {
  const wanted = JSON.stringify(labels)
  const found = lines.filter((line) => line.name === name && JSON.stringify(line.labels) === wanted)
  return found.length === 1 ? (found[0]?.value ?? null) : null
}

type Kind = Parameters<Metrics['opened']>[0]

/** One of everything, so that no metric is without a line. */
function busy(): Metrics {
  const metrics = createMetrics()
  metrics.attach(scriptedGate())
  metrics.decided('allow', '', 'ai', 0.00002)
  metrics.decided('allow', '', 'ai', 0.00002)
  metrics.decided('deny', 'no-rule', '', 0.00002)
  metrics.decided('allow', '', 'ai', 0.5)
  metrics.admitted(0.002)
  metrics.committed(3, 900, 0.0004)
  metrics.appended('decision')
  metrics.appended('decision')
  metrics.appended('halt')
  metrics.stepped()
  metrics.severed('agent:looper', 'operator')
  metrics.severed('fleet', 'signal')
  for (const kind of ['tunnel', 'websocket', 'tunnel', 'request'] as const) metrics.opened(kind)
  const ends: readonly (readonly [Kind, number, string])[] = [
    ['tunnel', 200, ''],
    ['request', 204, ''],
    ['request', 503, ''],
    // Cut in the middle of an answer of the upstream's own.
    ['request', 200, 'halted'],
    // Answered by the gate itself: halted before an answer came, and upstreams that failed.
    ['request', 403, 'halted'],
    ['request', 504, 'upstream-timeout'],
    ['request', 502, 'upstream-unreachable'],
    ['request', 0, ''],
    ['request', 999, 'nonsense'],
  ]
  for (const [kind, status, cut] of ends) {
    metrics.ended({ kind, status, cut, bytesUp: 10, bytesDown: 7 })
  }
  metrics.reloadFailed()
  return metrics
}

test('the text has HELP and TYPE of each metric of the table, its labels, and nothing else', async (t) => {
  const text = await busy().text()
  const { types, helps, lines } = parse(text)
  t.same([...types.keys()], Object.keys(metricTable))
  t.same([...helps], Object.keys(metricTable))
  t.match(text, /\n$/)
  for (const [name, { type, labels }] of Object.entries(metricTable)) {
    t.equal(types.get(name), type, name)
    const suffix = type === 'histogram' ? '(_bucket|_sum|_count)' : ''
    const own = lines.filter((line) => new RegExp(`^${name}${suffix}$`).test(line.name))
    t.ok(own.length > 0, `${name} has a line`)
    for (const line of type === 'histogram' ? [] : own) t.same(Object.keys(line.labels), labels)
    // What promtool's linter asks of names.
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is for counters`)
    t.notMatch(name, /_(bucket|sum|count)$/)
  }
  t.equal(new Set(lines.map((line) => JSON.stringify([line.name, line.labels]))).size, lines.length)
})

test('each number is what happened', async (t) => {
  const lines = await read(busy())
  const expected: readonly (readonly [string, Line['labels'], number])[] = [
    ['decisions_total', { verdict: 'allow', reason: '', domain: 'ai' }, 3],
    ['decisions_total', { verdict: 'deny', reason: 'no-rule', domain: '' }, 1],
    ['decision_duration_seconds_count', {}, 4],
    ['decision_duration_seconds_bucket', { le: '0.000025' }, 3],
    ['decision_duration_seconds_bucket', { le: '+Inf' }, 4],
    ['admit_duration_seconds_bucket', { le: '0.001' }, 0],
    ['admit_duration_seconds_bucket', { le: '0.0025' }, 1],
    ['admit_duration_seconds_sum', {}, 0.002],
    ['ledger_commit_duration_seconds_count', {}, 1],
    ['ledger_entries_total', { kind: 'decision' }, 2],
    ['ledger_entries_total', { kind: 'halt' }, 1],
    ['ledger_head_seq', {}, 41],
    ['ledger_head_info', { hash }, 1],
    ['budget_spent_total', { budget: 'per-run', dimension: 'cost_usd' }, 1e9],
    ['budget_remaining_ratio', { budget: 'per-run', dimension: 'cost_usd' }, 0.8],
    ['steps_total', {}, 1],
    ['halts_total', { scope: 'agent', cause: 'operator' }, 1],
    ['halts_total', { scope: 'fleet', cause: 'signal' }, 1],
    ['halted', { scope: 'agent:looper' }, 1],
    ['holds_open', {}, 2],
    ['tunnels_open', {}, 2],
    ['upstream_requests_total', { status_class: '2xx' }, 2],
    ['upstream_requests_total', { status_class: '5xx' }, 1],
    ['upstream_requests_total', { status_class: '4xx' }, 0],
    ['upstream_errors_total', { code: 'upstream-timeout' }, 1],
    ['upstream_errors_total', { code: 'upstream-unreachable' }, 1],
    ['bytes_total', { direction: 'up' }, 90],
    ['bytes_total', { direction: 'down' }, 63],
    ['approvals_pending', {}, 0],
    ['policy_info', { digest, mode: 'enforce' }, 1],
    ['policy_reload_failures_total', {}, 1],
    ['sealed', {}, 0],
  ]
  for (const [name, labels, value] of expected) {
    t.equal(numberOf(lines, `haltgate_${name}`, labels), value, `${name} ${JSON.stringify(labels)}`)
  }
})

test('what is spent stays counted when its period closes, and counts on in the next', async (t) => {
  const metrics = createMetrics()
  const gate = scriptedGate()
  metrics.attach(gate)
  const spent = async (): Promise<number | null> => {
    const labels = { budget: 'per-run', dimension: 'cost_usd' }
    return numberOf(await read(metrics), 'haltgate_budget_spent_total', labels)
  }
  const day = (instance: string, posted: number): typeof purse => ({ ...purse, instance, posted })
  gate.purses = [day('2026-11-20', 100)]
  t.equal(await spent(), 100)
  t.equal(await spent(), 100, 'a second scrape adds nothing')
  gate.purses = [day('2026-11-20', 130), { ...day('2026-11-20', 5), scope: 'run:a/b' }]
  t.equal(await spent(), 135, 'scopes of one budget are summed')
  gate.purses = [day('2026-11-21', 20)]
  t.equal(await spent(), 155, 'the closed periods stay counted')
  gate.purses = []
  t.equal(await spent(), 155)
})

test('the ratio is that of the scope with least left, between 0 and 1', async (t) => {
  const metrics = createMetrics()
  const gate = scriptedGate()
  metrics.attach(gate)
  const cases: readonly (readonly [number, number, number])[] = [
    [100, 50, 0.5],
    [100, -20, 0],
    [0, 0, 0],
    [100, 120, 1],
  ]
  for (const [limit, left, ratio] of cases) {
    const roomy = { ...purse, scope: 'run:a/b', limit: 10, left: 10 }
    gate.purses = [roomy, { ...purse, limit, left }, roomy]
    const labels = { budget: 'per-run', dimension: 'cost_usd' }
    t.equal(numberOf(await read(metrics), 'haltgate_budget_remaining_ratio', labels), ratio)
  }
})

test('past the bound every label value is other, and no amount is lost', async (t) => {
  const metrics = createMetrics()
  const gate = scriptedGate()
  metrics.attach(gate)
  const many = Array.from({ length: labelValuesMax + 50 }, (_, index) => index)
  gate.purses = many.map((index) => ({
    ...purse,
    budget: `b${index}`,
    posted: 1,
    left: index,
    limit: 200,
  }))
  gate.halted = many.map((index) => ({ scope: `run:a/${index}`, cause: 'operator', since: 0 }))
  for (const index of many) {
    metrics.decided('allow', '', `d${index}`, 0)
    metrics.severed(`run:a/${index}`, `cause${index}`)
  }
  metrics.severed('nonsense:x', 'cause1')
  for (let round = 0; round < 2; round += 1) {
    const lines = await read(metrics)
    const of = (name: string): readonly Line[] => lines.filter((line) => line.name === name)
    for (const name of ['decisions_total', 'budget_spent_total', 'halted']) {
      const own = of(`haltgate_${name}`)
      t.equal(own.length, labelValuesMax + 1, `${name} is bounded`)
      t.equal(
        own.reduce((sum, line) => sum + line.value, 0),
        many.length,
        `${name} loses nothing`,
      )
      t.equal(own.filter((line) => Object.values(line.labels).includes('other')).length, 1)
    }
    const labels = { budget: 'other', dimension: 'cost_usd' }
    t.equal(
      numberOf(lines, 'haltgate_budget_remaining_ratio', labels),
      0.5,
      'the least of the rest',
    )
    t.ok(of('haltgate_halts_total').length <= labelValuesMax + 2)
    t.equal(numberOf(lines, 'haltgate_halts_total', { scope: 'other', cause: 'cause1' }), 1)
  }
})

test('a histogram counts every duration once, in the right bucket, whatever it is given', async (t) => {
  const histogram = new Histogram([1, 2])
  for (const seconds of [0, 1, 1.5, 2, 3, Number.POSITIVE_INFINITY, Number.NaN, -4]) {
    histogram.observe(seconds)
  }
  t.same(histogram.read(), { cumulative: [4, 6, 8], sum: Number.POSITIVE_INFINITY, count: 8 })
})

test('before a gate is attached the text is whole, without what only a gate knows', async (t) => {
  const { types, lines } = parse(await createMetrics().text())
  t.equal(types.size, Object.keys(metricTable).length)
  t.equal(numberOf(lines, 'haltgate_policy_info', { digest, mode: 'enforce' }), null)
  t.equal(numberOf(lines, 'haltgate_steps_total'), 0)
})

test('/metrics serves one text to all who ask within its time, then a new one', async (t) => {
  const { ask, metrics } = await openControl(t, { limits: { scrapeCacheMs: 60_000 } })
  const scrape = async (): Promise<string> => (await ask('GET', '/metrics', { token: null })).text
  const first = await scrape()
  metrics.stepped()
  t.equal(await scrape(), first)
  const fresh = await openControl(t, { limits: { scrapeCacheMs: -1 } })
  const before = await fresh.ask('GET', '/metrics')
  fresh.metrics.stepped()
  t.match(before.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.not((await fresh.ask('GET', '/metrics')).text, before.text)
})

test('docs/metrics.md has one row for each metric, with its type and labels', async (t) => {
  const text = readFileSync('docs/metrics.md', 'utf8')
  const rows = [...text.matchAll(/^\| `(haltgate_\w+)` \| (\w+) \|([^|]*)\| (.{10,}) \|$/gm)]
  const listed = rows.map(([, name = '', type, labels = '']) => {
    return [name, type, [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)]
  })
  const known = Object.entries(metricTable).map(([name, { type, labels }]) => [
    name,
    type,
    [...labels],
  ])
  t.same(listed, known)
  t.same(unknownIn(text), [], 'the alerts name no other metric')
})

/** Names in a text that no metric has. */
function unknownIn(text: string): readonly string[] {
  const names = [...text.matchAll(/\bhaltgate_\w+/g)].map(([name]) => name)
  return names.filter((name) => !(name.replace(/_(bucket|sum|count)$/, '') in metricTable))
}

test('the dashboard shows each metric, and no other', async (t) => {
  const text = readFileSync('dashboards/haltgate.json', 'utf8')
  const { schemaVersion, panels } = JSON.parse(text)
  t.ok(schemaVersion >= 39)
  t.ok(panels.length >= 10)
  const shown = JSON.stringify(panels)
  t.same(unknownIn(shown), [])
  const missing = Object.keys(metricTable).filter((name) => !shown.includes(name))
  t.same(missing, [])
})
