/** The one table of metrics: names, types, labels and help. docs/metrics.md is tested against it. */

export interface MetricTerms {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

const counter = (help: string, ...labels: string[]): MetricTerms => ({
  type: 'counter',
  labels,
  help,
})
const gauge = (help: string, ...labels: string[]): MetricTerms => ({ type: 'gauge', labels, help })
const histogram = (help: string): MetricTerms => ({ type: 'histogram', labels: [], help })

export const metricTable = {
  haltgate_decisions_total: counter(
    'Requests decided, by verdict, deciding reason (empty for none) and domain.',
    'verdict',
    'reason',
    'domain',
  ),
  haltgate_decision_duration_seconds: histogram(
    'Time to classify, resolve and decide, without the ledger.',
  ),
  haltgate_admit_duration_seconds: histogram('Time from admit to its durable answer.'),
  haltgate_ledger_commit_duration_seconds: histogram('Time to write and sync one batch.'),
  haltgate_ledger_entries_total: counter(
    'Durable entries that the gate appended, by kind.',
    'kind',
  ),
  haltgate_ledger_head_seq: gauge('Sequence number of the newest durable entry.'),
  haltgate_ledger_head_info: gauge('1, with the hash of the newest durable entry.', 'hash'),
  haltgate_budget_spent_total: counter(
    'Spent by budget and dimension, over all scopes, in the unit of the dimension.',
    'budget',
    'dimension',
  ),
  haltgate_budget_remaining_ratio: gauge(
    'What is left of the limit, 0 to 1, in the scope that has least left.',
    'budget',
    'dimension',
  ),
  haltgate_steps_total: counter('Steps of the kernel.'),
  haltgate_halts_total: counter('Halts, by kind of scope and cause.', 'scope', 'cause'),
  haltgate_halted: gauge(
    '1 while the scope is halted; `other` counts those past the bound.',
    'scope',
  ),
  haltgate_holds_open: gauge('Holds that are not settled yet.'),
  haltgate_tunnels_open: gauge('CONNECT tunnels and WebSockets that are open.'),
  haltgate_upstream_requests_total: counter(
    'Answers of upstreams, by status class.',
    'status_class',
  ),
  haltgate_upstream_errors_total: counter(
    'Upstreams that failed after dispatch, by reason code.',
    'code',
  ),
  haltgate_bytes_total: counter('Bytes forwarded: up to upstreams, down to agents.', 'direction'),
  haltgate_classifications_total: counter(
    'What the policy said of requests: remembered from an equal one, or made anew.',
    'outcome',
  ),
  haltgate_approvals_pending: gauge('Requests that wait for a person.'),
  haltgate_policy_info: gauge('1, with digest and mode of the policy in force.', 'digest', 'mode'),
  haltgate_policy_reload_failures_total: counter(
    'Reloads refused; the old policy stayed in force.',
  ),
  haltgate_checkpoint_size: gauge('Entries that the newest durable checkpoint covers.'),
  haltgate_checkpoint_timestamp_seconds: gauge('When the newest durable checkpoint was made.'),
  haltgate_anchor_lag_entries: gauge('Entries that a checkpoint covers and no anchor.'),
  haltgate_anchor_lag_seconds: gauge('Age of the oldest checkpoint that waits to be anchored.'),
  haltgate_anchor_failures_total: counter('Attempts to anchor that failed.'),
  haltgate_anchor_slot: gauge('Number of the newest anchor; -1 before the first.'),
  haltgate_anchor_segments_waiting: gauge('Closed segments that are not copied outside yet.'),
  haltgate_witnessed_size: gauge('Entries that the slowest witness has cosigned.'),
  haltgate_index_lag_entries: gauge('Durable entries that the index has not read yet.'),
  haltgate_sealed: gauge('1 when the gate has shut itself for good.'),
} as const satisfies Record<string, MetricTerms>

export type MetricName = keyof typeof metricTable
