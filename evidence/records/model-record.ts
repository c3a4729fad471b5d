/** What one call of a model was and cost: its decision, joined with its settlement. Never what was asked or answered. */
import type { Entry } from '../../ledger/entry.ts'
import { codeIn, integerIn, membersIn, receiptIn, textIn } from './members.ts'

export interface ModelRecord {
  readonly ts: string
  readonly agent: string
  readonly run: string
  readonly principal: string
  readonly model: string
  readonly host: string
  readonly verdict: string
  /** Of the reason that refused it; empty where none did. */
  readonly code: string
  /** HMAC-SHA-256 under the key of the data directory; empty where nothing was asked or answered. */
  readonly prompt_hash: string
  readonly response_hash: string
  /** As it was settled; null where it was not settled yet, or not in that dimension. */
  readonly tokens_in: number | null
  readonly tokens_out: number | null
  readonly cost_nano_usd: number | null
  readonly usage_source: string
  readonly outcome: string
  readonly status: number | null
  readonly duration_ms: number | null
  /** How often it was given more. */
  readonly extensions: number
  readonly request: string
  /** Receipts of both entries; the second is empty where it is not settled. */
  readonly decision: string
  readonly settlement: string
}

/** related  entries of the same request; others are left out. */
export function modelRecord(decision: Entry, related: readonly Entry[]): ModelRecord {
  const { actor, data, ts } = decision
  const request = textIn(data, 'request')
  const own = related.filter((entry) => textIn(entry.data, 'request') === request)
  const settlement = own.findLast(({ kind }) => kind === 'settlement') ?? null
  const ended = settlement?.data ?? {}
  const hashes = membersIn(ended, 'hashes')
  const actual = membersIn(ended, 'actual')
  return {
    ts,
    agent: actor.agent ?? '',
    run: actor.run ?? '',
    principal: actor.principal ?? '',
    model: textIn(data, 'model'),
    host: textIn(data, 'host'),
    verdict: textIn(data, 'verdict'),
    code: codeIn(data),
    prompt_hash: textIn(hashes, 'prompt'),
    response_hash: textIn(hashes, 'response'),
    tokens_in: integerIn(actual, 'tokens_in'),
    tokens_out: integerIn(actual, 'tokens_out'),
    cost_nano_usd: integerIn(actual, 'cost_usd'),
    usage_source: textIn(ended, 'usage_source'),
    outcome: textIn(ended, 'outcome'),
    status: integerIn(ended, 'status'),
    duration_ms: integerIn(ended, 'duration_ms'),
    extensions: own.filter(({ kind }) => kind === 'extension').length,
    request,
    decision: receiptIn(decision),
    settlement: receiptIn(settlement),
  }
}
