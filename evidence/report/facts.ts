/** What both reports say alike: the state of the ledger, the charts, what is unusual, and what nobody can prove. */
import type { Report } from '../../ledger/verify-report.ts'
import type { Chart, ChartSeries } from './chart.ts'
import type { Block, Fact, Tone } from './content.ts'
import { brief, counted, countText, durationText, moneyText, timeText, visible } from './figures.ts'
import { amountIn, type Measure } from './measures.ts'
import { type Interval, type Intervals, startText, widthText } from './series.ts'
import type { Span, Tally } from './tally.ts'
import type { FirstSeen } from './tally-decisions.ts'

/** What a report is about. */
export interface Subject {
  readonly verification: Report
  readonly tally: Tally
  /** As far as entries reach, where nobody named an end. */
  readonly span: Span
  /** When the report is made: milliseconds since the epoch. */
  readonly at: number
  /** Program and version that makes it. */
  readonly by: string
  /** `name+id+key` of the key that signs the report; empty where it is not signed. */
  readonly key: string
}

/** Columns of a chart, at most. */
const intervalsMax = 48

/** The intervals of the charts. */
export function intervalsOf({ span, tally }: Subject): Intervals {
  return tally.series.between(span.from, span.until, intervalsMax)
}

/** `YYYY-MM-DD HH:MM:SS UTC to …`. */
export function spanText({ from, until }: Span): string {
  return `${timeText(from)} to ${timeText(until)}`
}

/** `name+id` of a verifying key, which is how it is called. */
export function keyName(vkey: string): string {
  return vkey.split('+').slice(0, 2).join('+')
}

/** What the verification found, for the top of the first page. */
export function verificationNotice({ tally, verification }: Subject): Block {
  const { exit, level, message, range, replay, stats } = verification
  const tone: Tone = exit === 0 ? 'sound' : exit === 3 ? 'incomplete' : 'broken'
  const title =
    exit === 0
      ? `The ledger was verified: level ${level}`
      : `The ledger was not verified: exit ${exit}`
  const found = stats.findings === 0 ? '' : ` ${counted(stats.findings, 'finding', 'findings')}.`
  const replayed =
    replay === null
      ? ''
      : ` The kernel was run again over ${counted(replay.entries, 'entry', 'entries')}, with ${counted(replay.mismatches, 'mismatch', 'mismatches')}.`
  const broken =
    tally.broken === 0
      ? ''
      : ` ${counted(tally.broken, 'line', 'lines')} could not be read, and nothing of them is counted.`
  const worse =
    tone === 'broken' ? ' The numbers of this report are those of entries that are not proven.' : ''
  const text = `${visible(message)} ${counted(range.entries, 'entry', 'entries')} in ${counted(range.segments, 'segment', 'segments')}.${found}${replayed}${broken}${worse}`
  return { kind: 'notice', tone, title, text }
}

/** The names of the ledger, the tree and the keys. */
export function ledgerFacts(subject: Subject): readonly Fact[] {
  const { at, by, key, span, tally, verification } = subject
  const { checkpoints, head, log, tree } = verification
  const facts: Fact[] = [
    { name: 'Log', value: visible(log?.origin ?? 'not known'), isCode: true },
    { name: 'Log id', value: visible(log?.log_id ?? 'not known'), isCode: true },
    { name: 'Period', value: spanText(span) },
    { name: 'Entries in the period', value: countText(tally.counted) },
    { name: 'Tree size', value: tree === null ? 'not proven' : countText(tree.size) },
    { name: 'Root of the tree', value: tree?.root ?? 'not proven', isCode: true },
    { name: 'Head', value: head === null ? 'none' : `${head.seq}:${head.hash}`, isCode: true },
    { name: 'Newest checkpoint entry', value: checkpointText(subject) },
    { name: 'Checkpoints verified', value: countText(checkpoints.verified) },
    {
      name: 'Key of the ledger',
      value: tally.key === '' ? 'none: its tree is not signed' : visible(keyName(tally.key)),
      isCode: tally.key !== '',
    },
    {
      name: 'Key of this report',
      value: key === '' ? 'none: this report is not signed' : visible(key),
      isCode: key !== '',
    },
    { name: 'Durability', value: visible(tally.durability) || 'not said' },
    { name: 'Made', value: `${timeText(at)} by ${visible(by)}` },
  ]
  return facts
}

function checkpointText({ tally }: Subject): string {
  const { checkpoint } = tally
  if (checkpoint === null) return 'none: the ledger holds no checkpoint'
  const keys = checkpoint.keys.map((key) => brief(key, 80)).join(', ')
  return `size ${countText(checkpoint.size)}, root ${checkpoint.root.slice(0, 16)}…, by ${keys}`
}

