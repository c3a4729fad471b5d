/** Text in; a compiled policy out, or every problem of it with its line and column. */
import { Failure } from '../kernel/reasons.ts'
import { type CompiledPolicy, compile, expressionsOf } from './compile.ts'
import { crowds, spokenMax } from './crowd.ts'
import type { ExpressionLanguage } from './expression.ts'
import type { PolicyFile } from './file.ts'
import { lint } from './lint.ts'
import { type GivenPlugin, type Plugins, pluginsOf } from './plugins.ts'
import type { PriceTable } from './price-table.ts'
import { inFileOrder, type Problem } from './problem.ts'
import { type Read, readPolicy } from './read-policy.ts'
import { Reading } from './reading.ts'
import type { ShapeFault } from './shape.ts'
import type { PolicySource } from './source.ts'
import type { ReadTable } from './table-file.ts'
import { readSource } from './terms.ts'
import { type Path, readYaml, type TextFile } from './yaml-text.ts'

export type { CompiledPolicy } from './compile.ts'
export { formatProblem, type Problem } from './problem.ts'

/** A policy that may be used, with what an operator should know of it; or why there is none. */
export type Loaded =
  | { readonly policy: CompiledPolicy; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] }

/** What a policy is loaded with beside its text. */
export interface LoadOptions {
  /** An operator's own plugins. */
  readonly plugins?: readonly GivenPlugin[]
  /** Reads the files that parameters name; without it, they are a problem. */
  readonly readTable?: ReadTable
  /** A clock that only goes forward, by which a plugin is too slow; without it none is. */
  readonly elapsedMs?: () => number
}

/** Loads a policies.yaml, version 1. Never throws for what the text holds. */
export async function loadPolicy(file: TextFile, options: LoadOptions = {}): Promise<Loaded> {
  const yaml = readYaml(file)
  if ('length' in yaml) return { problems: yaml }
  const reading = new Reading(file.name, yaml)
  // Compiling the schema costs as much as all else here; what only replays a policy does not pay for it.
  const { declarationFaults, shapeFaults } = await import('./shape.ts')
  const faults = shapeFaults(yaml.value)
  for (const { path, message, part } of faults) reading.problem(path, message, part)
  if (!isMap(yaml.value)) return { problems: reading.problems }
  const broken = brokenBy(faults)
  const isBroken = (path: Path): boolean => broken.has(keyOf(path))
  // The schema holds for whatever is not broken: this is the decoder of the file.
  const raw = yaml.value as PolicyFile
  const plugins = await loadPlugins(options, namesDomains(raw, isBroken))
  if ('problem' in plugins) return { problems: [atTop(file, plugins.problem)] }
  const { readTable = noTables } = options
  const read = readPolicy(raw, reading, { isBroken, plugins, readTable, declarationFaults })
  const language = reading.expressions.length === 0 ? null : await loadLanguage()
  if (language !== null) checkExpressions(reading, language)
  checkCrowds(read, reading)
  if (reading.problems.length > 0) return { problems: inFileOrder(reading.problems) }
  lint(read, reading, language)
  const table = readsModels(read.source) ? await loadPrices().catch(ofPrices) : null
  if (table instanceof Failure) return { problems: [atTop(file, table.message)] }
  const source = { ...read.source, price_table: table?.version ?? '' }
  const policy = compile(source, { language, table, plugins, elapsedMs: elapsedOf(options) })
  return { policy, warnings: inFileOrder(reading.warnings) }
}

/** What is wrong beside the text of a policy. */
function atTop({ name }: TextFile, message: string): Problem {
  return { file: name, line: 1, column: 1, message }
}

const noTables: ReadTable = () => ({ problem: 'cannot be read here' })

function elapsedOf({ elapsedMs = () => 0 }: LoadOptions): () => number {
  return elapsedMs
}

/** Plugins cost nothing where no policy asks for one. */
async function loadPlugins(
  { plugins = [] }: LoadOptions,
  isNeeded: boolean,
): Promise<Plugins | { readonly problem: string }> {
  if (!isNeeded && plugins.length === 0) return new Map()
  const { builtinDomains } = await import('../kernel/domains/index.ts')
  return pluginsOf(builtinDomains, plugins)
}

