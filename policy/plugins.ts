/** The plugins that a policy may be compiled with: those of the gate, an operator's own, and what a policy declares. */
import { createHash } from 'node:crypto'
import { canonical } from '../kernel/canonical.ts'
import type { DomainConfig, DomainPlugin, ParameterValue } from '../kernel/domain.ts'
import { readConfig, readValue } from '../kernel/plugin-config.ts'
import type { DomainTerms } from '../kernel/policy.ts'
import { declaredPlugin } from './declared-domain.ts'
import type { DomainSource } from './source.ts'

/** A plugin from outside, and where from. */
export interface GivenPlugin {
  readonly plugin: DomainPlugin
  /** `sha256:…` of the file that it came from. */
  readonly origin: string
}

/** Plugins by the name of their domain; what they declare is read, and will not change. */
export type Plugins = ReadonlyMap<string, GivenPlugin>

/** What the gate brings, and what an operator gives beside it; or what is wrong with one of those, as a sentence. */
export function pluginsOf(
  builtin: ReadonlyMap<string, DomainPlugin>,
  given: readonly GivenPlugin[],
): Plugins | { readonly problem: string } {
  const plugins = new Map<string, GivenPlugin>()
  for (const [name, plugin] of builtin) plugins.set(name, { plugin, origin: 'builtin' })
  for (const { plugin, origin } of given) {
    const config = readConfig(plugin.config)
    if ('problem' in config) return { problem: `a plugin is no domain: ${config.problem}` }
    const taken = plugins.get(config.name)
    if (taken !== undefined) {
      const whose = taken.origin === 'builtin' ? 'comes with the gate' : 'is another plugin’s'
      return { problem: `a plugin calls itself ${config.name}, a name that ${whose}` }
    }
    plugins.set(config.name, { plugin: boundPlugin(plugin, config), origin })
  }
  return plugins
}

/** The same verbs, with what it declared when it was read. */
function boundPlugin(plugin: DomainPlugin, config: DomainConfig): DomainPlugin {
  return {
    config,
    validate: (call) => plugin.validate(call),
    enrich: (call) => plugin.enrich(call),
    afterDecision: (call) => plugin.afterDecision(call),
    policyTemplates: () => plugin.policyTemplates(),
    complianceMappings: (action) => plugin.complianceMappings(action),
  }
}

/** `sha256:…` of what a domain declares of itself. */
export function configDigest(config: DomainConfig): string {
  return `sha256:${createHash('sha256').update(canonical(config)).digest('hex')}`
}

/**
 * A domain as a policy uses it; null where no plugin is the one that the policy was compiled with: who asks it is
 * refused.
 */
export function domainTerms(source: DomainSource, plugins: Plugins): DomainTerms | null {
  const { name, origin, version, declared } = source
  const given = plugins.get(name) ?? null
  const [declaration = null] = declared
  const plugin =
    declaration === null
      ? given?.plugin
      : declaredPlugin(name, declaration, given?.origin === 'builtin' ? given.plugin : null)
  if (plugin === undefined) return null
  const isSame =
    (declaration !== null || given?.origin === origin) &&
    plugin.config.version === version &&
    configDigest(plugin.config) === source.config
  return isSame ? { plugin, origin, parameters: parametersOf(source, plugin.config) } : null
}

function parametersOf(
  { parameters }: DomainSource,
  config: DomainConfig,
): Readonly<Record<string, ParameterValue>> {
  const values = config.parameters.map(({ name, kind, fallback }) => {
    const value = Object.hasOwn(parameters, name) ? readValue(kind, parameters[name]) : null
    return [name, value ?? readValue(kind, fallback) ?? fallback] as const
  })
  return Object.freeze(Object.fromEntries(values))
}
