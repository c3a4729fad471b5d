/** What is wrong with one rule by itself: it is too wide, never speaks, or says what has no meaning. */
import { passes } from '../kernel/verdict.ts'
import type { Explanation } from './explain.ts'
import { readHost } from './host.ts'
import { constancyOf, contradictionOf } from './lint-condition.ts'
import { isSilent, type Linted, speak } from './lint-finding.ts'
import { means, meansHost, requestsFor, samplesOf, strangeRequests } from './lint-request.ts'
import { covers } from './read-target.ts'
import type { RuleSource } from './source.ts'

/** Zones in which anybody can have a name: what is meant for one of them must not go to all. */
const openZones: readonly string[] = [
  'amazonaws.com',
  'appspot.com',
  'azurewebsites.net',
  'blogspot.com',
  'cloudfront.net',
  'fly.dev',
  'github.io',
  'gitlab.io',
  'herokuapp.com',
  'netlify.app',
  'ngrok.io',
  'onrender.com',
  'pages.dev',
  'vercel.app',
  'web.app',
  'workers.dev',
]

/** Shorter prefixes are more than any one organisation has to itself (RFC 1918: 10.0.0.0/8 is the largest). */
const prefixMin = { v4: 8, v6: 7 }

export function lintRules(linted: Linted): void {
  for (const rule of linted.source.rules) {
    lintTarget(linted, rule)
    lintCondition(linted, rule)
    if (rule.state !== 'active') continue
    lintWidth(linted, rule)
    lintQueue(linted, rule)
    lintReach(linted, rule)
  }
}

/** Targets that nobody can be, and host patterns that change nothing. */
function lintTarget({ policy, source, suspect }: Linted, rule: RuleSource): void {
  const { id } = rule
  const place = { code: 'never-matches', ids: [id] } as const
  const silent = { shows: (explained: Explanation) => isSilent(explained, id) }
  const agents = [...policy.agents.values()]
  if (agents.length > 0 && !agents.some((agent) => means(rule, agent))) {
    const anyone = { ...rule, agents: [], tenants: [], projects: [], actors: [] }
    const message = 'no agent of the policy is all that this rule wants: it never matches'
    const at = rule.agents.length > 0 ? 'agents' : 'tenants'
    suspect({ ...place, ...silent, at, message, requests: requestsFor(policy, anyone) })
  }
  if (rule.paths.length > 0 && rule.methods.join() === 'CONNECT') {
    const message = 'a CONNECT has no path: this rule never matches'
    const requests = requestsFor(policy, { ...rule, paths: [] })
    const shows = (explained: Explanation) => !speak(explained, id)
    suspect({ ...place, at: 'paths', message, requests, shows })
  }
  lintPatterns({ policy, source, suspect }, rule)
}

function lintPatterns({ policy, suspect }: Linted, rule: RuleSource): void {
  const { id, hosts } = rule
  for (const pattern of hosts) {
    const read = readHost(pattern)
    if ('problem' in read) continue
    const others = hosts.filter((other) => other !== pattern)
    const only = { ...rule, hosts: samplesOf(pattern) }
    const without = { ...rule, hosts: others.filter((other) => other !== '') }
    if (read.excepted && !samplesOf(pattern).some((host) => meansHost(without.hosts, host))) {
      const message = `the exception ${pattern} takes nothing away: no other pattern of this rule means it`
      const shows = (explained: Explanation) => !speak(explained, id)
      const requests = requestsFor(policy, only)
      suspect({ code: 'exception-idle', ids: [id], at: 'hosts', message, requests, shows })
    }
    const wide = others.map(readHost).find((other) => {
      return 'kind' in other && !other.excepted && !read.excepted && covers(other, read)
    })
    if (wide === undefined || !('kind' in wide)) continue
    const message = `another pattern of this rule means ${pattern} as well`
    const shows = (explained: Explanation) => !isSilent(explained, id)
    const requests = requestsFor(policy, only)
    suspect({ code: 'pattern-covered', ids: [id], at: 'hosts', message, requests, shows })
  }
}

function lintCondition({ policy, suspect }: Linted, rule: RuleSource): void {
  const { id } = rule
  if (rule.when === '') return
  const compiled = policy.rulebook.parts.rules.find(({ terms }) => terms.id === id)?.target.when
  if (compiled === null || compiled === undefined) return
  const requests = requestsFor(policy, rule)
  const silent = { at: 'when', requests, ids: [id] } as const
  const constancy = constancyOf(compiled)
  if (constancy === true) {
    const message = 'this condition reads nothing and is always met: leave it out'
    const shows = (explained: Explanation) => !isSilent(explained, id)
    suspect({ ...silent, code: 'constant-condition', message, shows })
    return
  }
  const contradiction = constancy === false ? 'it is never met' : contradictionOf(rule)
  if (contradiction === null) return
  const message = `the condition can never be met: ${contradiction}`
  const shows = (explained: Explanation) => isSilent(explained, id)
  suspect({ ...silent, code: 'never-matches', message, shows })
}

