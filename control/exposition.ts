/** Writes samples as Prometheus text (exposition format 0.0.4) through prom-client, loaded by the first scrape. */
import type { Sample } from './bounded.ts'
import type { Histogram } from './histogram.ts'
import { type MetricName, metricTable } from './metric-table.ts'

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** What was read, by the metric's name. A metric without samples is exposed with HELP and TYPE alone. */
export interface Reading {
  readonly samples: Samples
  readonly histograms: { readonly [name in MetricName]?: Histogram }
}

export type Samples = { readonly [name in MetricName]?: readonly Sample[] }

/** A fresh registry a scrape: what is read from the gate stands beside what was counted, and nothing lingers. */
export async function expose(reading: Reading): Promise<string> {
  const library = await import('prom-client')
  const registry = new library.Registry()
  const samples = new Map(Object.entries(reading.samples))
  const histograms = new Map(Object.entries(reading.histograms))
  for (const [name, { type, help, labels }] of Object.entries(metricTable)) {
    const labelNames = [...labels]
    const common = { name, help, labelNames, registers: [registry] }
    const lines = samples.get(name) ?? []
    if (type === 'counter') {
      const metric = new library.Counter(common)
      for (const line of lines) metric.inc(labelled(labels, line), line.value)
    } else if (type === 'gauge') {
      const metric = new library.Gauge(common)
      for (const line of lines) metric.set(labelled(labels, line), line.value)
    } else {
      const counted = histograms.get(name)
      if (counted !== undefined) fill(new library.Histogram(common), { name, help }, counted)
    }
  }
  return registry.metrics()
}

function labelled(names: readonly string[], sample: Sample): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, sample.labels[index] ?? '']))
}

/**
 * Hands the library our own buckets: its observe() would cost each request a hash of its labels, ours is a
 * loop of ten comparisons. The registry asks a histogram for its values by this one method (15.1.3).
 */
function fill(metric: object, terms: { name: string; help: string }, counted: Histogram): void {
  const { name, help } = terms
  const { cumulative, sum, count } = counted.read()
  const bounds = [...counted.bounds.map(String), '+Inf']
  const buckets = bounds.map((le, index) => ({
    metricName: `${name}_bucket`,
    labels: { le },
    value: cumulative[index] ?? count,
  }))
  const values = [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ]
  const read = async (): Promise<object> => ({ name, help, type: 'histogram', values })
  Object.assign(metric, { getForPromString: read })
}
