/** Entries in the Common Event Format, version 0: one line each, whatever their strings hold. */
import type { Entry } from '../../ledger/entry.ts'
import type { Format } from './format.ts'
import { codesOf, type LogName, listOf, textOf } from './reading.ts'

/** What could end a line, or hide in it: escapes say which it was. */
const unseen = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

const escapeOf = (one: string): string => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A field of the header: backslash and bar are escaped; no line may end in it. */
export function cefHeader(text: string): string {
  return text
    .replace(unseen, (one) => escapeOf(one))
    .replace(/\\/g, '\\\\')
    .replace(/\|/g, '\\|')
}

/** A value of the extension: backslash and equals sign are escaped, LF and CR written as \n and \r. */
export function cefValue(text: string): string {
  return text
    .replace(/[^\n\r]/g, (one) => (one.search(unseen) === 0 ? escapeOf(one) : one))
    .replace(/\\/g, '\\\\')
    .replace(/=/g, '\\=')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
}

/** 0 to 10, as the format has it. */
function severityOf({ data, kind }: Entry): number {
  const verdict = textOf(data['verdict'])
  if (kind === 'incident') return 9
  if (kind === 'halt' || verdict === 'halt') return 8
  if (verdict === 'deny' || kind === 'rejected') return 6
  if (kind === 'alert') return 5
  if (verdict === 'approve' || verdict === 'queue' || verdict === 'warn') return 4
  return kind === 'decision' || kind === 'settlement' ? 1 : 2
}

/** Keys of the dictionary of CEF; what it has no key for is in the six labelled strings. */
function extensionOf(
  entry: Entry,
  { logId, origin }: LogName,
): readonly (readonly [string, string])[] {
  const { actor, data, hash, kind, seq, ts } = entry
  const word = (name: string): string => textOf(data[name])
  const labelled = (at: number, label: string, value: string): (readonly [string, string])[] =>
    value === '' ? [] : [[`cs${at}`, value] as const, [`cs${at}Label`, label] as const]
  const rules = listOf(data['rules']).map(textOf).join(' ')
  const what = [word('domain'), word('action'), word('resource')].filter(Boolean).join(' ')
  return [
    ['rt', String(Date.parse(ts))],
    ['externalId', String(seq)],
    ['deviceExternalId', logId],
    ['dvchost', origin],
    ['cat', kind],
    ['act', word('verdict') || word('op')],
    ['outcome', word('outcome') || word('status')],
    ['reason', [...codesOf(data['reasons']), word('code')].filter(Boolean).join(' ')],
    ['sproc', actor.agent ?? ''],
    ['suid', actor.principal ?? ''],
    ['duser', word('by')],
    ['dhost', word('host')],
    ['dpt', word('port')],
    ['app', word('scheme')],
    ['requestMethod', word('method')],
    ['request', word('path')],
    ['cnt', word('count')],
    ['msg', word('message') || word('reason')],
    ...labelled(1, 'hash', hash),
    ...labelled(2, 'run', actor.run ?? ''),
    ...labelled(3, 'rules', rules),
    ...labelled(4, 'policy', word('policy') || word('digest')),
    ...labelled(5, 'action', what),
    ...labelled(6, 'request', word('request') || word('approval')),
  ]
}

/** One line, with its LF. */
export function cefLine(entry: Entry, log: LogName): string {
  const verdict = textOf(entry.data['verdict'])
  const name = verdict === '' ? entry.kind : `${entry.kind} ${verdict}`
  const header = ['haltgate', 'haltgate', log.version, entry.kind, name].map(cefHeader)
  const extension = extensionOf(entry, log)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}=${cefValue(value)}`)
  return `CEF:0|${header.join('|')}|${severityOf(entry)}|${extension.join(' ')}\n`
}

export function cef(log: LogName): Format {
  return { head: '', text: (batch) => batch.map(({ entry }) => cefLine(entry, log)).join('') }
}
