/** `audit query`, the views and `audit record` as commands: which flags they have; what they do is loaded when called. */
import type { Command } from 'commander'
import type { FilterName } from '../evidence/index/ask.ts'
import type { RecordView } from '../evidence/records/views.ts'
import type { Given } from './audit-ask.ts'

const meanings: Readonly<Record<FilterName, string>> = {
  from: 'from this time on: 2026-11-21, 2026-11-21T04:30Z, 15m, 24h, 7d',
  to: 'before this time',
  kind: 'decision, settlement, halt, …',
  verdict: 'allow, warn, queue, approve, deny or halt',
  agent: 'of this agent',
  run: 'of this run',
  host: 'to this host',
  domain: 'in this domain',
  action: 'of this action',
  request: 'all entries of this request',
  rule: 'where this rule matched',
  reason: 'where this code spoke',
  receipt: 'SEQ-HASH, as Haltgate-Receipt has it',
}

const isFilter = (name: string): name is FilterName => Object.hasOwn(meanings, name)

const times: readonly FilterName[] = ['from', 'to']

const views: Readonly<
  Record<RecordView, { readonly says: string; readonly filters: readonly FilterName[] }>
> = {
  runs: { says: 'runs, and what each did and cost', filters: [...times, 'agent', 'run'] },
  models: {
    says: 'calls of models: hashes, tokens, cost, outcome',
    filters: [...times, 'agent', 'run', 'host', 'verdict', 'reason', 'request'],
  },
  system: { says: 'starts, stops, policies, keys, incidents', filters: times },
  changes: { says: 'who changed what, before and after', filters: times },
  trace: { says: 'one run, step by step', filters: times },
}

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addAuditQuery(
  audit: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  asking(audit.command('query').description('find entries by what they say'))
    .option('--follow', 'go on with what is written from now on, until Ctrl-C')
    .option('--verify-index', 'compare the whole index with the ledger instead')
    .action((flags: Given) =>
      finish(import('./audit-ask.ts').then(({ auditQuery }) => auditQuery(flags))),
    )
  const records = (): Promise<typeof import('./audit-records.ts')> => import('./audit-records.ts')
  for (const view of ['runs', 'models', 'system', 'changes'] as const) {
    const { filters, says } = views[view]
    const command = asking(audit.command(view).description(says), filters)
    if (view === 'changes') {
      command.option('--limits', 'replay the ledger for the limits before and after each grant')
    }
    command.action((flags: Given) =>
      finish(records().then(({ auditRecords }) => auditRecords(view, flags))),
    )
  }
  asking(audit.command('trace').description(views.trace.says), views.trace.filters)
    .argument('<agent/run>')
    .action((run: string, flags: Given) =>
      finish(records().then(({ auditTrace }) => auditTrace(run, flags))),
    )
  audit
    .command('record')
    .description('write down what happened to the system')
    .argument('<type>', 'deployment, migration, incident, maintenance or note')
    .requiredOption('--message <text>', 'a sentence; no names of persons, no secrets')
    .option('--severity <severity>', 'info, warning, error or critical', 'info')
    .option('--caused-by <id>', 'a receipt, or an id of yours')
    .option('--control <host:port>', 'the operators’ listener (HALTGATE_CONTROL)')
    .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
    .option('--json', 'print the result as JSON')
    .action((type: string, flags: Given) =>
      finish(records().then(({ auditRecord }) => auditRecord(type, flags))),
    )
}

/** Adds filters, and the forms of an answer. */
function asking(
  command: Command,
  names: readonly FilterName[] = Object.keys(meanings).filter(isFilter),
): Command {
  for (const name of names) {
    const value = times.includes(name) ? 'time' : name
    command.option(`--${name} <${value}>`, meanings[name])
  }
  return command
    .option('--limit <count>', 'at most so many, the newest')
    .option('--json', 'one object a line')
    .option('--csv', 'comma-separated, with a head')
    .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
}
