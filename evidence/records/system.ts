/** What happened to the system itself: starts, stops, policies, keys, incidents, and what an operator wrote down. */

import { type SystemOrder, severities } from '../../gate/statement.ts'
import type { Entry } from '../../ledger/entry.ts'
import { integerIn, receiptIn, textIn } from './members.ts'

/** Kinds that tell of the system. */
export const systemKinds = [
  'boot.open',
  'boot.close',
  'policy.load',
  'incident',
  'key.rotate',
  'anchor',
  'clock.step',
  'system',
] as const

export interface SystemRecord {
  readonly seq: number
  readonly ts: string
  /** start, stop, unclean-stop, deployment, incident, key-rotation, anchor, clock-step, or as the operator said. */
  readonly type: string
  readonly severity: SystemOrder['severity']
  readonly by: string
  readonly message: string
  /** Of a policy: digests. Of an anchor: the size that is held outside, and that of the ledger then. */
  readonly before: string
  readonly after: string
  readonly caused_by: string
  readonly receipt: string
}

/**
 * The record of one entry.
 *
 * before  of `boot.open` the last `boot.open` or `boot.close` before it, of `policy.load` the last policy that came into
 *         force; null where there is none.
 */
export function systemRecord(entry: Entry, before: Entry | null): SystemRecord {
  const { seq, ts } = entry
  const nothing = { by: '', before: '', after: '', caused_by: '' }
  return { seq, ts, ...nothing, ...told(entry, before), receipt: receiptIn(entry) }
}

type Told = Pick<SystemRecord, 'type' | 'severity' | 'message'> & Partial<SystemRecord>

function told(entry: Entry, before: Entry | null): Told {
  const { data, kind } = entry
  const by = textIn(data, 'by')
  switch (kind) {
    case 'boot.open':
      return opened(entry, before)
    case 'boot.close':
      return { type: 'stop', severity: 'info', message: 'the gate ended in order' }
    case 'policy.load': {
      const isRefused = textIn(data, 'verdict') !== 'allow'
      const message = isRefused
        ? 'a policy was refused'
        : `a policy came into force (${textIn(data, 'trigger')})`
      const digests = {
        before: before === null ? '' : textIn(before.data, 'digest'),
        after: textIn(data, 'digest'),
      }
      return {
        type: 'deployment',
        severity: isRefused ? 'warning' : 'info',
        by,
        message,
        ...digests,
      }
    }
    case 'incident':
      return {
        type: 'incident',
        severity: 'error',
        message: sentence(textIn(data, 'code'), textIn(data, 'message')),
      }
    case 'key.rotate':
      return {
        type: 'key-rotation',
        severity: 'info',
        message: 'another key signs',
        after: textIn(data, 'vkey'),
      }
    case 'anchor': {
      const size = integerIn(data, 'size') ?? 0
      const message = `${size} entries are held in ${textIn(data, 'store')}, ${entry.seq - size} were behind`
      return {
        type: 'anchor',
        severity: 'info',
        message,
        before: String(size),
        after: String(entry.seq),
      }
    }
    case 'system':
      return written(data, by)
    default:
      return {
        type: kind.replaceAll('.', '-'),
        severity: 'warning',
        message: textIn(data, 'message'),
      }
  }
}

function opened({ data }: Entry, before: Entry | null): Told {
  const durability = `durability ${textIn(data, 'durability')}`
  if (before?.kind !== 'boot.open') {
    return { type: 'start', severity: 'info', message: `the gate began, ${durability}` }
  }
  const message = `the gate began, ${durability}; the one before it had ended without saying so`
  return { type: 'unclean-stop', severity: 'warning', message, caused_by: receiptIn(before) }
}

function written(data: Entry['data'], by: string): Told {
  const severity = severities.find((one) => one === textIn(data, 'severity')) ?? 'info'
  const [type, message] = [textIn(data, 'type'), textIn(data, 'message')]
  return { type, severity, by, message, caused_by: textIn(data, 'caused_by') }
}

const sentence = (code: string, message: string): string =>
  code === '' ? message : `${code}: ${message}`