const colours = {
  allow: '#2f7d5b',
  warn: '#d9a528',
  queue: '#8b93a3',
  approve: '#3f6fb5',
  deny: '#b5452f',
  halt: '#4a1616',
  rejected: '#dd9a86',
} as const

/** Decisions, spend, halts and approvals over time. */
export function chartsOf(
  subject: Subject,
): Readonly<Record<'decisions' | 'spend' | 'halts' | 'approvals', Chart>> {
  const intervals = intervalsOf(subject)
  const { widthMs, list } = intervals
  const labels = list.map(({ start }) => startText(start, widthMs))
  const step = `each column is ${widthText(widthMs)} (UTC)`
  const values = (measure: Measure): readonly number[] =>
    list.map((interval) => amountIn(interval, measure))
  const series = (name: string, measure: Measure, colour: string): ChartSeries => ({
    ...{ name, colour },
    values: values(measure),
  })
  const decisions = (['allow', 'warn', 'queue', 'approve', 'deny', 'halt', 'rejected'] as const)
    .map((measure) => series(measure, measure, colours[measure]))
    .filter(({ name, values: all }) => ['allow', 'deny'].includes(name) || all.some(Boolean))
  const sum = (all: readonly number[]): number => all.reduce((total, value) => total + value, 0)
  const described = (what: string, shown: readonly ChartSeries[]): string =>
    `${what}; ${step}: ${shown.map(({ name, values: all }) => `${name} ${countText(sum(all))}`).join(', ')}.`
  const answers = [
    series('asked', 'asked', '#8b93a3'),
    series('approved', 'approved', colours.allow),
    series('denied', 'denied', colours.deny),
    series('expired', 'expired', colours.warn),
  ]
  const halts = [series('halts', 'halts', colours.halt)]
  const spend = [series('spent', 'cost_usd', colours.approve)]
  return {
    decisions: {
      ...{ title: `Decisions by verdict, ${step}`, unit: 'count', layout: 'stacked', labels },
      ...{ description: described('Decisions by verdict', decisions), series: decisions },
    },
    spend: {
      ...{ title: `Money spent, ${step}`, unit: 'nano-USD', layout: 'stacked', labels },
      description: `Money spent; ${step}: ${moneyText(sum(values('cost_usd')))} in all.`,
      series: spend,
    },
    halts: {
      ...{ title: `Halts, ${step}`, unit: 'count', layout: 'stacked', labels },
      ...{ description: described('Halts', halts), series: halts },
    },
    approvals: {
      ...{ title: `Approvals, ${step}`, unit: 'count', layout: 'beside', labels },
      ...{ description: described('Approvals', answers), series: answers },
    },
  }
}

/** Unusual are intervals with at least so much, and more than so many times the median of those with anything. */
const spikeLeast: Readonly<Partial<Record<Measure, number>>> = { deny: 10, cost_usd: 1_000_000 }
const spikeFactor = 4

/** Sentences about what is unusual in the period; what they do not say may be unusual all the same. */
export function anomaliesOf(subject: Subject, namesMax: number): readonly string[] {
  const intervals = intervalsOf(subject)
  const sentences = [newHosts(subject, namesMax)]
  const spikes = [
    spikeOf(
      intervals,
      (one) => amountIn(one, 'allow', 'warn', 'queue', 'approve', 'deny', 'halt'),
      {
        what: 'decisions',
        least: 20,
        shown: countText,
      },
    ),
    spikeOf(intervals, (one) => amountIn(one, 'deny', 'halt', 'rejected'), {
      what: 'refusals',
      least: spikeLeast.deny ?? 0,
      shown: countText,
    }),
    spikeOf(intervals, (one) => amountIn(one, 'cost_usd'), {
      what: 'money spent',
      least: spikeLeast.cost_usd ?? 0,
      shown: moneyText,
    }),
  ].filter((spike) => spike !== null)
  sentences.push(
    ...(spikes.length > 0
      ? spikes
      : [
          `No interval had more than ${spikeFactor} times the median of decisions, refusals or money.`,
        ]),
  )
  for (const { seq, text } of subject.tally.troubles.rows.slice(0, 2)) {
    sentences.push(`Entry ${seq}: ${brief(text, 120)}.`)
  }
  return sentences
}

