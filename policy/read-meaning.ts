/** Reads what a rule says that a request is to a domain, and reports what that domain does not know. */
import { actionPattern, actorDefault, type DomainConfig } from '../kernel/domain.ts'
import type { FileRule } from './file.ts'
import { didYouMean } from './problem.ts'
import type { Declared, Reading } from './reading.ts'
import type { RuleSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** What an action is that no rule names. */
const actionDefault = 'axn_request'

interface At {
  readonly path: Path
  readonly reading: Reading
  readonly declared: Declared
}

/** Compares what a rule says of its domain with what that declares. Problems go to the reading. */
export function checkMeaning(
  rule: Pick<RuleSource, 'domain' | 'action' | 'resource'>,
  raw: FileRule,
  at: At,
): void {
  const { path, reading, declared } = at
  if (rule.domain === '') return
  const config = declared.domains.get(rule.domain)
  if (config === undefined) {
    const guess = didYouMean(rule.domain, declared.domains.keys())
    const message = `no domain is named "${rule.domain}"${guess}`
    reading.problem([...path, 'domain'], message)
  }
  if (config === undefined || config === null) return
  checkAction(rule.action, config, at)
  if (/^res_[a-z0-9_]+(:|$)/.test(rule.resource)) {
    const [type = ''] = rule.resource.split(':', 1)
    isKnown(type, { kind: 'resource', key: 'resource', types: config.resources }, config, at)
  }
  checkActors(raw, config, at)
  checkFacts(raw, config, at)
}

interface Types {
  readonly kind: string
  readonly key: string
  readonly types: readonly { readonly name: string }[]
}

function isKnown(
  type: string,
  { kind, key, types }: Types,
  { name }: DomainConfig,
  { path, reading }: At,
): void {
  const names = types.map((each) => each.name)
  if (names.includes(type)) return
  const message = `the domain ${name} knows no ${kind} ${type}${didYouMean(type, names)}`
  reading.problem([...path, key], message)
}

function checkAction(action: string, config: DomainConfig, at: At): void {
  const types = { kind: 'action', key: 'action', types: config.actions }
  if (action !== '') {
    // One that could be no action at all was told.
    if (actionPattern.test(action)) isKnown(action, types, config, at)
    return
  }
  if (config.actions.some(({ name }) => name === actionDefault)) return
  const message = `without \`action\`, the domain ${config.name} refuses what no other rule names one for (type-unknown)`
  at.reading.warn([...at.path, 'domain'], message, 'key')
}

/** An agent that a rule names must be someone to its domain. */
function checkActors(raw: FileRule, config: DomainConfig, { path, reading, declared }: At): void {
  const names = config.actors.map(({ name }) => name)
  raw.agents?.forEach((agent, index) => {
    const type = declared.agentTypes.get(agent)
    if (type === undefined || names.includes(type || actorDefault)) return
    const whose = type === '' ? 'has no `type`, and' : `is of the type ${type}, and`
    const message = `the agent ${agent} ${whose} the domain ${config.name} knows ${names.join(', ')}`
    reading.problem([...path, 'agents', index], message)
  })
}

/** Decoders that state no facts of their own, and none at all. */
const factless = ['', 'json', 'form']

/** Some decoders state facts as well, and another rule may be the one whose context counts: only a warning. */
function checkFacts(raw: FileRule, config: DomainConfig, { path, reading }: At): void {
  const action = config.actions.find(({ name }) => name === raw.action)
  if (action === undefined || !factless.includes(raw.decoder ?? '')) return
  if (raw.state !== undefined && raw.state !== 'active') return
  if (raw.effect === 'deny' || raw.effect === 'halt') return
  const missing = action.requires.filter((fact) => !Object.hasOwn(raw.context ?? {}, fact))
  if (missing.length === 0) return
  const message = `\`${action.name}\` is judged by ${missing.join(', ')}, which the \`context\` of this rule does not give (facts-missing)`
  reading.warn([...path, 'action'], message, 'key')
}
