/** What a person's yes, or a token, is bound to: one action, byte for byte, or a class of them (KERNEL c.7). */
import type { Answer } from '../kernel/answer.ts'
import type { ApprovalAsk, Quorum } from '../kernel/approval.ts'
import { canonical } from '../kernel/canonical.ts'
import type { ApprovalTerms, Classification, Policy } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Hash } from './ports.ts'
import type { Said, Work } from './work.ts'

/** How long people have where the policy does not say: 15 minutes. */
export const expiresDefaultMs = 900_000

/** No connection is held longer for a person. */
export const waitMaxMs = 600_000

export interface Digests {
  /** Of this one action: a retry has the same only where it is the same to the byte. */
  readonly digest: string
  /** Of this one action, whatever its run: what a capability token is bound to, whose scope says the run. */
  readonly act: string
  /** Of its class: without path, query, body and run. */
  readonly kind: string
}

export interface Bound {
  readonly facts: RequestFacts
  readonly classification: Pick<Classification, 'action' | 'domain' | 'resource'>
  /** SHA-256 of the body as it will be forwarded. */
  readonly bodyHash: string
}

/** Both digests of an action. Strings that are not well-formed are made so: what differs then differs in the body. */
export function digestsOf(hash: Hash, { bodyHash, classification, facts }: Bound): Digests {
  const { actor, agent, project, run, tenant } = facts.principal
  const { action, domain, resource } = classification
  const of = (text: string): string => text.toWellFormed()
  const who = { actor, agent, project, tenant }
  // Its form: who agreed to a GET has not agreed to a WebSocket that begins with the same.
  const { host, kind: form, method, port, scheme } = facts
  const kind = {
    ...{ action: of(action), domain: of(domain), form, host: of(host), method: of(method), port },
    ...{ principal: who, resource: of(resource), scheme },
  }
  const { headers, path, query } = facts
  // The same bytes under another name are read otherwise.
  const [coding, type] = [headers['content-encoding'] ?? '', headers['content-type'] ?? '']
  const act = {
    ...{ ...kind, body: bodyHash, path: of(path), query: of(query) },
    ...{ coding: of(coding), type: of(type) },
  }
  const whole = { ...act, principal: { ...who, run } }
  return { digest: hash(canonical(whole)), act: hash(canonical(act)), kind: hash(canonical(kind)) }
}

/** How a body is known that nobody has to read; null where it has to be read first. */
export function bodyHashOf(
  { hash }: { readonly hash: Hash | null },
  { content, kind }: Pick<RequestFacts, 'content' | 'kind'>,
): (() => string) | null {
  if (hash === null) return null
  if (content !== null) return () => hash(canonical(content.body))
  // A tunnel and the handshake of a WebSocket have none.
  return kind === 'request' ? null : () => hash('')
}

/** Whose yes is asked for, and for how long, where this answer says that somebody's is. */
export function askOf(work: Work, answer: Answer, { digest, kind }: Digests): ApprovalAsk {
  const { classification, policy, said } = work
  return {
    ...{ digest, kind },
    quorums: quorumsOf({ answer, classification, policy, said }),
    expiresMs: shortest(approvalsOf(policy, classification).map(({ expiresMs }) => expiresMs)),
  }
}

/** How long the connection is held for it: as long as the strictest of the rules lets it. */
export function waitOf(policy: Policy, classification: Classification): number {
  const waits = approvalsOf(policy, classification).map(({ waitMs }) => waitMs)
  return waits.length === 0 ? 0 : Math.min(waitMaxMs, ...waits)
}

function approvalsOf({ rules }: Policy, { rules: ids }: Classification): readonly ApprovalTerms[] {
  return ids.flatMap((id) => {
    const rule = rules.get(id)
    return rule?.effect === 'approve' && rule.approval !== null ? [rule.approval] : []
  })
}

const shortest = (times: readonly number[]): number =>
  times.length === 0 ? expiresDefaultMs : Math.min(...times)

interface Wanting {
  readonly answer: Answer
  readonly classification: Classification
  readonly policy: Policy
  readonly said: Said | null
}

/** Anyone's. */
const anyone: Quorum = { need: 1, of: [] }

/** One for each rule, budget and check that wants a yes; equal ones once. */
function quorumsOf({ answer, classification, policy, said }: Wanting): readonly Quorum[] {
  const wanted = new Map<string, Quorum>()
  const want = (quorum: Quorum): void => {
    wanted.set(JSON.stringify([quorum.need, quorum.of]), { need: quorum.need, of: quorum.of })
  }
  for (const { quorum } of approvalsOf(policy, classification)) want(quorum)
  for (const demand of said?.demands ?? []) if (demand.verdict === 'approve') want(demand)
  const budgets = answer.reasons.some(
    ({ code, id }) => code === 'approval-required' && policy.budgets.has(id),
  )
  if (budgets || wanted.size === 0) want(anyone)
  return [...wanted.values()]
}
