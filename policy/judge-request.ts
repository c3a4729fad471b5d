/** Gives a request that was classified to its domain, as the call that the domain knows. */
import { actorDefault, type DomainCall, type Judgement } from '../kernel/domain.ts'
import { domainUnknown, judgeCall } from '../kernel/judge.ts'
import type { AgentTerms, Classification, DomainTerms, Occasion } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { type CompiledRule, withoutModel } from './describe.ts'

interface Parts {
  readonly agents: ReadonlyMap<string, AgentTerms>
  readonly domains: ReadonlyMap<string, DomainTerms>
  readonly rules: readonly CompiledRule[]
  readonly elapsedMs: () => number
}

const noFacts = {}

export class Judge {
  readonly #parts: Parts
  /** Active rules that name a domain: where one of them speaks, it is judged. */
  readonly #naming: ReadonlySet<string>

  constructor(parts: Parts) {
    this.#parts = parts
    const naming = parts.rules.filter(({ domain, terms }) => {
      return domain !== '' && terms.state === 'active'
    })
    this.#naming = new Set(naming.map(({ terms }) => terms.id))
  }

  /** Null where no domain judges it. Total and pure. */
  judge(request: RequestFacts, classified: Classification, occasion: Occasion): Judgement | null {
    if (request.kind === 'reach' || !this.#isJudged(request, classified)) return null
    const { domains, elapsedMs } = this.#parts
    const domain = domains.get(classified.domain)
    if (domain === undefined) return domainUnknown(classified.domain)
    const call = this.#callOf(request, classified, occasion)
    const judgement = judgeCall(domain, call, elapsedMs)
    if (classified.price === null) return judgement
    // What is metered is settled by what was used: an exact charge would stand in its place.
    return { ...judgement, charge: withoutModel(judgement.charge) }
  }

  /** An action names its domain itself. */
  #isJudged({ kind }: RequestFacts, { rules }: Classification): boolean {
    return kind === 'action' || rules.some((id) => this.#naming.has(id))
  }

  #callOf(request: RequestFacts, classified: Classification, occasion: Occasion): DomainCall {
    const { principal, method, host, path, content, action } = request
    const { resource } = classified
    const colon = resource.indexOf(':')
    const type = this.#parts.agents.get(principal.agent)?.type ?? actorDefault
    return {
      actor: action?.actor || type,
      action: classified.action,
      resource: colon < 0 ? resource : resource.slice(0, colon),
      resourceId: colon < 0 ? '' : resource.slice(colon + 1),
      context: classified.context,
      facts: content?.facts ?? noFacts,
      agent: principal.agent,
      run: principal.run,
      tenant: principal.tenant ?? '',
      project: principal.project ?? '',
      method,
      host,
      path,
      at: occasion.at,
      proofs: occasion.proofs,
      parameters: noFacts,
    }
  }
}
