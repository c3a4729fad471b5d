/** A recorded decision as facts to classify again: what the ledger does not hold is not guessed, and asking for it is noticed. */
import type { Content, DecoderName, ModelWire } from '../kernel/content.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import type { Classification } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Verdict } from '../kernel/verdict.ts'
import type { CompiledPolicy } from './compile.ts'
import { mismatchOfParties, type Target } from './target.ts'

/** What an entry of a decision says. Bodies, queries and headers are never recorded (I6). */
export interface RecordedDecision {
  readonly seq: number
  readonly event: AdmitEvent
  readonly kind: RequestFacts['kind']
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly port: number
  readonly path: string
  readonly isPathRedacted: boolean
  /** What its body was read with; empty where it was not. */
  readonly decoder: DecoderName | ''
  /** Name of the model that it calls; empty where it calls none. */
  readonly model: string
  readonly verdict: Verdict
  /** Code of the deciding reason; empty where there is none. */
  readonly code: string
  /** True where a person's yes was used up. */
  readonly isApproved: boolean
}

/** Why nobody can say what the candidate answers. */
export type Unknown =
  | 'query-or-headers'
  | 'body'
  | 'path'
  | 'payload'
  | 'domain'
  | 'destination'
  | 'approval'

export type Reclassified =
  | { readonly known: true; readonly classification: Classification }
  | { readonly known: false; readonly why: Unknown }

/** What the policy of the time said, and the candidate says for itself. */
const ofPolicy: readonly string[] = [
  'validator-refused',
  'inspection-required',
  'unpriced-model',
  'policy-mismatch',
]

/** Refusals from outside of the policy: of the wire, the destination, the detectors. */
export function outsideRefusals({ event }: RecordedDecision): AdmitEvent['refusals'] {
  return event.refusals.filter(({ code }) => !ofPolicy.includes(code))
}

/** What the candidate says of a recorded request; total, as classifying is. */
export function reclassify(policy: CompiledPolicy, recorded: RecordedDecision): Reclassified {
  // What was only asked about was judged by its facts, which are not recorded whole.
  if (recorded.kind === 'action') return { known: false, why: 'domain' }
  if (recorded.isPathRedacted && needsPath(policy, recorded)) return { known: false, why: 'path' }
  const asked = { head: false, body: false }
  const facts = factsOf(recorded, asked)
  let classification = policy.classify(facts)
  if (classification.decoder !== '') {
    const content = contentOf(recorded, asked)
    if (content === null || content.decoder !== classification.decoder) {
      return { known: false, why: 'body' }
    }
    // Not spread: that would ask for all that is hidden.
    classification = policy.classify(Object.create(facts, { content: { value: content } }))
  }
  const why = unknownOf(policy, { recorded, classification, asked })
  return why === null ? { known: true, classification } : { known: false, why }
}

interface Asked {
  head: boolean
  body: boolean
}

function unknownOf(
  policy: CompiledPolicy,
  {
    recorded,
    classification,
    asked,
  }: { recorded: RecordedDecision; classification: Classification; asked: Asked },
): Unknown | null {
  const { domain, payload, refusals, rules } = classification
  // What asks for something hidden fails to evaluate, unless it is decided without.
  const hasFailed = refusals.some(({ code }) => code === 'validator-refused')
  if (hasFailed && asked.body) return 'body'
  if (hasFailed && asked.head) return 'query-or-headers'
  const before = recorded.event.rules
  const looks = payload.some(({ action, rule }) => action !== 'warn' && !before.includes(rule))
  if (looks) return 'payload'
  if (domain !== 'general' && policy.domains.has(domain)) return 'domain'
  const isForbidden = recorded.event.refusals.some(({ code }) => code === 'destination-forbidden')
  if (isForbidden && classification.addresses.length > 0) return 'destination'
  const approves = rules.some((id) => policy.rules.get(id)?.effect === 'approve')
  return approves && recorded.isApproved ? 'approval' : null
}

/** True where something of the candidate would have to know a path that was not recorded. */
function needsPath({ rulebook }: CompiledPolicy, recorded: RecordedDecision): boolean {
  const facts = factsOf(recorded, { head: false, body: false })
  const needs = ({ target }: { readonly target: Target }): boolean => {
    if (mismatchOfParties(target, facts) !== null) return false
    if (target.methods !== null && !target.methods.has(facts.method)) return false
    return target.paths !== null || target.when?.text.includes('path') === true
  }
  return rulebook.rulesFor(facts.host).some(needs) || rulebook.budgetsFor(facts.host).some(needs)
}

function factsOf(recorded: RecordedDecision, asked: Asked): RequestFacts {
  const { event, kind, method, path, port, scheme } = recorded
  const hide = (): never => {
    asked.head = true
    throw new RangeError('this is not recorded')
  }
  return {
    id: event.request,
    principal: event.principal,
    kind,
    method,
    scheme,
    host: event.host,
    port,
    path,
    get query(): string {
      return hide()
    },
    get headers(): Readonly<Record<string, string>> {
      return hide()
    },
    content: null,
  }
}

const wires: Readonly<Partial<Record<DecoderName, ModelWire>>> = {
  openai: 'openai-chat',
  anthropic: 'anthropic',
  gemini: 'gemini',
}

/** That its body was read, and by what; what stood in it is hidden. Null where nobody read it. */
function contentOf({ decoder, event, model }: RecordedDecision, asked: Asked): Content | null {
  if (decoder === '' || event.refusals.some(({ code }) => code.startsWith('body-'))) return null
  const hide = (): never => {
    asked.body = true
    throw new RangeError('this is not recorded')
  }
  const wire = wires[decoder]
  const bounds = { streams: false, choices: 1, tokensInMax: amount(event.ask, 'tokens_in') }
  const tokensOutMax = amount(event.ask, 'tokens_out')
  return {
    decoder,
    model: wire === undefined || model === '' ? null : { ...bounds, wire, model, tokensOutMax },
    get body(): null {
      return hide()
    },
    get facts(): Readonly<Record<string, string>> {
      return hide()
    },
  }
}

function amount(vector: Vector, dimension: string): number {
  return Object.hasOwn(vector, dimension) ? (vector[dimension] ?? 0) : 0
}
