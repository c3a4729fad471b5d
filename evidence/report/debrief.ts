/** The executive debrief: one page on what agents did, what was refused and why, what it cost, and who answered. */
import { figuresOf } from './compliance.ts'
import type { Block, Column, Content } from './content.ts'
import type { Ranked } from './counting.ts'
import {
  anomaliesOf,
  chartsOf,
  responseText,
  type Subject,
  spanText,
  verificationNotice,
} from './facts.ts'
import {
  amountText,
  brief,
  counted,
  countText,
  moneyText,
  shareText,
  stampText,
} from './figures.ts'
import { agentColumns } from './tally-decisions.ts'

/** Rows of a table: it is one page. */
const rowsMax = 5

/** The whole page. */
export function debriefContent(subject: Subject): Content {
  const charts = chartsOf(subject)
  const { verification } = subject
  const blocks: Block[] = [
    verificationNotice(subject),
    { kind: 'figures', caption: 'The period in numbers', figures: figuresOf(subject) },
    { kind: 'charts', charts: [charts.decisions, charts.spend] },
    { kind: 'beside', left: [agents(subject)], right: [reasons(subject)] },
    { kind: 'beside', left: [budgets(subject)], right: [models(subject)] },
    { kind: 'beside', left: [actions(subject)], right: [hosts(subject)] },
    { kind: 'beside', left: [halts(subject)], right: [detectors(subject)] },
    { kind: 'text', text: `Approvals. ${responseText(subject)}` },
    { kind: 'text', text: `Unusual. ${anomaliesOf(subject, 3).join(' ')}` },
    { kind: 'text', text: `Integrity. ${integrity(subject)}` },
  ]
  return {
    title: 'Executive debrief',
    subtitle: `${brief(verification.log?.origin ?? 'a ledger without a name', 80)}, ${spanText(subject.span)}`,
    sections: [{ title: '', isApart: false, blocks }],
    foot: `Made ${new Date(subject.at).toISOString()} by ${brief(subject.by, 40)}`,
    isDense: true,
    at: subject.at,
    by: subject.by,
  }
}

interface Rows {
  readonly caption: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly string[])[]
  readonly none: string
}

const tableOf = (rows: Rows): Block => ({ kind: 'table', ...rows })

const valueAt = ({ values }: Ranked, column: number): number => values[column] ?? 0

/** `5 of 12` where not all are shown. */
function shownOf(shown: number, all: number): string {
  return all > shown ? ` (${shown} of ${countText(all)})` : ''
}

function agents({ tally }: Subject): Block {
  const { agents: ranking } = tally.decisions
  const top = ranking.top(rowsMax)
  return tableOf({
    caption: `What agents did${shownOf(top.length, ranking.size)}`,
    columns: [
      { title: 'Agent', share: 35 },
      { title: 'Decisions', share: 24, isNumber: true },
      { title: 'Refused', share: 19, isNumber: true },
      { title: 'Spent', share: 22, isNumber: true },
    ],
    rows: top.map((row) => [
      brief(row.name, 20),
      countText(valueAt(row, agentColumns.decisions)),
      countText(valueAt(row, agentColumns.refused)),
      moneyText(valueAt(row, agentColumns.cost)),
    ]),
    none: 'No agent asked for anything.',
  })
}

function reasons({ tally }: Subject): Block {
  const { decisions, rejected, reasons: ranking, verdicts } = tally.decisions
  const passed = (verdicts.get('allow') ?? 0) + (verdicts.get('warn') ?? 0)
  const all = decisions - passed + rejected
  const top = ranking.top(rowsMax)
  return tableOf({
    caption: `What was not passed, and why${shownOf(top.length, ranking.size)}`,
    columns: [
      { title: 'Reason', share: 62 },
      { title: 'Count', share: 19, isNumber: true },
      { title: 'Share', share: 19, isNumber: true },
    ],
    rows: top.map((row) => [
      brief(row.name, 40),
      countText(valueAt(row, 0)),
      shareText(valueAt(row, 0), all),
    ]),
    none: 'Nothing was refused.',
  })
}

