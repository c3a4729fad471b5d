/** The compliance report: per control what it asks, which entries are evidence of it, and what stays with others. */

import type { Receipt } from '../../ledger/entry.ts'
import type { Catalogue, Control, Framework } from '../../policy/controls.ts'
import { type Article, europeanArticles } from './articles-europe.ts'
import { standardArticles } from './articles-standards.ts'
import { checking, limits } from './closing.ts'
import type { Block, Content, Figure, Section } from './content.ts'
import type { Sample } from './counting.ts'
import { chartsOf, ledgerFacts, responseText, type Subject, verificationNotice } from './facts.ts'
import {
  amountText,
  brief,
  counted,
  countText,
  moneyText,
  shareText,
  stampText,
} from './figures.ts'
import type { ReportFramework } from './frameworks.ts'
import { type Evidence, evidenceTexts } from './tally-evidence.ts'

/** What the controls of these frameworks ask for, by `framework/control`. */
export const articles: Readonly<Record<string, Article>> = {
  ...europeanArticles,
  ...standardArticles,
}

/** A requirement that erasures are evidence of: with them it is in the report, whatever the catalogue says of it. */
const erasureControl: Control = {
  id: 'gdpr/art-17',
  framework: 'gdpr',
  title: 'Right to erasure',
  evidence: [],
}

/** What is read of erasures alone, beside what the catalogue names. */
function evidenceOf({ evidence, id }: Control): readonly Evidence[] {
  return id === erasureControl.id ? ['erasure'] : evidence
}

/** The controls of a framework that a report is about. */
export function controlsOf({ controls, id }: Framework): readonly Control[] {
  const isThere = controls.some((control) => control.id === erasureControl.id)
  if (id !== erasureControl.framework || isThere) return controls
  const after = controls.findIndex((control) => control.id === 'gdpr/art-22')
  return controls.toSpliced(after < 0 ? controls.length : after, 0, erasureControl)
}

/** The whole report on some frameworks of the catalogue. */
export function complianceContent(
  subject: Subject,
  catalogue: Catalogue,
  wanted: readonly ReportFramework[],
): Content {
  const frameworks = wanted.flatMap((one) => catalogue.frameworks.filter(({ id }) => id === one))
  const names = frameworks.map(({ edition, title }) => `${title} (${edition})`)
  const sections = [
    cover(subject, catalogue),
    limits(subject),
    numbers(subject),
    ...frameworks.map((framework) => frameworkSection(subject, framework)),
    checking(subject),
  ]
  return {
    title: 'Compliance evidence report',
    subtitle: names.join('; '),
    sections,
    foot: `Evidence from the ledger, not a statement of compliance. Root ${subject.verification.tree?.root.slice(0, 16) ?? 'not proven'}`,
    isDense: false,
    at: subject.at,
    by: subject.by,
  }
}

function cover(subject: Subject, catalogue: Catalogue): Section {
  const text = `This report says which requirements the entries of this ledger bear evidence on, and which entries they are. It says of nothing that it is compliant: a control is evidenced, or has no entries in the period, and an auditor says what that is worth. Controls and their evidence are those of the catalogue of ${catalogue.version}.`
  return {
    title: 'The ledger',
    isApart: false,
    blocks: [
      verificationNotice(subject),
      { kind: 'facts', caption: 'What this report is about', facts: ledgerFacts(subject) },
      { kind: 'text', text },
      {
        kind: 'text',
        text: 'A receipt is the number of an entry and its hash, SEQ:HASH. In tables the hash is cut to 12 digits; samples have it whole. A sample is of the entries with the smallest hashes, so that nobody chose them.',
      },
    ],
  }
}

function numbers(subject: Subject): Section {
  const { tally } = subject
  const charts = chartsOf(subject)
  const kinds = [...tally.kinds]
    .sort(([, one], [, other]) => other - one)
    .map(([kind, count]) => `${brief(kind, 40)} ${countText(count)}`)
  return {
    title: 'The period in numbers',
    isApart: true,
    blocks: [
      { kind: 'figures', caption: 'Summary', figures: figuresOf(subject) },
      { kind: 'charts', charts: [charts.decisions] },
      { kind: 'charts', charts: [charts.spend] },
      { kind: 'charts', charts: [charts.approvals, charts.halts] },
      { kind: 'text', text: responseText(subject) },
      { kind: 'text', text: `Entries by kind: ${kinds.join(', ')}.` },
    ],
  }
}

