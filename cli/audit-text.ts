/** What `audit` prints for people: a report of a verification, and one line for an entry. */
import type { Entry } from '../ledger/entry.ts'
import type { Stored } from '../ledger/verify-entries.ts'
import type { Finding, Report } from '../ledger/verify-report.ts'

/** Controls, and characters that turn the direction of text or have no width: a terminal would obey them. */
const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Text of the ledger as a terminal may have it: what it would obey is written as an escape. */
export function visible(text: string): string {
  return text.replace(unseen, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const words = {
  0: 'OK',
  1: 'TAMPERED',
  3: 'INCOMPLETE',
  4: 'ROLLBACK',
  5: 'UNREADABLE',
  6: 'UNKNOWN VERSION',
}

/** How far something is that reads bytes: a bar, the percentage, the speed, the time that is left. */
export function barText(
  at: { readonly done: number; readonly total: number; readonly elapsedMs: number },
  columns: number,
): string {
  const share = at.total === 0 ? 1 : Math.min(1, at.done / at.total)
  const perSecond = at.elapsedMs === 0 ? 0 : (at.done / at.elapsedMs) * 1_000
  const seconds = perSecond === 0 ? null : Math.ceil((at.total - at.done) / perSecond)
  const left = seconds === null ? '' : `, ${clockOf(seconds)} left`
  const percent = `${Math.floor(share * 100)}`.padStart(3)
  const figures = `${percent} %, ${(perSecond / 1_048_576).toFixed(0)} MiB/s${left}`
  const width = Math.min(40, columns - figures.length - 'verifying [] '.length - 1)
  if (width < 8) return `verifying ${figures}`
  const full = Math.round(share * width)
  return `verifying [${'#'.repeat(full)}${'.'.repeat(width - full)}] ${figures}`
}

function clockOf(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** The report for a terminal; its last line begins with the result as one word. */
export function reportText(report: Report): string {
  const { head, log, range, replay, tail, tree } = report
  const rows: (readonly [string, string])[] = []
  if (log !== null) rows.push(['log', `${log.origin} ${log.log_id}`])
  rows.push([
    'entries',
    `${range.entries} (seq ${range.first_seq ?? '-'} to ${range.last_seq ?? '-'})`,
  ])
  rows.push(['segments', `${range.segments}, ${report.stats.bytes} bytes`])
  rows.push(['head', head === null ? 'none' : `${head.seq}:${head.hash}`])
  rows.push(['root', tree === null ? 'none' : `${tree.root} of ${tree.size}`])
  rows.push(...provenRows(report))
  if (tail !== null) {
    rows.push(['tail', tail.bytes === 0 ? tail.state : `${tail.state}, ${tail.bytes} bytes`])
  }
  if (replay !== null) {
    rows.push(['replay', `${replay.entries} entries, ${replay.mismatches} mismatches`])
  }
  const lines = rows.map(([name, value]) => `${name.padEnd(9)} ${visible(value)}`)
  for (const finding of report.findings) lines.push('', findingText(finding))
  const hidden = report.stats.findings - report.findings.length
  if (hidden > 0) lines.push('', `… and ${hidden} findings more.`)
  lines.push('', `${words[report.exit]}  ${visible(report.message)}`)
  return lines.join('\n')
}

/** What signatures and anchors say; nothing of a ledger that has none. */
function provenRows({ anchor, checkpoints, level }: Report): (readonly [string, string])[] {
  const { keys, last_size, pinned, uncovered, verified } = checkpoints
  const rows: (readonly [string, string])[] = [['level', level]]
  const [first] = keys
  if (first !== undefined) {
    rows.push(['signed', `${verified} checkpoints, to ${last_size}; ${uncovered} entries behind`])
    const trust = pinned ? 'as given with --key' : 'as the ledger says; compare it with yours'
    const more = keys.length === 1 ? '' : `; and ${keys.length - 1} that followed from it`
    rows.push(['key', `${first} (${trust})${more}`])
  }
  if (anchor !== null) {
    const held = anchor.held_until === null ? '' : `, held until ${anchor.held_until}`
    rows.push(['anchored', `${anchor.store}, ${anchor.slots} slots, to ${anchor.last_size}${held}`])
  }
  return rows
}

function findingText(finding: Finding): string {
  const { actual, code, expected, message, offset, segment, seq, severity } = finding
  const place = segment === '' ? '' : ` ${segment}:${offset}`
  const entry = seq === null ? '' : ` seq ${seq}`
  const lines = [`${code} (${severity})${place}${entry}`, `  ${message}`]
  if (expected !== null) lines.push(`  expected ${expected}`)
  if (actual !== null) lines.push(`  actual   ${actual}`)
  return lines.map(visible).join('\n')
}

export const heads = ['seq', 'time', 'kind', 'who', 'verdict', 'code', 'what']

/** Cells of an entry, as `heads` names them; of a broken line, where it lies. */
export function rowOf({ entry, offset, segment, wrong }: Stored): readonly string[] {
  if (entry === null) return ['?', '', wrong ?? '', '', '', '', `${segment}:${offset}`]
  const { actor, data } = entry
  const who = [actor.agent, actor.run].filter((id) => id !== undefined).join('/')
  const cells = [String(entry.seq), entry.ts, entry.kind, who, word(data['verdict'])]
  return [...cells, codeOf(data), whatOf(entry)].map(visible)
}

function codeOf(data: Entry['data']): string {
  const { code, reasons } = data
  if (typeof code === 'string') return code
  if (!Array.isArray(reasons)) return ''
  return reasons.map((reason: { readonly code?: unknown }) => word(reason?.code)).join(',')
}

/** The members that say most of an entry, by kind. */
const telling: Readonly<Record<string, readonly string[]>> = {
  'log.genesis': ['origin', 'log_id'],
  'segment.open': ['first_seq', 'clean'],
  'policy.load': ['mode', 'digest', 'trigger'],
  settlement: ['outcome', 'status', 'cut', 'request'],
  extension: ['request'],
  rejected: ['status', 'count', 'listener', 'message'],
  halt: ['scope', 'cause', 'by', 'reason'],
  reinstate: ['scope', 'incarnation', 'by', 'reason'],
  grant: ['scope', 'budget', 'dimension', 'amount', 'by', 'reason'],
  revoke: ['scope', 'budget', 'dimension', 'amount', 'by', 'reason'],
  alert: ['scope', 'budget', 'dimension', 'tier', 'posted', 'held', 'limit'],
  approval: ['op', 'approval', 'by', 'reason'],
  incident: ['message'],
  system: ['type', 'severity', 'message'],
  checkpoint: ['cause'],
  'key.rotate': ['vkey'],
  anchor: ['slot', 'size', 'store'],
  erasure: ['count', 'authority', 'reason'],
}

function whatOf({ data, kind }: Entry): string {
  if (kind !== 'decision' && kind !== 'preview')
    return (telling[kind] ?? [])
      .map((name) => word(data[name]))
      .filter(Boolean)
      .join(' ')
  const { host, method, path, port, scheme } = data
  // What nobody sends has no host: it is an action of a domain.
  if (word(host) === '')
    return `${word(data['domain'])} ${word(data['action'])} ${word(data['resource'])}`
  const target = `${word(host)}:${word(port)}`
  if (word(path) === '') return `${word(method)} ${target}`
  return `${word(method)} ${word(scheme)}://${target}${word(path)}`
}

function word(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}
