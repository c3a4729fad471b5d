/** `haltgate policy check` and `haltgate policy explain`: what a policy says, before anything is sent. */
import { existsSync, readFileSync } from 'node:fs'
import pico from 'picocolors'
import type { Decoded } from '../kernel/content.ts'
import { decoderOf } from '../kernel/decoders/index.ts'
import type { AgentTerms, BudgetTerms, Policy } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { passes } from '../kernel/verdict.ts'
import { type Explanation, explain } from '../policy/explain.ts'
import { readAbsolute, readTunnel, type Target } from '../proxy/target.ts'
import { shownAmount } from './amount.ts'
import { exitCodes } from './exit.ts'
import { contentTypes, required } from './policy-asked.ts'
import { readPolicy, requirePolicy } from './policy-files.ts'
import { readUrl } from './read-url.ts'
import { UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'

export interface PolicyContext {
  readonly policyFile: string
  readonly json: boolean
  readonly print: (text: string) => void
}

/** Prints every problem and warning; 0 only where the policy would be put into force. */
export async function check(context: PolicyContext): Promise<number> {
  const { policyFile, print } = context
  if (!existsSync(policyFile)) throw new UsageError(`there is no ${shownPath(policyFile)}`)
  const read = await readPolicy(policyFile)
  if ('problems' in read) {
    if (context.json) print(JSON.stringify({ ok: false, problems: read.problems }))
    else print(read.problems.join('\n'))
    return exitCodes.no
  }
  const { policy, warnings } = read
  const { digest } = policy
  if (context.json) print(JSON.stringify({ ok: true, digest, warnings }))
  else {
    for (const warning of warnings) print(`${warning} (warning)`)
    const counts = `${policy.rules.size} rules, ${policy.budgets.size} budgets, ${policy.agents.size} agents`
    print(`${shownPath(policyFile)} is good: ${counts}\n${digest}`)
  }
  return exitCodes.done
}

export interface ExplainRequest {
  readonly agent: string
  readonly method: string
  readonly url: string
  /** File with the body that the request would have; null where there is none. */
  readonly bodyFile: string | null
}

/** Says what the policy alone would answer to a request; budgets are named, not measured. */
export async function explainRequest(
  context: PolicyContext,
  request: ExplainRequest,
): Promise<number> {
  const { policy } = await requirePolicy(context.policyFile)
  const agent = policy.agents.get(request.agent)
  if (agent === undefined) {
    const known = [...policy.agents.keys()].join(', ')
    throw new UsageError(`the policy declares no agent '${request.agent}' (it has: ${known})`)
  }
  const { asked, facts } = seen(request, policy, agent)
  const decoded = decodedBody(policy, facts, request.bodyFile)
  const content = decoded?.ok === true ? decoded.content : null
  const explained = explain(policy, { ...facts, content }, { at: Date.now(), proofs: [] })
  const unreadable = decoded?.ok === false ? `${decoded.code}  ${decoded.message}` : null
  if (context.json) context.print(JSON.stringify({ ...explained, unreadable }))
  else {
    if (asked !== request) context.print(`${request.url} travels unseen, inside a tunnel:`)
    context.print(shown(asked, policy, explained))
    if (unreadable !== null) context.print(`the body cannot be judged: ${unreadable}`)
  }
  return passes(explained.verdict) && unreadable === null ? exitCodes.done : exitCodes.no
}

/** What the decoder makes of the body that a rule asks for; null where no rule does, or there is no file. */
function decodedBody(policy: Policy, facts: RequestFacts, file: string | null): Decoded | null {
  const { decoder } = policy.classify(facts)
  if (decoder === '' || file === null) return null
  const { method, path, query } = facts
  const contentType = contentTypes[decoder] ?? 'application/json'
  return decoderOf(decoder)({ method, path, query, contentType, body: bodyOf(file) })
}

function bodyOf(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch {
    throw new UsageError(`${shownPath(file)} cannot be read`)
  }
}

function factsOf(request: ExplainRequest, agent: AgentTerms): RequestFacts {
  const { name, tenant, project, actor } = agent
  const principal = { agent: name, run: 'default', tenant, project, actor, key: null }
  const method = request.method.toUpperCase()
  const common = { id: 'explain', principal, method, headers: {}, content: null }
  if (method === 'CONNECT') {
    const { host, port } = required(request.url, readTunnel(request.url))
    return { ...common, kind: 'tunnel', scheme: 'https', host, port, path: '', query: '' }
  }
  const inside = readHttps(request.url)
  const scheme = inside === null ? 'http' : 'https'
  const target = inside ?? required(request.url, readAbsolute(request.url))
  const { host, port, path, query } = target
  return { ...common, kind: 'request', scheme, host, port, path, query }
}

/** What the gate sees of a request: of an https URL the CONNECT of its tunnel alone, unless that is inspected. */
function seen(
  request: ExplainRequest,
  policy: Policy,
  agent: AgentTerms,
): { readonly asked: ExplainRequest; readonly facts: RequestFacts } {
  const inside = readHttps(request.url)
  if (inside === null) {
    const facts = factsOf(request, agent)
    const reach = { ...facts, kind: 'reach' as const }
    const opens = facts.kind === 'tunnel' && policy.classify(reach).tls === 'inspect'
    return { asked: request, facts: opens ? reach : facts }
  }
  const host = inside.host.includes(':') ? `[${inside.host}]` : inside.host
  const asked = { ...request, method: 'CONNECT', url: `${host}:${inside.port}` }
  const facts = factsOf(asked, agent)
  const isInspected = policy.classify({ ...facts, kind: 'reach' }).tls === 'inspect'
  return isInspected ? { asked: request, facts: factsOf(request, agent) } : { asked, facts }
}

/** The target of an https URL; null for any other. */
function readHttps(url: string): Target | null {
  return /^https:\/\//i.test(url) ? required(url, readUrl(url)) : null
}

function shown(request: ExplainRequest, policy: Policy, explained: Explanation): string {
  const { verdict, classification, rules, budgets } = explained
  const colour = passes(verdict) ? pico.green : pico.red
  const { agent, method, url } = request
  const lines = [`${colour(verdict.toUpperCase())}  ${agent}  ${method} ${url}`]
  for (const { code, message } of classification.refusals) lines.push(`  ${code}  ${message}`)
  for (const { domain, code, verdict: said, message } of explained.judgement?.violations ?? []) {
    lines.push(`  ${said}  ${domain}/${code}  ${message}`)
  }
  const { domain, action, resource } = classification
  lines.push(
    `it is: domain ${domain}, action ${action}${resource === '' ? '' : `, resource ${resource}`}`,
  )
  lines.push('rules on this host:')
  for (const { id, effect, state, matched, why } of rules) {
    const said =
      matched === 'yes' ? `${effect}${state === 'draft' ? ' (draft: does not bind)' : ''}` : why
    lines.push(`  ${mark(matched)}  ${id}  ${said}`)
  }
  if (rules.length === 0) lines.push('  none')
  if (classification.decoder !== '') {
    lines.push(
      `the decoder ${classification.decoder} reads the body first: give one with --body FILE`,
    )
  }
  if (classification.rules.length === 0)
    lines.push(`no rule speaks: defaults.verdict is ${policy.defaultVerdict}`)
  lines.push('budgets on this host:')
  for (const { id, matched, why } of budgets) {
    const terms = policy.budgets.get(id)
    const said = matched === 'yes' && terms !== undefined ? limitsOf(terms) : why
    lines.push(`  ${mark(matched)}  ${id}  ${said}`)
  }
  if (budgets.length === 0) lines.push('  none')
  return lines.join('\n')
}

function mark(matched: 'yes' | 'no' | 'unknown'): string {
  if (matched === 'yes') return pico.green('speaks ')
  return matched === 'no' ? pico.dim('silent ') : pico.yellow('unknown')
}

/** A budget in one line: what it limits, in which scope and period, and what it does at the limit. */
function limitsOf({ dimensions, limits, scope, period, onLimit }: BudgetTerms): string {
  const amounts = dimensions.map((one) => `${one} ${shownAmount(one, limits[one] ?? 0)}`)
  const time = period.kind === 'window' ? `any ${period.lengthMs / 1000} s` : period.kind
  return `${amounts.join(', ')} for each ${scope} (${time}), at the limit: ${onLimit}`
}
