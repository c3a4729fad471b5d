/** Makes requests that targets speak about, so that what a lint says of a policy can be tried on that policy. */
import type { AgentTerms } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { CompiledPolicy } from './compile.ts'
import { compileGlob } from './glob.ts'
import { readHost } from './host.ts'
import { PathText } from './path-text.ts'
import { anyTarget, type TargetSource } from './source.ts'

/** Values of one kind that are tried, and requests that are made of them. */
const valuesMax = 4
const requestsMax = 64

/** A host that no rule names: what `*` and a missing list mean as well. */
const strangeHost = 'unnamed.example'

const httpPort = 80
const httpsPort = 443

/**
 * Requests that all the targets may speak about: of their agents, to their hosts and ports, with their methods and
 * paths. Conditions are met only where a text of theirs says how. Empty where no such request was found.
 */
export function requestsFor(
  policy: CompiledPolicy,
  ...targets: readonly TargetSource[]
): readonly RequestFacts[] {
  const agents = agentsFor(policy, targets)
  const methods = shared(targets, ({ methods }) => methods) ?? []
  const isImpossible = methods.length === 0 && targets.some((each) => each.methods.length > 0)
  if (isImpossible) return []
  const requests: RequestFacts[] = []
  for (const host of hostsFor(targets)) {
    for (const port of portsFor(targets)) {
      for (const agent of agents) {
        const place = { policy, agent, host, port }
        requests.push(...requestsAt(place, { methods, targets }))
        if (requests.length >= requestsMax) return requests
      }
    }
  }
  return requests
}

/** Requests of any agent to any host. */
export function strangeRequests(policy: CompiledPolicy): readonly RequestFacts[] {
  return requestsFor(policy, anyTarget)
}

/** The agents that all targets mean. */
export function agentsFor(
  policy: CompiledPolicy,
  targets: readonly TargetSource[],
): readonly AgentTerms[] {
  const found: AgentTerms[] = []
  for (const agent of policy.agents.values()) {
    if (!targets.every((target) => means(target, agent))) continue
    found.push(agent)
    if (found.length >= valuesMax) break
  }
  return found
}

/** True where a target's agents, tenants, projects and actors do not leave this one out. */
export function means(target: TargetSource, agent: AgentTerms): boolean {
  const { name, tenant, project, actor } = agent
  const projects = project === null ? [] : [project, `${tenant}/${project}`]
  return (
    holds(target.agents, [name]) &&
    holds(target.tenants, tenant === null ? [] : [tenant]) &&
    holds(target.projects, projects) &&
    holds(target.actors, actor === null ? [] : [actor])
  )
}

function holds(wanted: readonly string[], names: readonly string[]): boolean {
  return wanted.length === 0 || names.some((name) => wanted.includes(name))
}

interface Place {
  readonly policy: CompiledPolicy
  readonly agent: AgentTerms
  readonly host: string
  readonly port: number
}

interface Wished {
  readonly methods: readonly string[]
  readonly targets: readonly TargetSource[]
}

function requestsAt(place: Place, { methods, targets }: Wished): readonly RequestFacts[] {
  const { policy, agent, host, port } = place
  const { name, tenant, project, actor } = agent
  const key = targets.find(({ keys }) => keys.length > 0)?.keys[0] ?? null
  const tunnel: RequestFacts = {
    id: 'lint',
    principal: { agent: name, run: 'default', tenant, project, actor, key },
    kind: 'tunnel',
    method: 'CONNECT',
    scheme: 'https',
    host,
    port,
    path: '',
    query: '',
    headers: {},
    content: null,
  }
  const reach = policy.classify({ ...tunnel, kind: 'reach' })
  const isOpaque = port === httpsPort && reach.tls === 'tunnel'
  const onlyConnects = methods.length > 0 && methods.every((method) => method === 'CONNECT')
  const asksConnect = methods.length === 0 ? isOpaque : methods.includes('CONNECT')
  const paths = pathsFor(targets)
  const requests: RequestFacts[] = asksConnect ? [tunnel] : []
  if (isOpaque || onlyConnects || paths.length === 0) return requests
  const scheme = port === httpsPort ? 'https' : 'http'
  const hints = targets.map(({ when }) => hintsOf(when))
  const asked = hints.flatMap(({ method }) => (method === null ? [] : [method]))
  const inside = methods.filter((method) => method !== 'CONNECT').slice(0, valuesMax)
  for (const method of inside.length > 0 ? inside : [...asked, 'GET']) {
    for (const path of paths) {
      const query = hints.map((hint) => hint.query).join('')
      const headers = Object.fromEntries(hints.flatMap((hint) => hint.headers))
      requests.push({ ...tunnel, kind: 'request', scheme, method, path, query, headers })
    }
  }
  return requests
}