function budgets({ tally }: Subject): Block {
  const fullest = tally.people.fullest
  const shown = fullest.slice(0, rowsMax)
  return tableOf({
    caption: `Budgets, as full as an alert saw them${shownOf(shown.length, fullest.length)}`,
    columns: [
      { title: 'Budget', share: 20 },
      { title: 'Scope', share: 30 },
      { title: 'Used, held', share: 25, isNumber: true },
      { title: 'Of', share: 25, isNumber: true },
    ],
    rows: shown.map(({ budget, dimension, limit, scope, used }) => [
      brief(budget, 14),
      brief(scope, 18),
      amountText(dimension, used),
      amountText(dimension, limit),
    ]),
    none: 'No budget came near its limit.',
  })
}

function models({ tally }: Subject): Block {
  const ranking = tally.spending.models
  const top = ranking.top(rowsMax)
  return tableOf({
    caption: `Model calls${shownOf(top.length, ranking.size)}`,
    columns: [
      { title: 'Model', share: 29 },
      { title: 'Calls', share: 13, isNumber: true },
      { title: 'Tokens in', share: 20, isNumber: true },
      { title: 'Out', share: 16, isNumber: true },
      { title: 'Cost', share: 22, isNumber: true },
    ],
    rows: top.map((row) => [
      brief(row.name, 18),
      ...[0, 1, 2].map((column) => countText(valueAt(row, column))),
      moneyText(valueAt(row, 3)),
    ]),
    none: 'No model was called.',
  })
}

function halts({ tally }: Subject): Block {
  const { orders } = tally.people
  const wanted = orders.rows.filter(({ kind, refused }) => {
    return refused === '' && (kind === 'halt' || kind === 'reinstate')
  })
  return tableOf({
    caption: `Halts and reinstatements${shownOf(Math.min(wanted.length, rowsMax), tally.people.halts + tally.people.reinstatements)}`,
    columns: [
      { title: 'When (UTC)', share: 30 },
      { title: 'What', share: 34 },
      { title: 'Why', share: 36 },
    ],
    rows: wanted
      .slice(-rowsMax)
      .map(({ by, cause, kind, reason, scope, ts }) => [
        stampText(ts).slice(0, 16),
        brief(`${kind} ${scope}`, 24),
        brief(reason || cause || by, 26),
      ]),
    none: 'Nothing was halted.',
  })
}

function hosts({ tally }: Subject): Block {
  const ranking = tally.decisions.refusedHosts
  const top = ranking.top(rowsMax)
  return tableOf({
    caption: `Hosts that were refused most${shownOf(top.length, ranking.size)}`,
    columns: [
      { title: 'Host', share: 78 },
      { title: 'Refusals', share: 22, isNumber: true },
    ],
    rows: top.map((row) => [brief(row.name, 44), countText(valueAt(row, 0))]),
    none: 'No host was refused.',
  })
}

function actions({ tally }: Subject): Block {
  const ranking = tally.decisions.actions
  const top = ranking.top(rowsMax)
  return tableOf({
    caption: `What was asked for${shownOf(top.length, ranking.size)}`,
    columns: [
      { title: 'Domain and action', share: 52 },
      { title: 'Decisions', share: 26, isNumber: true },
      { title: 'Refused', share: 22, isNumber: true },
    ],
    rows: top.map((row) => [
      brief(row.name, 30),
      countText(valueAt(row, 0)),
      countText(valueAt(row, 1)),
    ]),
    none: 'Nothing was asked for.',
  })
}

function detectors({ tally }: Subject): Block {
  const ranking = tally.decisions.detectors
  const top = ranking.top(rowsMax)
  return tableOf({
    caption: `What detectors found${shownOf(top.length, ranking.size)}`,
    columns: [
      { title: 'Detector', share: 78 },
      { title: 'Findings', share: 22, isNumber: true },
    ],
    rows: top.map((row) => [brief(row.name, 40), countText(valueAt(row, 0))]),
    none: 'Detectors found nothing.',
  })
}

function integrity({ key, tally, verification }: Subject): string {
  const { tree } = verification
  const counts = `This page is about ${counted(tally.counted, 'entry', 'entries')}`
  if (tree === null) {
    return `${counts} of a ledger that is not proven to be whole: see the finding above, and run haltgate audit verify.`
  }
  const signed = key === '' ? 'It is not signed.' : `It is signed by ${brief(key, 140)}.`
  return `${counts} of the tree of ${countText(tree.size)} with the root ${tree.root}. ${signed} What it says is evidence of what passed the gate, and of nothing that went around it.`
}