/** The numbers that are read first. */
export function figuresOf({ tally }: Subject): readonly Figure[] {
  const { decisions, people, spending } = tally
  const of = (verdict: string): number => decisions.verdicts.get(verdict) ?? 0
  const passed = of('allow') + of('warn')
  const total = (dimension: string): number => spending.totals.get(dimension) ?? 0
  const calls = spending.models.top(4_096).reduce((sum, { values }) => sum + (values[0] ?? 0), 0)
  const asked = counted(people.asked, 'approval', 'approvals')
  return [
    {
      name: 'Decisions',
      value: countText(decisions.decisions),
      detail: `${shareText(passed, decisions.decisions)} passed at once`,
    },
    {
      name: 'Not passed',
      value: countText(decisions.decisions - passed),
      detail: `${countText(of('deny'))} denied, ${countText(of('halt'))} halted, ${countText(decisions.rejected)} rejected before`,
    },
    {
      name: 'Money spent',
      value: moneyText(total('cost_usd')),
      detail: `${counted(spending.settlements, 'settlement', 'settlements')}`,
    },
    {
      name: 'Model calls',
      value: countText(calls),
      detail: amountText('tokens', total('tokens')),
    },
    {
      name: 'Approvals',
      value: countText(people.asked),
      detail: `${asked} asked for, ${countText(people.responses.count)} answered`,
    },
    {
      name: 'Halts',
      value: countText(people.halts),
      detail: `${countText(people.reinstatements)} reinstated, ${counted(people.alerts, 'alert', 'alerts')}`,
    },
  ]
}

function frameworkSection(subject: Subject, framework: Framework): Section {
  const controls = controlsOf(framework)
  const rows = controls.map((control) => {
    const named = subject.tally.evidence.named(control.id)
    const entries = entriesOf(subject, control)
    return [
      control.id,
      control.title,
      countText(named.count),
      entries === 0 ? 'no entries' : 'evidenced',
    ]
  })
  const overview: Block = {
    kind: 'table',
    caption: `Controls of ${framework.title} that anything of the gate can bear on`,
    columns: [
      { title: 'Control', share: 26, isCode: true },
      { title: 'Title', share: 40 },
      { title: 'Named by decisions', share: 19, isNumber: true },
      { title: 'In this period', share: 15 },
    ],
    rows,
    none: 'The catalogue has no control.',
  }
  const blocks = controls.flatMap((control) => controlBlocks(subject, control))
  return {
    title: `${framework.title}: ${framework.edition}`,
    isApart: true,
    blocks: [overview, ...blocks],
  }
}

function entriesOf({ tally }: Subject, control: Control): number {
  const samples = evidenceOf(control).map((evidence) => tally.evidence.of(evidence).count)
  return samples.reduce((sum, count) => sum + count, tally.evidence.named(control.id).count)
}

function controlBlocks(subject: Subject, control: Control): readonly Block[] {
  const { tally } = subject
  const article = articles[control.id]
  const named = tally.evidence.named(control.id)
  const rows = evidenceOf(control).map((evidence) => evidenceRow(subject, evidence))
  const all = [rowOf('decisions that name this control', named), ...rows]
  const sample = sampleOf(subject, control)
  return [
    { kind: 'heading', text: `${control.id}  ${control.title}` },
    { kind: 'text', text: `What it asks: ${article?.asks ?? 'this report has no text of it.'}` },
    {
      kind: 'table',
      caption: 'Entries that are evidence',
      columns: [
        { title: 'Evidence', share: 44 },
        { title: 'Entries', share: 14, isNumber: true },
        { title: 'First', share: 21, isCode: true },
        { title: 'Last', share: 21, isCode: true },
      ],
      rows: all,
      none: '',
    },
    ...(sample.count === 0 ? [] : [sampleList(sample)]),
    { kind: 'text', text: `What stays with others: ${article?.remains ?? 'not said here.'}` },
  ]
}

function evidenceRow({ tally, verification }: Subject, evidence: Evidence): readonly string[] {
  const name = `${evidence}: ${evidenceTexts[evidence]}`
  if (evidence === 'credential') return [`${name}; see the policies in force`, '–', '–', '–']
  if (evidence !== 'replay') return rowOf(name, tally.evidence.of(evidence))
  const { replay } = verification
  const said =
    replay === null
      ? 'not run for this report'
      : `${counted(replay.mismatches, 'mismatch', 'mismatches')}`
  return [`replay: ${said}`, replay === null ? '–' : countText(replay.entries), '–', '–']
}

function rowOf(name: string, { count, first, last }: Sample): readonly string[] {
  return [name, countText(count), shortOf(first), shortOf(last)]
}

const shortOf = (receipt: Receipt | null): string =>
  receipt === null ? '–' : `${receipt.seq}:${receipt.hash.slice(0, 12)}`

/** Of the decisions that name it; otherwise of the most particular evidence there is. */
function sampleOf({ tally }: Subject, control: Control): Sample {
  const named = tally.evidence.named(control.id)
  if (named.count > 0) return named
  const samples = evidenceOf(control).map((evidence) => tally.evidence.of(evidence))
  const filled = samples.filter(({ count }) => count > 0)
  filled.sort((one, other) => one.count - other.count)
  return filled[0] ?? named
}

function sampleList(sample: Sample): Block {
  return {
    kind: 'table',
    caption: `A sample: ${countText(sample.entries.length)} of ${counted(sample.count, 'entry', 'entries')}`,
    columns: [
      { title: 'Time (UTC)', share: 19 },
      { title: 'Kind', share: 14 },
      { title: 'Receipt', share: 67, isCode: true },
    ],
    rows: sample.entries.map(({ hash, kind, seq, ts }) => [
      stampText(ts),
      brief(kind, 24),
      `${seq}:${hash}`,
    ]),
    none: '',
  }
}
