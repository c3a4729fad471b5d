/** Which domains there are, what each knows, and how an own one begins. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DomainConfig, DomainPlugin, ParameterValue } from '../kernel/domain.ts'
import { domainPattern } from '../kernel/domain.ts'
import { builtinDomains } from '../kernel/domains/index.ts'
import { Failure } from '../kernel/reasons.ts'
import { type Plugins, pluginsOf } from '../policy/plugins.ts'
import { nearest } from '../policy/problem.ts'
import { pluginTestText, pluginText } from './domain-template.ts'
import { exitCodes } from './exit.ts'
import { loadPlugin } from './plugin-file.ts'
import { UsageError } from './settings.ts'
import { table } from './table.ts'

export interface DomainsContext {
  /** Paths of an operator's own plugins. */
  readonly plugins: readonly string[]
  readonly json: boolean
  readonly print: (text: string) => void
}

async function known(paths: readonly string[]): Promise<Plugins> {
  const plugins = pluginsOf(builtinDomains, await Promise.all(paths.map(loadPlugin)))
  if ('problem' in plugins) throw new Failure('policy-unavailable', plugins.problem)
  return plugins
}

/** One line for each domain. */
export async function listDomains({ plugins, json, print }: DomainsContext): Promise<number> {
  const all = [...(await known(plugins))]
  if (json) {
    const rows = all.map(([name, { plugin, origin }]) => {
      const { version, description } = plugin.config
      return { name, version, origin, description }
    })
    print(JSON.stringify(rows))
    return exitCodes.done
  }
  const rows = all.map(([name, { plugin, origin }]) => {
    return [name, plugin.config.version, origin.slice(0, 15), plugin.config.description]
  })
  print(table(['NAME', 'VERSION', 'ORIGIN', 'ABOUT'], rows))
  return exitCodes.done
}

/** All that a domain declares of itself, with its controls. */
export async function domainInfo(context: DomainsContext, name: string): Promise<number> {
  const plugins = await known(context.plugins)
  const found = plugins.get(name)
  if (found === undefined) {
    const guess = nearest(name, plugins.keys())
    const hint =
      guess === null ? '; `haltgate domains list` has them' : `; did you mean '${guess}'?`
    throw new UsageError(`there is no domain '${name}'${hint}`)
  }
  const { plugin, origin } = found
  const controls = plugin.config.actions.map(({ name: action }) => {
    return [action, plugin.complianceMappings(action)] as const
  })
  if (context.json) {
    const templates = plugin.policyTemplates().map(({ name: title, description }) => {
      return { name: title, description }
    })
    const told = { ...plugin.config, origin, controls: Object.fromEntries(controls), templates }
    context.print(JSON.stringify(told))
  } else context.print(shown(plugin, origin, new Map(controls)))
  return exitCodes.done
}

function shown(
  plugin: DomainPlugin,
  origin: string,
  controls: ReadonlyMap<string, readonly string[]>,
): string {
  const { config } = plugin
  const parts = [
    `${config.name} ${config.version} (${origin})\n${config.description}`,
    section(['ACTOR', 'ABOUT'], named(config.actors)),
    section(['ACTION', 'CATEGORY', 'RISK', 'WANTS', 'ABOUT'], config.actions.map(actionRow)),
    section(
      ['RESOURCE', 'SENSITIVITY', 'ABOUT'],
      config.resources.map(({ name, sensitivity, description }) => {
        return [name, sensitivity, description]
      }),
    ),
    section(
      ['PARAMETER', 'KIND', 'DEFAULT', 'ABOUT'],
      config.parameters.map(({ name, kind, fallback, description }) => {
        return [name, kind, valueText(fallback), description]
      }),
    ),
    section(['RISK MODEL', 'ABOUT'], named(config.riskModels)),
    section(
      ['ACTION', 'CONTROLS'],
      [...controls].map(([action, ids]) => [action, ids.join(' ')]),
    ),
    section(['TEMPLATE', 'ABOUT'], named(plugin.policyTemplates())),
    section(
      ['FRAMEWORK'],
      config.frameworks.map((id) => [id]),
    ),
  ]
  return parts.filter(Boolean).join('\n')
}

function named(
  types: readonly { readonly name: string; readonly description: string }[],
): readonly (readonly string[])[] {
  return types.map(({ name, description }) => [name, description])
}

function actionRow(action: DomainConfig['actions'][number]): readonly string[] {
  const { name, category, riskLevel, requires, requiresHumanApproval, description } = action
  const needs = requires.length === 0 ? '' : `needs ${requires.join(', ')}`
  const people = requiresHumanApproval ? 'a person’s yes' : ''
  const wants = [needs, people].filter(Boolean).join('; ')
  return [name, category, String(riskLevel), wants, description]
}

function valueText(value: ParameterValue): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`
}

function section(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `\n${table(heads, rows)}`
}

/** Writes a plugin and its test beside each other; neither takes the place of a file that is there. */
export async function newDomain(
  { print, json }: Pick<DomainsContext, 'print' | 'json'>,
  name: string,
  directory: string,
): Promise<number> {
  if (!domainPattern.test(name)) {
    throw new UsageError(`'${name}' is no name of a domain: a-z, 0-9 and _, at most 32`)
  }
  if (builtinDomains.has(name)) throw new UsageError(`the domain ${name} comes with the gate`)
  const files = [
    [join(directory, `${name}.js`), pluginText(name)],
    [join(directory, `${name}.test.mjs`), pluginTestText(name)],
  ] as const
  const taken = files.find(([path]) => existsSync(path))
  if (taken !== undefined) throw new UsageError(`${taken[0]} exists already`)
  for (const [path, text] of files) writeFileSync(path, text, { flag: 'wx' })
  const paths = files.map(([path]) => path)
  if (json) print(JSON.stringify({ files: paths }))
  else {
    const [script, tests] = paths
    print(`wrote ${script} and ${tests}\ntest it:  node --test ${tests}`)
    print(`see it:   haltgate domains info ${name} --plugin ${script}`)
  }
  return exitCodes.done
}