function spikeOf(
  { list, widthMs }: Intervals,
  value: (interval: Interval) => number,
  terms: {
    readonly what: string
    readonly least: number
    readonly shown: (value: number) => string
  },
): string | null {
  const filled = list.map(value).filter((each) => each > 0)
  const sorted = filled.sort((one, other) => one - other)
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
  if (sorted.length < 4) return null
  const { least, shown, what } = terms
  const high = list.filter((one) => value(one) >= least && value(one) > spikeFactor * median)
  const [peak] = [...high].sort((one, other) => value(other) - value(one))
  if (peak === undefined) return null
  const when = startText(peak.start, widthMs)
  const more =
    high.length === 1 ? '' : `, and ${counted(high.length - 1, 'interval', 'intervals')} more`
  return `Spike of ${what}: ${shown(value(peak))} in ${widthText(widthMs)} from ${when}, where the median is ${shown(median)}${more}.`
}

function newHosts({ span, tally }: Subject, namesMax: number): string {
  const { firstSeen } = tally.decisions
  if (firstSeen === null) return 'There were too many hosts to tell which are new.'
  const isKnown = tally.begin !== null && tally.begin < span.from
  const since = isKnown ? span.from : span.from + (span.until - span.from) / 4
  const fresh: readonly FirstSeen[] = firstSeen.filter(({ at }) => at >= since && at < span.until)
  const when = isKnown ? 'in this period' : 'after the first quarter of the period'
  if (fresh.length === 0) return `No host was asked for the first time ${when}.`
  const named = fresh
    .slice(0, namesMax)
    .map(({ host, seq, verdict }) => `${brief(host, 40)} (${brief(verdict, 10)}, entry ${seq})`)
  const left = fresh.length - namesMax
  const more = left > 0 ? `, and ${countText(left)} more` : ''
  return `${counted(fresh.length, 'host was', 'hosts were')} asked for the first time ${when}: ${named.join(', ')}${more}.`
}

/** How fast people answered, in a sentence. */
export function responseText({ tally }: Subject): string {
  const { answers, asked, answersRefused, passedByApproval, responses } = tally.people
  if (asked === 0 && answers.size === 0) return 'No approval was asked for.'
  const of = (op: string): string => countText(answers.get(op) ?? 0)
  const times =
    responses.count === 0
      ? ''
      : ` The first answer came after ${durationText(responses.medianMs)} (median), at most ${durationText(responses.longestMs)}.`
  return `${counted(asked, 'approval', 'approvals')} asked for; ${of('approve')} yes, ${of('deny')} no, ${of('expire')} expired without an answer; ${counted(answersRefused, 'answer was', 'answers were')} not taken. ${counted(passedByApproval, 'request', 'requests')} passed by a yes.${times}`
}

/** What no entry of a ledger can prove. */
export function limitsOf({ tally, verification }: Subject): readonly string[] {
  const { decisions, durability, spending } = tally
  const limits = [
    'That anybody complies with anything. Controls are evidenced here, never complied with; what the evidence is worth, an auditor says.',
    'What went around the gate. Entries are about calls that were routed to it, and about nothing else that an agent did.',
    'What happened on the other side. A decision shows what was let out, not what a host, venue, clinic or plant made of it.',
    'What went through opaque tunnels: of them host, port, bytes and time are known.',
    'That payloads were clean. Detectors are patterns, and no finding does not mean that nothing was there.',
    'Who held a token. An answer shows that an approver’s token was used, not which person held it, nor that it was understood.',
    'The time. Time stamps are those of this machine’s clock; nobody else attests them.',
    'The bill. Money is what providers said they used, at the prices of the policy, and holds where nobody knows.',
    'Training, contracts, buildings, people: requirements that leave no entry are not in the catalogue at all.',
    verification.level === 'chain' || verification.level === 'none'
      ? 'That nobody rewrote the ledger from some entry to its end. At the level chain only a head that was kept elsewhere tells: compare the head on the first page with one that this machine could not reach.'
      : 'More than the keys and anchors do. Whoever held the keys of the ledger before its last anchor could have signed another tree.',
  ]
  if (decisions.observed > 0) {
    limits.push(
      `That refusals were enforced while the gate observed: ${counted(decisions.observed, 'decision was', 'decisions were')} recorded in mode observe, and not enforced.`,
    )
  }
  if (durability === 'os') {
    limits.push(
      'That nothing was lost in a crash of the machine: the ledger was written without sync (durability os).',
    )
  }
  if (spending.unjoined > 0) {
    limits.push(
      `The whole cost of ${counted(spending.unjoined, 'request', 'requests')}, whose decision lay too far before the settlement: only what the settlement itself names is counted.`,
    )
  }
  return limits
}
