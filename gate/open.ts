/** Opens a gate on its ledger: folds the state, forfeits what a dead process left open, puts the policy in force. */
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import { restore, snapshot } from '../kernel/snapshot.ts'
import { emptyState, type Hold, type State } from '../kernel/state.ts'
import type { Entry } from '../ledger/entry.ts'
import { Ledger, type LedgerOptions } from '../ledger/ledger.ts'
import { Core, type CoreOptions } from './core.ts'
import { asLogged, fold, type TermsOf } from './fold.ts'
import { Gate } from './gate.ts'
import { load } from './orders.ts'
import { settlementDraft } from './record.ts'

export interface GateOptions extends CoreOptions {
  readonly ledger: Omit<LedgerOptions, 'restore' | 'fold' | 'snapshot' | 'onPoison'>
  /** The policies that entries were decided by, from what is kept beside the ledger. */
  readonly termsOf: TermsOf
  /** Keeps a policy's source beside the ledger, durable when it resolves. */
  readonly keep: (policy: Policy) => Promise<void>
}

/** So many settlements are handed to the ledger before one is awaited: well under its queue. */
const forfeitBatch = 512

/** errors  Failure ledger-unavailable: locked, damaged, unreadable, or not following from its own past. */
export async function openGate(options: GateOptions): Promise<Gate> {
  return new Gate(await openCore(options))
}

/** What is behind the gate's door: its state and its ledger. */
export async function openCore(options: GateOptions): Promise<Core> {
  let state: State = emptyState
  let core: Core | null = null
  const asked = new Map<string, Entry['data']>()
  const ledger = await Ledger.open({
    ...options.ledger,
    restore: (text) => {
      state = text === null ? emptyState : restore(text)
    },
    fold: (entry) => {
      const folded = fold(state, entry, options.termsOf)
      if (folded.mismatch !== null) throw mismatch(entry.seq, folded.mismatch)
      state = folded.state
      if (isAsked(entry)) asked.set(String(entry.data['request']), entry.data)
    },
    snapshot: () => snapshot(asLogged(core?.state ?? state)),
    onPoison: (failure) => core?.seal({ code: 'ledger-unavailable', message: failure.message }),
  })
  core = new Core(state, options)
  core.attach(ledger)
  for (const [, { id }] of state.approvals) {
    const data = asked.get(id)
    if (data !== undefined) core.approvals.concerns(id, data)
  }
  try {
    await begin(core, options)
  } catch (error) {
    await ledger.close()
    throw error
  }
  return core
}

async function begin(core: Core, options: GateOptions): Promise<void> {
  if (core.state.policy !== '') await forfeitAll(core, options.termsOf)
  await options.keep(options.policy)
  const loaded = await load(core, options.policy, {
    trigger: 'start',
    by: 'file',
    changes: [],
  })
  // What was due while nobody was there ends now, each with its entry.
  core.approvals.arm()
  if (loaded.ok) return
  const why = loaded.reasons.map(({ message }) => message).join('; ')
  const code = loaded.reasons[0]?.code ?? 'policy-unavailable'
  throw new Failure(code, `the policy did not come into force: ${why}`)
}

/** A decision that asked for somebody's yes: what it was about is told again. */
function isAsked({ data, kind }: Entry): boolean {
  return kind === 'decision' && data['verdict'] === 'approve' && data['approval'] !== undefined
}

function mismatch(seq: number, sentence: string): Failure {
  return new Failure(
    'ledger-unavailable',
    `entry ${seq} does not follow from what was before it: ${sentence}. ` +
      'Run `haltgate audit verify --replay`; start on a new data directory to go on.',
  )
}

/** Nobody knows what an open hold of a dead process cost, so all of it counts as spent; each says so in an entry. */
async function forfeitAll(core: Core, termsOf: TermsOf): Promise<void> {
  const terms = termsOf(core.state.policy)
  if (terms === null) throw new Failure('policy-unavailable', 'the last policy is not kept')
  const holds: Hold[] = []
  for (const [, hold] of core.state.holds) holds.push(hold)
  for (const [index, { request, admittedAt }] of holds.sort(byRequest).entries()) {
    const at = core.now()
    const outcome = 'forfeited'
    const answer = core.apply({ kind: 'settle', at, request, outcome, actual: {} }, terms)
    const durationMs = Math.max(0, at - admittedAt)
    const settlement = { outcome, actual: {}, status: 0, cut: '' } as const
    const record = { request, at, durationMs, source: 'recovery', settlement } as const
    const written = core.append(settlementDraft({}, record))
    core.carry(answer.effects, at)
    if (index % forfeitBatch === 0) await written
    else written.catch(() => undefined)
  }
}

const byRequest = (left: Hold, right: Hold): number => (left.request < right.request ? -1 : 1)
