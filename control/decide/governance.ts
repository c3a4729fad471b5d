/** What the policy says, without a decision: evaluation rule by rule, conflicts, domains, controls, the record, drafts. */
import type { Refusal } from '../../gate/refusal.ts'
import type { Vector } from '../../kernel/dimension.ts'
import { meet, type Verdict, verdicts } from '../../kernel/verdict.ts'
import type { Reply } from '../problem.ts'
import { instantOf } from './answer.ts'
import { type AskBody, readAsk } from './ask.ts'
import { type Asking, hastyAsk, refuse } from './decisions.ts'
import type { DecisionPorts, EntryQuery } from './ports.ts'
import { tokenSecondsDefault } from './schemas.ts'

const ok = (body: object): Reply => ({ status: 200, body })

/** Every rule and budget that was looked at for an ask, and what the policy and its domain make of it; no entry. */
export async function evaluate(body: AskBody, ports: DecisionPorts): Promise<Reply> {
  const ask = readAsk(body, body.domain ?? 'ai', ports)
  if ('status' in ask) return await refuse(ask, ports)
  const { facts, refusals: against } = ask.rehearsal
  const { verdict, classification, judgement, rules, budgets } = ports.explain(facts)
  const { domain, action, resource } = classification
  const refusals = [...classification.refusals, ...against]
  return ok({
    verdict: against.length === 0 ? verdict : meet(verdict, 'deny'),
    constitutional_hash: ports.policy().digest,
    ...{ domain, action, resource, refusals, rules, budgets },
    violations: judgement?.violations ?? [],
    checks: judgement?.checks ?? [],
  })
}

interface Spoken {
  readonly source: string
  readonly verdict: Verdict
}

/** The meet of several verdicts: the strictest, and who gave it. */
export function resolveConflict({
  verdicts: given,
}: {
  readonly verdicts: readonly Spoken[]
}): Reply {
  let verdict: Verdict = 'allow'
  for (const spoken of given) verdict = meet(verdict, spoken.verdict)
  const deciding = given.filter((spoken) => spoken.verdict === verdict).map(({ source }) => source)
  const overruled = given.filter((spoken) => spoken.verdict !== verdict).map(({ source }) => source)
  const order = [...verdicts].reverse().join(' > ')
  return ok({ verdict, deciding, overruled, conflict: overruled.length > 0, order })
}

/** The domains of the policy in force. */
export function listDomains(ports: DecisionPorts): Reply {
  const domains = [...ports.policy().domains].map(([name, { plugin, origin }]) => {
    const { version, description, actions, actors, resources } = plugin.config
    const types = { actions: actions.length, actors: actors.length, resources: resources.length }
    return { name, version, description, origin, types }
  })
  return ok({ domains, total: domains.length, constitutional_hash: ports.policy().digest })
}

export async function domainConfig(domain: string, ports: DecisionPorts): Promise<Reply> {
  const found = ports.policy().domains.get(domain)
  if (found === undefined) return await unknownDomain(domain, ports)
  const { plugin, origin, parameters } = found
  const { digest } = ports.policy()
  return ok({ ...plugin.config, origin, values: parameters, constitutional_hash: digest })
}

export async function domainTemplates(domain: string, ports: DecisionPorts): Promise<Reply> {
  if (!ports.policy().domains.has(domain)) return await unknownDomain(domain, ports)
  const templates = ports.templates(domain)
  return ok({ templates, total: templates.length })
}

function unknownDomain(domain: string, ports: DecisionPorts): Promise<Reply> {
  const message = `The policy has no domain ${domain}.`
  return refuse({ status: 404, code: 'domain-unknown', message, principal: null }, ports)
}

/** Entries of one page, where a caller asks for no other number, and at most. */
const pageDefault = 50
const pageMax = 200

/** A page of the ledger, oldest first. */
export async function auditPage(
  query: Readonly<Record<string, string>>,
  ports: DecisionPorts,
): Promise<Reply> {
  const wanted = Number(query['limit'] ?? pageDefault)
  const asked: EntryQuery = {
    from: Number(query['cursor'] ?? 0),
    limit: Math.min(pageMax, Math.max(1, wanted)),
    kind: query['kind'] ?? '',
    agent: query['agent'] ?? '',
  }
  const { entries, next } = await ports.entries(asked)
  const pagination = { limit: asked.limit, next: next === null ? null : String(next) }
  return ok({ entries, pagination, constitutional_hash: ports.policy().digest })
}

/** Draft rules, as text: nothing is put into force. */
export async function synthesize(
  { agent = '', denied = false }: { readonly agent?: string; readonly denied?: boolean },
  ports: DecisionPorts,
): Promise<Reply> {
  const text = await ports.synthesize({ agent, denied })
  return ok({ policy: text, applied: false, constitutional_hash: ports.policy().digest })
}

/** The catalogue: what our evidence bears on, never that anything is complied with. */
export async function listControls(ports: DecisionPorts): Promise<Reply> {
  const { version, frameworks } = await ports.catalogue()
  return ok({ version, frameworks, total: frameworks.length })
}

/** What became of an action that `commit` held for. */
export async function settle(
  hold: string,
  { actual }: { readonly actual: Vector },
  ports: DecisionPorts,
): Promise<Reply> {
  return await ended(hold, ports.settle(hold, actual), ports)
}

/** An action that `commit` held for was not carried out. */
export function release(hold: string, ports: DecisionPorts): Promise<Reply> {
  return ended(hold, ports.release(hold), ports)
}

async function ended(hold: string, refusal: Refusal | null, ports: DecisionPorts): Promise<Reply> {
  if (refusal === null) return ok({ ok: true, hold })
  const { code, reasons } = refusal
  const message = reasons[0]?.message ?? ''
  const status = code === 'approval-unknown' ? 404 : 409
  return await refuse({ status, code, message, principal: null }, ports)
}

/** A token for less than another is for; an agent has its own narrowed only. */
export async function narrow(
  body: { readonly token: string; readonly scope: string; readonly seconds?: number },
  { caller, ports }: Asking,
): Promise<Reply> {
  const { token, scope, seconds = tokenSecondsDefault } = body
  const { name, role } = caller
  if (role === 'agent') {
    if (scope !== `agent:${name}` && !scope.startsWith(`run:${name}/`)) {
      const message = `The agent ${name} narrows its own tokens only.`
      return await refuse(
        { status: 403, code: 'capability-invalid', message, principal: null },
        ports,
      )
    }
    const hasty = hastyAsk(name, 1, ports)
    if (hasty !== null) return await refuse(hasty, ports)
  }
  const given = await ports.narrow(token, { scope, seconds })
  if (!given.ok) {
    const { code, message } = given
    return await refuse({ status: 403, code, message, principal: null }, ports)
  }
  return ok({ capability_token: given.token, capability_expires: instantOf(given.expiresAt) })
}