/** Where a rule lets more pass, or gives more away, than anyone means. */
function lintWidth({ policy, source, suspect }: Linted, rule: RuleSource): void {
  const { id, hosts, effect, when } = rule
  const requests = requestsFor(policy, rule)
  const isOpen = hosts.length === 0 || hosts.includes('*')
  if (isOpen && (effect === 'allow' || effect === 'warn') && when === '') {
    const message = `every host that no other rule denies is reachable by this rule: name the \`hosts\``
    suspect({
      ...{ code: 'open-hosts', ids: [id], message, requests },
      at: hosts.length === 0 ? 'id' : 'hosts',
      shows: (explained) => speak(explained, id) && passes(explained.verdict),
    })
  }
  const zone = hosts.find(isOpenZone)
  if (rule.inject !== '' && zone !== undefined) {
    const message = `anybody can have a name under ${zone}, and would be sent the credential ${rule.inject}`
    suspect({
      ...{ code: 'inject-wide', ids: [id], at: 'inject', message, requests },
      shows: ({ classification }) => classification.inject.includes(rule.inject),
    })
  }
  const network = rule.addresses.find(isWideNetwork)
  const wide = network ?? (rule.addresses.length > 0 ? zone : undefined)
  if (wide !== undefined && source.defaults.verdict !== 'allow') {
    const message = `${wide} is more than one organisation's: private addresses are opened to names of strangers`
    suspect({
      ...{ code: 'wide-addresses', ids: [id], at: 'addresses', message, requests },
      shows: ({ classification }) => classification.addresses.length > 0,
    })
  }
}

/** A suffix under which names are given to anybody: a whole top-level domain, or a host of many. */
function isOpenZone(pattern: string): boolean {
  const read = readHost(pattern)
  if ('problem' in read || read.kind !== 'suffix' || read.excepted) return false
  return !read.name.includes('.') || openZones.includes(read.name)
}

function isWideNetwork(cidr: string): boolean {
  const [address = '', prefix = ''] = cidr.split('/')
  return Number(prefix) < (address.includes(':') ? prefixMin.v6 : prefixMin.v4)
}

/** Waiting helps only where a window refills. */
function lintQueue({ policy, source, suspect }: Linted, rule: RuleSource): void {
  if (rule.effect !== 'queue') return
  const windows = source.budgets.filter(({ period, state }) => {
    return period === 'window' && state === 'active'
  })
  if (windows.some((budget) => requestsFor(policy, rule, budget).length > 0)) return
  const message =
    'no budget with a `window` counts these requests: nothing refills, so nothing waits'
  const requests = requestsFor(policy, rule)
  const shows = (explained: Explanation) => speak(explained, rule.id)
  suspect({ code: 'queue-without-window', ids: [rule.id], at: 'effect', message, requests, shows })
}

/** A rule for CONNECT alone, where tunnels are opened and each request inside has a method of its own. */
function lintReach({ policy, suspect }: Linted, rule: RuleSource): void {
  const { id, effect } = rule
  const letsPass = effect === 'allow' || effect === 'warn' || effect === 'queue'
  if (rule.methods.join() !== 'CONNECT' || !letsPass) return
  const inside = requestsFor(policy, { ...rule, methods: ['GET'] })
  const requests = inside.filter(({ scheme }) => scheme === 'https')
  const message =
    'tunnels to these hosts are inspected, and no request inside one is a CONNECT: name its methods, or write `tls: tunnel`'
  suspect({
    ...{ code: 'unreachable', ids: [id], at: 'methods', message, requests },
    shows: (explained) => !speak(explained, id) && !passes(explained.verdict),
  })
}

/** Agents for whom nothing passes, whatever they ask. */
export function lintAgents({ policy, source, suspect }: Linted): void {
  if (passes(source.defaults.verdict)) return
  const rules = source.rules.filter(({ state, effect }) => {
    return state === 'active' && effect !== 'deny' && effect !== 'halt'
  })
  for (const agent of policy.agents.values()) {
    if (rules.some((rule) => means(rule, agent))) continue
    const own = { ...policy, agents: new Map([[agent.name, agent]]) }
    const asked = rules.flatMap((rule) => {
      return requestsFor(own, { ...rule, agents: [], tenants: [], projects: [], actors: [] })
    })
    const message = `no rule lets anything of the agent ${agent.name} pass`
    suspect({
      ...{ code: 'agent-without-rules', ids: [], at: ['agents', agent.name], message },
      requests: [...asked.slice(0, 8), ...strangeRequests(own)],
      shows: ({ verdict }) => !passes(verdict),
    })
  }
}