/** What a condition compares a part of the request with: where these hold, it may be met. */
function hintsOf(when: string): {
  readonly method: string | null
  readonly query: string
  readonly headers: readonly (readonly [string, string])[]
} {
  const compared = /(?:\s*==\s*|\.(?:startsWith|endsWith|contains)\()["']([^"'\\]*)["']/.source
  const all = (member: string): readonly RegExpMatchArray[] => [
    ...when.matchAll(new RegExp(`request\\.${member}${compared}`, 'g')),
  ]
  const named = '(?:\\.(\\w+)|\\[["\']([^"\']+)["\']\\])'
  const pairs = (member: string): readonly (readonly [string, string])[] => {
    return all(`${member}${named}`).map(([, dotted, quoted, value = '']) => {
      return [dotted ?? quoted ?? '', value] as const
    })
  }
  return {
    method: all('method')[0]?.[1] ?? null,
    query: pairs('query')
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}&`)
      .join(''),
    headers: pairs('headers').map(([name, value]) => [name.toLowerCase(), value]),
  }
}

/** What all lists have in common; an empty list means any. Null where none of them names anything. */
function shared<T>(
  targets: readonly TargetSource[],
  listOf: (target: TargetSource) => readonly T[],
): readonly T[] | null {
  const lists = targets.map(listOf).filter((list) => list.length > 0)
  const [first, ...rest] = lists
  if (first === undefined) return null
  return first.filter((value) => rest.every((list) => list.includes(value)))
}

function portsFor(targets: readonly TargetSource[]): readonly number[] {
  const named = shared(targets, ({ ports }) => ports)
  const ports = named ?? [httpsPort, httpPort]
  // The port of HTTPS first: it is what most requests are sent to.
  return [...ports].sort((left, right) => weight(left) - weight(right)).slice(0, valuesMax)
}

function weight(port: number): number {
  return port === httpsPort ? 0 : 1
}

/** Hosts that all targets mean. */
function hostsFor(targets: readonly TargetSource[]): readonly string[] {
  const tried = new Set(targets.flatMap(({ hosts }) => hosts.flatMap(samplesOf)))
  const isOpen = targets.some(({ hosts }) => hosts.length === 0)
  if (isOpen || tried.size === 0) tried.add(strangeHost)
  const found = [...tried].filter((host) => targets.every(({ hosts }) => meansHost(hosts, host)))
  return found.slice(0, valuesMax)
}

/** True where patterns, with their exceptions, mean a host. */
export function meansHost(patterns: readonly string[], host: string): boolean {
  const read = patterns.map(readHost).filter((pattern) => 'kind' in pattern)
  const covers = ({ kind, name }: (typeof read)[number]): boolean => {
    if (kind === 'any') return true
    return kind === 'exact' ? name === host : host.endsWith(`.${name}`)
  }
  const meant = read.filter(({ excepted }) => !excepted)
  if (read.some((pattern) => pattern.excepted && covers(pattern))) return false
  return meant.length === 0 || meant.some(covers)
}

/** Hosts of a pattern, or those that it excepts: of a suffix two, for another pattern may except one. */
export function samplesOf(pattern: string): readonly string[] {
  const read = readHost(pattern)
  if ('problem' in read) return []
  if (read.kind === 'any') return [strangeHost]
  return read.kind === 'exact' ? [read.name] : [`www.${read.name}`, `any.www.${read.name}`]
}

/** Paths that all targets mean. */
function pathsFor(targets: readonly TargetSource[]): readonly string[] {
  const globs = targets.flatMap(({ paths }) => paths)
  const tried = new Set(globs.flatMap((glob) => ['x', ''].map((fill) => filled(glob, fill))))
  for (const { when } of targets) {
    const [, path] = /request\.path(?:\s*==\s*|\.startsWith\()["'](\/[^"'\\]*)["']/.exec(when) ?? []
    if (path !== undefined) tried.add(path)
  }
  tried.add('/')
  const matchers = targets.map(({ paths }) => paths.map(compileGlob))
  const found = [...tried].filter((path) => {
    const text = new PathText(path)
    return matchers.every((each) => each.length === 0 || each.some((matches) => matches(text)))
  })
  return found.slice(0, valuesMax)
}

function filled(glob: string, fill: string): string {
  return glob.replaceAll(/\*+/g, fill)
}
