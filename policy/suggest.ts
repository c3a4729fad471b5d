/** Draft rules that allow what a ledger saw and nothing else; a person reads them, and makes them active. */
import { stringify } from 'yaml'
import { namePattern } from '../kernel/scope.ts'
import { globCharactersMax } from './glob.ts'
import { readHost } from './host.ts'
import type { RecordedDecision } from './simulate-facts.ts'

/** What is told apart; beyond it the suggestion says that it is not whole. */
const groupsMax = 10_000

/** Paths of one host and method that are named; where there are more, the host's paths have no shape. */
const pathsMax = 20

interface Group {
  readonly agents: Set<string>
  readonly kind: 'tunnel' | 'request'
  readonly host: string
  readonly port: number
  readonly methods: Set<string>
  readonly paths: Set<string>
  hasHidden: boolean
  count: number
}

export interface Suggestion {
  /** A whole policies.yaml: the agents by name, and the rules as drafts. Empty where nothing was seen. */
  readonly text: string
  readonly rules: number
  readonly requests: number
  /** Decisions that could not be told apart any more. */
  readonly left: number
}

export interface SuggestOptions {
  /** From what was refused because no rule allowed it; else from what was allowed. */
  readonly denied: boolean
  /** Null for all. */
  readonly agent: string | null
}

export class Suggester {
  readonly #options: SuggestOptions
  readonly #groups = new Map<string, Group>()
  #left = 0

  constructor(options: SuggestOptions) {
    this.#options = options
  }

  take(decision: RecordedDecision): void {
    const { agent: wanted, denied } = this.#options
    const { agent } = decision.event.principal
    if (wanted !== null && agent !== wanted) return
    if (!(denied ? isUnruled(decision) : isAllowed(decision)) || !canBeNamed(decision)) return
    const { kind, method, port } = decision
    const isTunnel = kind === 'tunnel' || kind === 'reach'
    const { host } = decision.event
    const key = JSON.stringify([agent, isTunnel, host, port, isTunnel ? '' : method])
    const known = this.#groups.get(key)
    if (known === undefined && this.#groups.size >= groupsMax) {
      this.#left += 1
      return
    }
    const group: Group = known ?? {
      ...{ agents: new Set([agent]), kind: isTunnel ? 'tunnel' : 'request', host, port },
      ...{ methods: new Set([isTunnel ? 'CONNECT' : method]), paths: new Set<string>() },
      ...{ hasHidden: false, count: 0 },
    }
    this.#groups.set(key, group)
    group.count += 1
    if (isTunnel) return
    const shape = shapeOf(decision.path)
    if (decision.isPathRedacted || shape.length > globCharactersMax) group.hasHidden = true
    else if (group.paths.size <= pathsMax) group.paths.add(shape)
  }

  suggestion(): Suggestion {
    const groups = joined(joined([...this.#groups.values()], 'methods'), 'agents')
    const requests = groups.reduce((sum, { count }) => sum + count, 0)
    const rules = groups.length
    const text = rules === 0 ? '' : textOf(groups, this.#left)
    return { text, rules, requests, left: this.#left }
  }
}

function isAllowed({ verdict }: RecordedDecision): boolean {
  return verdict === 'allow' || verdict === 'warn'
}

function isUnruled({ code, verdict }: RecordedDecision): boolean {
  return verdict === 'deny' && (code === 'no-rule' || code === 'inspection-required')
}

const identifier = /^(?:\d+|[0-9a-f]{8,}|[0-9a-f]{8}-[0-9a-f-]{27}|(?=[^/]*\d)[A-Za-z0-9_-]{16,})$/

/** Characters of a segment that mean themselves in a glob and in a canonical path. */
const plainSegment = /^(?!\.{1,2}$)[A-Za-z0-9!$&'()+,;=:@._~-]*$/

/** The path with `*` for each segment that looks like an id, or that a glob could not say. */
export function shapeOf(path: string): string {
  const [, ...segments] = path.split('/')
  const shaped = segments.map((segment) => {
    return identifier.test(segment) || !plainSegment.test(segment) ? '*' : segment
  })
  return `/${shaped.join('/')}`
}

const methodPattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$/

/** False for what no rule of a policy could name: such a request is refused before any. */
function canBeNamed({ event, method, port }: RecordedDecision): boolean {
  const host = readHost(event.host)
  const isHost = 'kind' in host && host.kind === 'exact' && !host.excepted
  const isPort = Number.isSafeInteger(port) && port >= 1 && port <= 65_535
  return isHost && isPort && methodPattern.test(method) && namePattern.test(event.principal.agent)
}

/** Groups that differ in one set alone become one. */
function joined(groups: readonly Group[], by: 'methods' | 'agents'): readonly Group[] {
  const found = new Map<string, Group>()
  for (const group of groups) {
    const { agents, hasHidden, host, kind, methods, paths, port } = group
    const sets = by === 'methods' ? [agents, paths] : [methods, paths]
    const key = JSON.stringify([kind, host, port, hasHidden, ...sets.map((set) => [...set].sort())])
    const known = found.get(key)
    if (known === undefined)
      found.set(key, { ...group, methods: new Set(methods), agents: new Set(agents) })
    else {
      for (const value of group[by]) known[by].add(value)
      known.count += group.count
    }
  }
  return [...found.values()]
}

function textOf(groups: readonly Group[], left: number): string {
  const agents = new Set(groups.flatMap((group) => [...group.agents]))
  const rules = groups.map((group, index) => ruleOf(group, index))
  const inspects = groups.some(({ kind, port }) => kind === 'request' && port === httpsPort)
  const policy = {
    version: 1,
    defaults: { verdict: 'deny', tls: inspects ? 'inspect' : 'tunnel' },
    agents: Object.fromEntries([...agents].sort().map((agent) => [agent, {}])),
    rules,
  }
  const whole = left === 0 ? '' : `# Not whole: ${left} requests were too many to be told apart.\n`
  const say =
    '# Suggested from a ledger. Nothing here is in force: read each rule, put it into your policy,\n'
  return `${say}# and make it active with \`haltgate policy state ID active --reason TEXT\`.\n${whole}${stringify(policy, { lineWidth: 0 })}`
}

const httpsPort = 443

function ruleOf(group: Group, index: number): Readonly<Record<string, unknown>> {
  const { agents, count, hasHidden, host, kind, methods, paths, port } = group
  const name = host
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 40)
  const isWide = paths.size > pathsMax || hasHidden
  const isShaped = kind === 'request' && !isWide && paths.size > 0
  const tls = kind === 'tunnel' ? { tls: 'tunnel' } : {}
  const hidden = hasHidden ? ', with paths that were redacted' : ''
  return {
    id: `suggested-${index + 1}${name === '' ? '' : `-${name}`}`,
    state: 'draft',
    reason: `Seen ${count} times${hidden}.`,
    agents: [...agents].sort(),
    hosts: [host],
    ports: [port],
    methods: [...methods].sort(),
    ...(isShaped ? { paths: [...paths].sort() } : {}),
    ...tls,
    effect: 'allow',
  }
}
