/** Reads of a ledger what was decided, as the workbench needs it: decisions, and what else moves the kernel. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { eventOf } from '../gate/fold.ts'
import { type DecoderName, decoderNames } from '../kernel/content.ts'
import { ContractError } from '../kernel/contract.ts'
import { Failure } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { type Verdict, verdicts } from '../kernel/verdict.ts'
import type { Entry } from '../ledger/entry.ts'
import { linesFrom } from '../ledger/verify-entries.ts'
import type { Recorded } from '../policy/simulate.ts'
import type { RecordedDecision } from '../policy/simulate-facts.ts'

export interface Stretch {
  readonly from: number
  readonly to: number
}

/** What one line of a ledger holds for the workbench. */
export type Line =
  | { readonly kind: 'recorded'; readonly recorded: Recorded }
  /** Refusals that were counted together and are no decisions of their own. */
  | { readonly kind: 'folded'; readonly count: number }
  | { readonly kind: 'broken' }
  | { readonly kind: 'other' }

/**
 * The directory of a ledger: itself, or the data directory that it stands in.
 *
 * errors  Failure ledger-unavailable where there is none.
 */
export function ledgerIn(directory: string): string {
  const inside = join(directory, 'ledger')
  const found = existsSync(inside) ? inside : directory
  if (existsSync(found)) return found
  const message = `there is no ledger in ${directory}; name it, or the gate's data directory`
  throw new Failure('ledger-unavailable', message)
}

/** Every entry of a stretch, in order. The chain is not followed: `audit verify` does. */
export function* observed(directory: string, { from, to }: Stretch): Generator<Line> {
  for (const { entry } of linesFrom(directory, from)) {
    if (entry === null) yield { kind: 'broken' }
    else if (entry.seq > to) return
    else if (entry.seq >= from) yield lineOf(entry)
  }
}

function lineOf(entry: Entry): Line {
  if (entry.kind === 'rejected') {
    const count = entry.data['count']
    return { kind: 'folded', count: typeof count === 'number' ? count : 1 }
  }
  try {
    const event = entry.kind === 'preview' ? null : eventOf(entry)
    if (event === null) return { kind: 'other' }
    const recorded: Recorded | null =
      event.kind === 'admit' ? decided(entry, event) : { kind: 'event', seq: entry.seq, event }
    return recorded === null ? { kind: 'broken' } : { kind: 'recorded', recorded }
  } catch (error) {
    // An entry whose members are not what its kind says.
    if (error instanceof ContractError) return { kind: 'broken' }
    throw error
  }
}

const kinds: readonly RequestFacts['kind'][] = ['request', 'websocket', 'tunnel', 'action', 'reach']

/** Null where a member is not what a decision has. */
function decided(
  { data, seq }: Entry,
  event: RecordedDecision['event'],
): Extract<Recorded, { kind: 'decision' }> | null {
  const text = (key: string): string => {
    const value = data[key]
    return typeof value === 'string' ? value : ''
  }
  const kind = kinds.find((each) => each === text('kind'))
  const verdict = verdicts.find((each): each is Verdict => each === text('verdict'))
  const port = data['port']
  if (kind === undefined || verdict === undefined || typeof port !== 'number') return null
  const reasons = data['reasons']
  const first: unknown = Array.isArray(reasons) ? reasons[0] : null
  const decision: RecordedDecision = {
    seq,
    event,
    kind,
    method: text('method'),
    scheme: text('scheme') === 'https' ? 'https' : 'http',
    port,
    path: text('path'),
    isPathRedacted: data['path_redacted'] === true,
    decoder: decoderNames.find((name): name is DecoderName => name === text('decoder')) ?? '',
    model: text('model'),
    verdict,
    code: codeOf(first),
    isApproved: data['approval_id'] !== undefined && (verdict === 'allow' || verdict === 'warn'),
  }
  return { kind: 'decision', decision }
}

function codeOf(reason: unknown): string {
  if (typeof reason !== 'object' || reason === null || !('code' in reason)) return ''
  return typeof reason.code === 'string' ? reason.code : ''
}
