/** Scopes and the path of a request: every request is charged on, and halted by, all scopes of its path. */
import { assert } from './contract.ts'

/** Kinds of scopes, widest first along a path. */
export const scopeKinds = [
  'fleet',
  'tenant',
  'project',
  'agent',
  'run',
  'actor',
  'key',
  'pool',
] as const

export type ScopeKind = (typeof scopeKinds)[number]

/** `fleet`, `tenant:T`, `project:T/P`, `agent:A`, `run:A/R`, `actor:U`, `key:K` or `pool:N`. */
export type ScopeId = string & { readonly brand: 'ScopeId' }

/** Who a request speaks for, as the proxy established it; nothing here is the agent's own claim but `run`. */
export interface Principal {
  readonly agent: string
  /** Chosen by the agent among its own runs; `default` where it names none. */
  readonly run: string
  readonly tenant: string | null
  readonly project: string | null
  /** The human on whose behalf the agent acts. */
  readonly actor: string | null
  /** Fingerprint of the credential that the agent showed; null where the listener says who speaks. */
  readonly key: string | null
}

/** Names of agents, runs, tenants, projects, actors, pools: 1 to 64 of `a-z A-Z 0-9 . _ -`, not first a sign. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const name = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}'
const scopePattern = new RegExp(
  `^(fleet|(tenant|agent|actor|key|pool):${name}|(project|run):${name}/${name})$`,
)

/** Reads a scope as an operator writes it; null if it is not one. */
export function parseScope(text: string): ScopeId | null {
  return scopePattern.test(text) ? (text as ScopeId) : null
}

/** Everything that one gate, or several over one ledger, lets out. */
export const fleet = 'fleet' as ScopeId

/** The kind that a scope's name begins with. */
export function kindOf(scope: ScopeId): ScopeKind {
  const colon = scope.indexOf(':')
  return (colon < 0 ? scope : scope.slice(0, colon)) as ScopeKind
}

/** The scope of one kind on a principal's path; null where the principal has none (a pool is never asked here). */
export function scopeOf(principal: Principal, kind: ScopeKind): ScopeId | null {
  switch (kind) {
    case 'fleet':
      return fleet
    case 'tenant':
      return principal.tenant === null ? null : (`tenant:${principal.tenant}` as ScopeId)
    case 'project':
      if (principal.tenant === null || principal.project === null) return null
      return `project:${principal.tenant}/${principal.project}` as ScopeId
    case 'agent':
      return `agent:${principal.agent}` as ScopeId
    case 'run':
      return runOf(principal)
    case 'actor':
      return principal.actor === null ? null : (`actor:${principal.actor}` as ScopeId)
    case 'key':
      return principal.key === null ? null : (`key:${principal.key}` as ScopeId)
    case 'pool':
      return null
  }
}

/** The run of a principal: every request is of one. */
export function runOf(principal: Principal): ScopeId {
  return `run:${principal.agent}/${principal.run}` as ScopeId
}

/** A principal makes many requests, and each is judged on its path several times. */
const paths = new WeakMap<Principal, readonly ScopeId[]>()

/** The scopes of a principal, widest first: fleet, tenant, project, agent, run, then actor and key. */
export function pathOf(principal: Principal): readonly ScopeId[] {
  const known = paths.get(principal)
  if (known !== undefined) return known
  assert(namePattern.test(principal.agent), 'an agent has a name')
  assert(namePattern.test(principal.run), 'a run has a name')
  const path: ScopeId[] = []
  for (const kind of scopeKinds) {
    const scope = scopeOf(principal, kind)
    if (scope !== null) path.push(scope)
  }
  paths.set(principal, path)
  return path
}