/** True where an agent or a rule speaks of a domain, or `domains` does. */
function namesDomains(file: PolicyFile, isBroken: (path: Path) => boolean): boolean {
  const agents = isBroken(['agents']) ? [] : Object.entries(file.agents ?? {})
  const rules = isBroken(['rules']) ? [] : (file.rules ?? [])
  return (
    file.domains !== undefined ||
    agents.some(([name, agent]) => !isBroken(['agents', name]) && agent?.type !== undefined) ||
    rules.some((rule, index) => !isBroken(['rules', index]) && rule.domain !== undefined)
  )
}

/**
 * Compiles the canonical JSON of a policy again, as a ledger kept it; its digest is the same. A domain whose plugin
 * is not there, or is another than it was, is unknown to it: what it would judge is refused.
 *
 * errors  Failure policy-unavailable, where the text is no such JSON, or was compiled with other prices.
 */
export async function compileSource(
  source: string,
  options: LoadOptions = {},
): Promise<CompiledPolicy> {
  const read = readSource(source)
  if (read === null) {
    throw new Failure('policy-unavailable', 'the recorded policy is not in its canonical form')
  }
  const language = expressionsOf(read).length === 0 ? null : await loadLanguage()
  const table = read.price_table === '' ? null : await loadPrices()
  if (table !== null && table.version !== read.price_table) {
    throw new Failure('policy-unavailable', 'the recorded policy was compiled with other prices')
  }
  const plugins = await loadPlugins(options, read.domains.length > 0)
  if ('problem' in plugins) throw new Failure('policy-unavailable', plugins.problem)
  return compile(read, { language, table, plugins, elapsedMs: elapsedOf(options) })
}

/** Read where it is needed only: its schema costs what the policy's does. */
async function loadPrices(): Promise<PriceTable> {
  const { loadPriceTable } = await import('./price-table.ts')
  return loadPriceTable()
}

/** A broken table is a problem of a policy that needs it, so that a reload keeps the old one. */
function ofPrices(error: unknown): Failure {
  if (error instanceof Failure) return error
  throw error
}

const modelDecoders: readonly string[] = ['openai', 'anthropic', 'gemini']

function readsModels({ rules }: PolicySource): boolean {
  return rules.some(({ decoder }) => modelDecoders.includes(decoder))
}

/** CEL costs 100 ms and 19 MB (measured 2026-11-21), which a policy without expressions does not pay. */
async function loadLanguage(): Promise<ExpressionLanguage> {
  const { celLanguage } = await import('./cel.ts')
  return celLanguage()
}

function checkExpressions(reading: Reading, language: ExpressionLanguage): void {
  for (const { path, text, wanted } of reading.expressions) {
    const compiled = language.compile(text, wanted)
    if ('evaluate' in compiled) continue
    const hint = wanted === 'text' ? '; a resource that is a name begins with `res_`' : ''
    for (const { offset, message } of compiled) reading.problemWithin(path, offset, message + hint)
  }
}

/** Told at load, for otherwise the gate would refuse each such request when it comes. */
function checkCrowds({ source, rulePaths, budgetPaths }: Read, reading: Reading): void {
  for (const { kind, position, host } of crowds(source.rules, source.budgets)) {
    const path = (kind === 'budgets' ? budgetPaths : rulePaths)[position] ?? []
    const about = host === '*' ? 'every request' : `a request to ${host}`
    const message = `more than ${spokenMax} ${kind} speak about ${about}, and nothing narrows them: it would be refused`
    reading.problem([...path, 'id'], message)
  }
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Entries that cannot be read: a list or map itself, or one entry of it. */
function brokenBy(faults: readonly ShapeFault[]): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const { path, breaks } of faults) {
    if (!breaks) continue
    keys.add(keyOf(path.slice(0, 2)))
    if (path[0] === 'defaults') keys.add(keyOf(['defaults']))
  }
  return keys
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}
