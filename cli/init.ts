/** `haltgate init`: writes a commented policies.yaml from a template of a domain, and never over one that is there. */
import { writeFileSync } from 'node:fs'
import type { DomainPlugin, PolicyTemplate } from '../kernel/domain.ts'
import { didYouMean } from '../policy/problem.ts'
import { exitCodes } from './exit.ts'
import { UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'
import { table } from './table.ts'

export interface InitContext {
  readonly policyFile: string
  readonly domains: ReadonlyMap<string, DomainPlugin>
  readonly json: boolean
  readonly print: (text: string) => void
}

export interface InitRequest {
  /** Null where any domain will do. */
  readonly domain: string | null
  /** Null for the first template of the domain. */
  readonly template: string | null
}

/** The domain whose first template is written where nobody names one. */
const domainDefault = 'general'

interface Offered {
  readonly domain: string
  readonly template: PolicyTemplate
}

export function listTemplates({ domains, json, print }: InitContext): number {
  const all = offered(domains)
  if (json) {
    const shown = all.map(({ domain, template: { name, description } }) => {
      return { domain, template: name, description }
    })
    print(JSON.stringify(shown))
  } else {
    const rows = all.map(({ domain, template }) => [domain, template.name, template.description])
    print(table(['domain', 'template', 'description'], rows))
  }
  return exitCodes.done
}

/** errors  UsageError for a domain or template that is not there, and a file that is. */
export function init(context: InitContext, request: InitRequest): number {
  const { json, policyFile, print } = context
  const { domain, template } = chosen(context.domains, request)
  const name = shownPath(policyFile)
  try {
    // `wx`: what is there already stays, whoever put it there in the meantime.
    writeFileSync(policyFile, template.text, { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    throw new UsageError(`${name} is there already, and stays: name another file with --policy`)
  }
  if (json) print(JSON.stringify({ policy: policyFile, domain, template: template.name }))
  else {
    print(
      `${name} is the template ${template.name} of the domain ${domain}: ${template.description}\n` +
        'Read it, put your hosts and agents in, and then:\n' +
        `  haltgate policy check ${name}\n  haltgate policy lint ${name}\n  haltgate start --policy ${name}`,
    )
  }
  return exitCodes.done
}

function offered(domains: ReadonlyMap<string, DomainPlugin>): readonly Offered[] {
  return [...domains].flatMap(([domain, plugin]) => {
    return plugin.policyTemplates().map((template) => ({ domain, template }))
  })
}

function chosen(
  domains: ReadonlyMap<string, DomainPlugin>,
  { domain, template }: InitRequest,
): Offered {
  if (domain !== null && !domains.has(domain)) {
    const known = [...domains.keys()].join(', ')
    throw new UsageError(`there is no domain '${domain}' (there are: ${known})`)
  }
  const wanted = domain ?? (template === null ? domainDefault : null)
  const all = offered(domains).filter((each) => wanted === null || each.domain === wanted)
  const found = all.find((each) => template === null || each.template.name === template)
  if (found !== undefined) return found
  const names = all.map((each) => each.template.name)
  const where = wanted === null ? '' : ` of the domain ${wanted}`
  const guess = didYouMean(template ?? '', names)
  throw new UsageError(`there is no template '${template ?? ''}'${where}${guess}; see --list`)
}
