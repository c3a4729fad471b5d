/** What a lint finds in a policy that loads: a code, who is concerned, where it stands, and a request that shows it. */
import type { RequestFacts } from '../kernel/request.ts'
import type { CompiledPolicy } from './compile.ts'
import { type Explanation, explain } from './explain.ts'
import type { PolicySource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** What may be found. Never renamed: pipelines compare them. */
export const lintCodes = [
  'agent-without-rules',
  'always-denied',
  'approve-without-approvers',
  'budget-allows-nothing',
  'budget-does-nothing',
  'budget-never-applies',
  'charge-above-limit',
  'child-above-parent',
  'constant-condition',
  'contradictory',
  'decoder-conflict',
  'default-allow',
  'draft-idle',
  'exception-idle',
  'free-model',
  'inject-unencrypted',
  'inject-wide',
  'invalid',
  'limit-never-reached',
  'means-nothing',
  'metadata-address',
  'missing-facts',
  'never-matches',
  'no-decoder',
  'not-enforced',
  'open-hosts',
  'pattern-covered',
  'queue-without-window',
  'redundant',
  'shadowed',
  'tiers-out-of-order',
  'tunnel-hides',
  'uncharged-dimension',
  'unknown-type',
  'unpriced-model',
  'unreachable',
  'unused-credential',
  'unused-proxy',
  'warned',
  'wide-addresses',
] as const

export type LintCode = (typeof lintCodes)[number]

/** A request as `policy explain` takes it. */
export interface Example {
  readonly agent: string
  readonly method: string
  readonly url: string
}

export interface LintFinding {
  readonly code: LintCode
  /** Rules and budgets that are concerned, the one that should be changed first. */
  readonly ids: readonly string[]
  readonly line: number
  readonly column: number
  readonly message: string
  /** Null where it is about no request: a name that nobody uses, a file that does not load. */
  readonly example: Example | null
}

/** What a check suspects. */
export interface Suspicion {
  readonly code: LintCode
  readonly ids: readonly string[]
  /** Key of the first id's entry to point at, or a path of the whole file. */
  readonly at: string | Path
  readonly message: string
  /** Requests that may show it; null where it is about none. */
  readonly requests: readonly RequestFacts[] | null
  /** Whether a request does show it, as the compiled policy answers it. */
  readonly shows: (explained: Explanation, request: RequestFacts) => boolean
}

/** What every check is given. */
export interface Linted {
  readonly policy: CompiledPolicy
  readonly source: PolicySource
  readonly suspect: (suspicion: Suspicion) => void
}

/** The first request that shows a suspicion; null where none does, and so nothing was found. */
export function shown(policy: CompiledPolicy, suspicion: Suspicion): RequestFacts | null {
  for (const request of suspicion.requests ?? []) {
    if (suspicion.shows(explain(policy, request), request)) return request
  }
  return null
}

export function exampleOf(request: RequestFacts): Example {
  const { host, kind, method, path, port, principal, query, scheme } = request
  const name = host.includes(':') ? `[${host}]` : host
  const { agent } = principal
  if (kind === 'tunnel') return { agent, method, url: `${name}:${port}` }
  const natural = scheme === 'https' ? 443 : 80
  const asked = query === '' ? '' : `?${query}`
  const url = `${scheme}://${name}${port === natural ? '' : `:${port}`}${path}${asked}`
  return { agent, method, url }
}

/** True where the policy says that all of these rules speak. */
export function speak(explained: Explanation, ...ids: readonly string[]): boolean {
  return ids.every((id) => explained.classification.rules.includes(id))
}

/** True where all of these budgets count it. */
export function count(explained: Explanation, ...ids: readonly string[]): boolean {
  return ids.every((id) => explained.classification.budgets.includes(id))
}

/** True where a rule or a budget is silent, or is not even asked. */
export function isSilent(explained: Explanation, id: string): boolean {
  const entries = [...explained.rules, ...explained.budgets]
  return (entries.find((entry) => entry.id === id)?.matched ?? 'no') === 'no'
}
