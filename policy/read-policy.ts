/** Reads a whole file into the canonical form: agents first, for rules and budgets refer to them. */
import { actorDefault, actorPattern } from '../kernel/domain.ts'
import type { ApproverTerms } from '../kernel/policy.ts'
import { readDuration } from './amount.ts'
import type { FileAgent, PolicyFile } from './file.ts'
import { didYouMean } from './problem.ts'
import { readBudget } from './read-budget.ts'
import { readCredentials, readUpstreamProxies } from './read-credential.ts'
import { type DomainMeans, type ReadDomains, readDomains } from './read-domains.ts'
import { refersToProxy } from './read-inspection.ts'
import { readApprovers, readIssuers, readTokens } from './read-people.ts'
import { readPrices } from './read-prices.ts'
import { readRule } from './read-rule.ts'
import { type Declared, type Reading, sortedSet } from './reading.ts'
import type { AgentSource, DomainSource, PolicySource, RuleSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** Stands in for keys whose absence was told, so that the rest of the entry is read too. */
const ruleDefault = { id: 'missing', effect: 'deny' } as const
const budgetDefault = { id: 'missing', scope: 'fleet', limits: {} } as const

/** A policy as it was read, and where each entry of it stands in the file. */
export interface Read {
  readonly source: PolicySource
  readonly rulePaths: readonly Path[]
  readonly budgetPaths: readonly Path[]
}

/**
 * Reads what the schema let pass. Problems go to the reading; an entry that the schema refused is left out.
 *
 * isBroken  true for an entry whose shape is not what the types say.
 */
export function readPolicy(
  file: PolicyFile,
  reading: Reading,
  means: DomainMeans & { readonly isBroken: (path: Path) => boolean },
): Read {
  const { isBroken } = means
  const at = { reading, isBroken }
  const agents = readAgents(file.agents ?? {}, at)
  const domains = readDomains(file, { ...means, reading })
  checkTypes(agents, domains, reading)
  const approvers = readApprovers(file, { ...at, agents })
  const credentials = readCredentials(file, at)
  const upstream_proxies = readUpstreamProxies(file, { ...at, credentials })
  const declared = declaredBy(file, { agents, domains, approvers })
  const firstPlaces = new Map<string, string>()
  const rules: Entry<ReturnType<typeof readRule>>[] = []
  const budgets: Entry<ReturnType<typeof readBudget>>[] = []
  const once = (id: string | undefined, path: Path, what: string): void => {
    if (id === undefined) return
    const first = firstPlaces.get(id)
    if (first !== undefined) {
      reading.problem([...path, 'id'], `the id "${id}" is taken by another ${first}`)
    } else firstPlaces.set(id, what)
  }
  ;(isBroken(['rules']) ? [] : (file.rules ?? [])).forEach((raw, index) => {
    const path = ['rules', index]
    if (isBroken(path)) return
    once(raw.id, path, 'rule')
    rules.push({ path, read: readRule({ ...ruleDefault, ...raw }, { path, reading, declared }) })
  })
  ;(isBroken(['budgets']) ? [] : (file.budgets ?? [])).forEach((raw, index) => {
    const path = ['budgets', index]
    if (isBroken(path)) return
    once(raw.id, path, 'budget')
    budgets.push({
      path,
      read: readBudget({ ...budgetDefault, ...raw }, { path, reading, declared }),
    })
  })
  const defaults = isBroken(['defaults']) ? {} : (file.defaults ?? {})
  const { verdict = 'deny', tls = 'inspect', upstream_proxy = '' } = defaults
  if (upstream_proxy !== '') {
    refersToProxy(['defaults', 'upstream_proxy'], upstream_proxy, { reading, declared })
  }
  const boundRules = rules.filter(isBound)
  const boundBudgets = budgets.filter(isBound)
  const source: PolicySource = {
    version: 1,
    mode: file.mode ?? 'enforce',
    defaults: { verdict, tls, upstream_proxy },
    anchored_within_ms: isBroken(['ledger']) ? 0 : readAnchoredWithin(file, reading),
    agents,
    rules: boundRules.map(({ read }) => read),
    approvers,
    issuers: readIssuers(file, at),
    domains: usedDomains(
      domains,
      boundRules.map(({ read }) => read),
    ),
    budgets: boundBudgets.map(({ read }) => read),
    credentials,
    upstream_proxies,
    price_table: '',
    ...readPrices(isBroken(['prices']) ? {} : (file.prices ?? {}), reading, isBroken),
  }
  const pathOf = ({ path }: { readonly path: Path }): Path => path
  return { source, rulePaths: boundRules.map(pathOf), budgetPaths: boundBudgets.map(pathOf) }
}

/** How long the newest entries may wait to be held outside; 0 where the policy does not say. */
function readAnchoredWithin({ ledger }: PolicyFile, reading: Reading): number {
  if (ledger?.anchored_within === undefined) return 0
  const amount = readDuration(ledger.anchored_within)
  const path = ['ledger', 'anchored_within']
  if ('problem' in amount) reading.problem(path, amount.problem)
  // An anchor is put once a minute: less would refuse everything.
  else if (amount.value >= anchoredWithinMsMin) return amount.value
  else reading.problem(path, 'an anchor is put once a minute: allow at least 2m')
  return 0
}

const anchoredWithinMsMin = 120_000

/** Those that a rule names, or that the policy says something of, ascending by name. */
function usedDomains(
  { configured, sources }: ReadDomains,
  rules: readonly RuleSource[],
): readonly DomainSource[] {
  const names = sortedSet([...configured, ...rules.map(({ domain }) => domain)])
  return names.flatMap((name) => sources.get(name) ?? [])
}

/** An agent is someone to at least one domain. */
function checkTypes(
  agents: readonly AgentSource[],
  { configs }: ReadDomains,
  reading: Reading,
): void {
  if ([...configs.values()].includes(null)) return
  const known = [...configs.values()].flatMap((config) => config?.actors ?? [])
  const names = sortedSet(known.map(({ name }) => name))
  for (const { name, type } of agents) {
    if (type === '' || !actorPattern.test(type) || names.includes(type)) continue
    const message = `no domain knows an actor ${type}${didYouMean(type, names)}`
    reading.problem(['agents', name, 'type'], message)
  }
}

interface Entry<T> {
  readonly path: Path
  readonly read: T
}

function isBound<T>(entry: Entry<T | null>): entry is Entry<T> {
  return entry.read !== null
}

function readAgents(
  agents: Readonly<Record<string, FileAgent | null>>,
  at: { readonly reading: Reading; readonly isBroken: (path: Path) => boolean },
): readonly AgentSource[] {
  const { reading, isBroken } = at
  const owners = new Map<string, string>()
  const read: AgentSource[] = []
  for (const name of isBroken(['agents']) ? [] : Object.keys(agents).sort()) {
    const path = ['agents', name]
    reading.isName(path, name, 'an agent', 'key')
    if (isBroken(path)) continue
    const raw = agents[name] ?? {}
    const { tenant = '', project = '', actor = '', tokens = [] } = raw
    const type = raw.type === actorDefault ? '' : (raw.type ?? '')
    if (type !== '' && !actorPattern.test(type)) {
      reading.problem([...path, 'type'], `\`type\` must match ${actorPattern.source}`)
    }
    if (tenant !== '') reading.isName([...path, 'tenant'], tenant, 'a tenant')
    if (project !== '') reading.isName([...path, 'project'], project, 'a project')
    if (actor !== '') reading.isName([...path, 'actor'], actor, 'an actor')
    if (project !== '' && tenant === '') {
      reading.problem([...path, 'project'], 'a project belongs to a tenant: add the key `tenant`')
    }
    readTokens(tokens, { reading, path, owners, owner: `agent "${name}"` })
    read.push({ name, tenant, project, actor, type, tokens: sortedSet(tokens) })
  }
  return read
}

/** A broken agent's name still counts, so that one mistake is told once. */
function declaredBy(
  file: PolicyFile,
  {
    agents,
    domains,
    approvers,
  }: {
    readonly agents: readonly AgentSource[]
    readonly domains: ReadDomains
    readonly approvers: readonly ApproverTerms[]
  },
): Declared {
  const of = (values: readonly string[]): ReadonlySet<string> => new Set(values.filter(Boolean))
  return {
    agents: of(Object.keys(file.agents ?? {})),
    tenants: of(agents.map(({ tenant }) => tenant)),
    projects: of(
      agents.flatMap(({ tenant, project }) =>
        project === '' ? [] : [project, `${tenant}/${project}`],
      ),
    ),
    actors: of(agents.map(({ actor }) => actor)),
    credentials: of(Object.keys(file.credentials ?? {})),
    upstreamProxies: of(Object.keys(file.upstream_proxies ?? {})),
    approvers,
    domains: domains.configs,
    agentTypes: new Map(agents.map(({ name, type }) => [name, type])),
    mode: file.mode ?? 'enforce',
    verdict: file.defaults?.verdict ?? 'deny',
  }
}
