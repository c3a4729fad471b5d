/** Compiles targets into tests of one request: who speaks, on which port, with which method and path. */
import type { RequestFacts } from '../kernel/request.ts'
import type { Expression, Subject } from './expression.ts'
import { foldGlob } from './fold-path.ts'
import { compileGlob, compileMarked, type PathMatcher } from './glob.ts'
import { readHost } from './host.ts'
import type { TargetSource } from './source.ts'

/** The first thing in which a request is not what a target means; null where it is. */
export type Mismatch =
  | 'host'
  | 'agent'
  | 'tenant'
  | 'project'
  | 'actor'
  | 'key'
  | 'port'
  | 'method'
  | 'path'
  | 'when'

export interface Target {
  /** Hosts for the index; `any` where the target names none. */
  readonly hosts: {
    readonly any: boolean
    readonly exact: readonly string[]
    readonly suffixes: readonly string[]
    readonly exceptExact: ReadonlySet<string> | null
    readonly exceptSuffixes: readonly string[]
  }
  readonly agents: ReadonlySet<string> | null
  readonly tenants: ReadonlySet<string> | null
  readonly projects: ReadonlySet<string> | null
  readonly actors: ReadonlySet<string> | null
  readonly keys: ReadonlySet<string> | null
  readonly ports: ReadonlySet<number> | null
  readonly methods: ReadonlySet<string> | null
  readonly paths: readonly PathMatcher[] | null
  /** For folded paths, of what stands in the way or counts: it is meant whatever the spelling. Null for the others. */
  readonly foldedPaths: readonly PathMatcher[] | null
  readonly when: Expression | null
  /** True where it speaks of hosts, ports, methods or paths, which an action that is asked about has none of. */
  readonly isOfRequests: boolean
  /** True where an opaque tunnel hides what this needs to be judged by. */
  readonly needsInspection: boolean
}

/**
 * Compiles targets.
 *
 * when     comes compiled, for its language is loaded only where a policy needs it.
 * isStern  true for what stands in the way or counts: other spellings of a path are no way around it.
 */
export function compileTarget(
  source: TargetSource,
  { when, isStern }: { readonly when: Expression | null; readonly isStern: boolean },
): Target {
  const patterns = source.hosts.map(readHost).filter((read) => 'kind' in read)
  const meant = patterns.filter(({ excepted }) => !excepted)
  const excepted = patterns.filter((pattern) => pattern.excepted)
  const named = (kind: 'exact' | 'suffix', from: typeof patterns): string[] => {
    return from.filter((pattern) => pattern.kind === kind).map(({ name }) => name)
  }
  const exceptExact = named('exact', excepted)
  const hidesMethod = source.methods.length > 0 && !source.methods.includes('CONNECT')
  return {
    hosts: {
      any: meant.length === 0 || meant.some(({ kind }) => kind === 'any'),
      exact: named('exact', meant),
      suffixes: named('suffix', meant),
      exceptExact: exceptExact.length === 0 ? null : new Set(exceptExact),
      exceptSuffixes: named('suffix', excepted).map((name) => `.${name}`),
    },
    agents: setOf(source.agents),
    tenants: setOf(source.tenants),
    projects: setOf(source.projects),
    actors: setOf(source.actors),
    keys: setOf(source.keys),
    ports: setOf(source.ports),
    methods: setOf(source.methods),
    paths: source.paths.length === 0 ? null : source.paths.map(compileGlob),
    foldedPaths: isStern ? source.paths.map((glob) => compileMarked(foldGlob(glob))) : null,
    when,
    isOfRequests: [source.hosts, source.ports, source.methods, source.paths].some(
      ({ length }) => length > 0,
    ),
    needsInspection: hidesMethod || source.paths.length > 0 || when?.readsHidden === true,
  }
}

function setOf<T>(values: readonly T[]): ReadonlySet<T> | null {
  return values.length === 0 ? null : new Set(values)
}

/** Compares whom, from where and whereto; the host itself was looked up in the index, save for exceptions. */
export function mismatchOfParties(target: Target, request: RequestFacts): Mismatch | null {
  const { host, port } = request
  if (target.hosts.exceptExact?.has(host) === true) return 'host'
  for (const suffix of target.hosts.exceptSuffixes) if (host.endsWith(suffix)) return 'host'
  const principal = mismatchOfPrincipal(target, request)
  if (principal !== null) return principal
  if (target.ports !== null && !target.ports.has(port)) return 'port'
  return null
}

/** Compares who asks, and nothing of what or where. */
export function mismatchOfPrincipal(target: Target, request: RequestFacts): Mismatch | null {
  const { principal } = request
  if (target.agents !== null && !target.agents.has(principal.agent)) return 'agent'
  if (lacks(target.tenants, principal.tenant)) return 'tenant'
  if (target.projects !== null && !hasProject(target.projects, request)) return 'project'
  if (lacks(target.actors, principal.actor)) return 'actor'
  if (lacks(target.keys, principal.key)) return 'key'
  return null
}

/** Compares what is asked. */
export function mismatchOfContent(target: Target, subject: Subject): Mismatch | null {
  const { request } = subject
  const { methods, paths, foldedPaths } = target
  if (methods !== null && !methods.has(request.method)) return 'method'
  if (paths === null || paths.some((matches) => matches(subject.path))) return null
  return foldedPaths?.some((matches) => matches(subject.foldedPath)) === true ? null : 'path'
}

function lacks(wanted: ReadonlySet<string> | null, name: string | null): boolean {
  return wanted !== null && (name === null || !wanted.has(name))
}

/** A project is named alone, or with its tenant as `tenant/project`. */
function hasProject(wanted: ReadonlySet<string>, { principal }: RequestFacts): boolean {
  const { tenant, project } = principal
  if (project === null) return false
  return wanted.has(project) || (tenant !== null && wanted.has(`${tenant}/${project}`))
}
