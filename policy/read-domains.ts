/** Reads the key `domains`: parameters of plugins, and domains that the policy declares itself. */
import {
  type DomainConfig,
  type DomainParameter,
  domainPattern,
  type ParameterKind,
  type ParameterValue,
} from '../kernel/domain.ts'
import { readValue } from '../kernel/plugin-config.ts'
import { declaredPlugin } from './declared-domain.ts'
import type { FileDeclaration, PolicyFile } from './file.ts'
import { configDigest, type Plugins } from './plugins.ts'
import { didYouMean } from './problem.ts'
import { readDeclaration } from './read-declaration.ts'
import { entries } from './read-people.ts'
import type { Reading } from './reading.ts'
import type { ShapeFault } from './shape.ts'
import type { DomainSource } from './source.ts'
import type { ReadTable } from './table-file.ts'
import { type Path, readYaml } from './yaml-text.ts'

/** The domain whose types a policy may add to. */
const open = 'general'

/** What rules may say of domains. */
export interface ReadDomains {
  /** What each declares of itself; null where its entry has problems, which were told. */
  readonly configs: ReadonlyMap<string, DomainConfig | null>
  /** Of each, as a policy that uses it is compiled with. */
  readonly sources: ReadonlyMap<string, DomainSource>
  /** Names that stand under `domains`. */
  readonly configured: readonly string[]
}

/** What domains are read with. */
export interface DomainMeans {
  readonly plugins: Plugins
  readonly readTable: ReadTable
  readonly declarationFaults: (value: unknown) => readonly ShapeFault[]
}

interface At extends DomainMeans {
  readonly reading: Reading
  readonly isBroken: (path: Path) => boolean
}

type Entry = Readonly<Record<string, unknown>>

/** Reads every domain that the policy could name. */
export function readDomains(file: PolicyFile, at: At): ReadDomains {
  const configs = new Map<string, DomainConfig | null>()
  const sources = new Map<string, DomainSource>()
  const add = (name: string, config: DomainConfig, rest: Rest): void => {
    configs.set(name, config)
    const { version } = config
    sources.set(name, { name, version, config: configDigest(config), ...rest })
  }
  for (const [name, { plugin, origin }] of at.plugins) {
    add(name, plugin.config, { origin, parameters: fallbacks(plugin.config), declared: [] })
  }
  const read = entries(file.domains, 'domains', at.isBroken)
  for (const [name, written] of read) {
    const raw = written ?? {}
    const known = at.plugins.get(name)
    if (isDeclared(name, raw)) {
      configs.set(name, null)
      const declared = readDeclared(name, raw, at)
      if (declared === null) continue
      const base = known?.plugin ?? null
      const { config } = declaredPlugin(name, declared, base)
      add(name, config, { origin: 'yaml', parameters: fallbacks(config), declared: [declared] })
    } else if (known !== undefined) {
      const { config } = known.plugin
      const parameters = { ...fallbacks(config), ...readParameters(name, raw, { ...at, config }) }
      add(name, config, { origin: known.origin, parameters, declared: [] })
    } else {
      configs.set(name, null)
      const guess = didYouMean(name, at.plugins.keys())
      const way = guess === '' ? '; to declare one, write `kind: yaml`' : guess
      const message = `no domain is named "${name}"${way}`
      at.reading.problem(['domains', name], message, 'key')
    }
  }
  return { configs, sources, configured: read.map(([name]) => name) }
}

type Rest = Pick<DomainSource, 'origin' | 'parameters' | 'declared'>

const declarationKeys: readonly (keyof FileDeclaration)[] = [
  'actions',
  'actors',
  'bounds',
  'description',
  'frameworks',
  'rates',
  'resources',
  'templates',
]

function isDeclared(name: string, raw: Entry): boolean {
  if (Object.hasOwn(raw, 'kind')) return true
  return name === open && declarationKeys.some((key) => Object.hasOwn(raw, key))
}

function readDeclared(name: string, raw: Entry, at: At): DomainSource['declared'][number] | null {
  const { reading, plugins } = at
  const path = ['domains', name]
  const before = reading.problems.length
  if (!domainPattern.test(name)) {
    reading.problem(path, `"${name}" must match ${domainPattern.source}`, 'key')
  }
  const known = plugins.get(name)
  if (known !== undefined && name !== open) {
    const whose = known.origin === 'builtin' ? 'comes with the gate' : 'is a plugin’s'
    reading.problem(path, `the domain ${name} ${whose}: declare yours under another name`, 'key')
  }
  const faults = at.declarationFaults(raw)
  for (const fault of faults) {
    reading.problem([...path, ...fault.path], fault.message, fault.part)
  }
  if (faults.length > 0) return null
  const actions = known?.plugin.config.actions ?? []
  // The schema of declarations held.
  const declaration = readDeclaration(raw as FileDeclaration, {
    path,
    reading,
    known: actions.map((action) => action.name),
  })
  return reading.problems.length > before ? null : declaration
}

function fallbacks(config: DomainConfig): Readonly<Record<string, ParameterValue>> {
  return Object.fromEntries(config.parameters.map(({ name, fallback }) => [name, fallback]))
}

function readParameters(
  domain: string,
  raw: Entry,
  at: At & { readonly config: DomainConfig },
): Readonly<Record<string, ParameterValue>> {
  const { reading, config } = at
  const read: [string, ParameterValue][] = []
  for (const name of Object.keys(raw).sort()) {
    const path = ['domains', domain, name]
    const parameter = config.parameters.find((each) => each.name === name)
    if (parameter === undefined) {
      const guess = didYouMean(
        name,
        config.parameters.map((each) => each.name),
      )
      reading.problem(path, `the domain ${domain} has no parameter \`${name}\`${guess}`, 'key')
      continue
    }
    const value = readParameter(parameter, raw[name], { ...at, path })
    if (value !== null) read.push([name, value])
  }
  return Object.fromEntries(read)
}

const kinds: Readonly<Record<ParameterKind, string>> = {
  integer: 'a whole number',
  number: 'a number',
  text: 'text',
  boolean: 'true or false',
  texts: 'a list of texts, or the path of a file that holds one',
  table: 'a map of values, or the path of a file that holds one',
}

/** A list or a table stands in the policy, or in a file beside it; null where a problem was told. */
function readParameter(
  { name, kind }: DomainParameter,
  written: unknown,
  at: At & { readonly path: Path },
): ParameterValue | null {
  const { reading, path } = at
  const isPath = typeof written === 'string' && (kind === 'texts' || kind === 'table')
  if (isPath) return readFromFile({ name, kind, file: written }, at)
  const value = readValue(kind, written)
  if (value === null) reading.problem(path, `\`${name}\` must be ${kinds[kind]}`)
  return value
}

function readFromFile(
  {
    name,
    kind,
    file,
  }: { readonly name: string; readonly kind: ParameterKind; readonly file: string },
  { reading, path, readTable }: At & { readonly path: Path },
): ParameterValue | null {
  const table = readTable(file)
  if ('problem' in table) {
    reading.problem(path, `\`${name}\`: the file ${table.problem}`)
    return null
  }
  const yaml = readYaml(table)
  if ('length' in yaml) {
    reading.problems.push(...yaml)
    return null
  }
  const value = readValue(kind, yaml.value)
  if (value === null) {
    const [wanted = ''] = kinds[kind].split(',')
    const message = `the file of \`${name}\` must hold ${wanted}`
    reading.problems.push({ file: table.name, line: 1, column: 1, message })
  }
  return value
}
