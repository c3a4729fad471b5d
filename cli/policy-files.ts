/** Reads the policy file for a start or a reload, with every problem as `file:line:column: message`. */
import { readFileSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Failure } from '../kernel/reasons.ts'
import { type CompiledPolicy, formatProblem, type LoadOptions, loadPolicy } from '../policy/load.ts'
import type { GivenPlugin } from '../policy/plugins.ts'
import { tablesBeside } from '../policy/table-file.ts'
import { shownPath } from './shown-path.ts'

export type PolicyRead =
  | {
      readonly policy: CompiledPolicy
      readonly warnings: readonly string[]
      /** Of the file. */
      readonly text: string
    }
  | { readonly problems: readonly string[] }

/** Plugins by the files that they came from: each is read once, so that a reload runs what the start ran. */
const loadedPlugins = new Map<string, Promise<GivenPlugin>>()

/** Paths that HALTGATE_PLUGIN names, as PATH does. */
export function pluginsOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const paths = (environment['HALTGATE_PLUGIN'] ?? '').split(delimiter)
  return paths.filter((path) => path !== '').map((path) => resolve(path))
}

async function pluginsFrom(paths: readonly string[]): Promise<readonly GivenPlugin[]> {
  if (paths.length === 0) return []
  const { loadPlugin } = await import('./plugin-file.ts')
  const plugins = paths.map((path) => {
    const loaded = loadedPlugins.get(path) ?? loadPlugin(path)
    loadedPlugins.set(path, loaded)
    return loaded
  })
  return await Promise.all(plugins)
}

/** What a policy file is loaded with: an operator's plugins, the files beside it, and a clock. */
export async function loadOptionsOf(
  file: string,
  plugins: readonly string[] = pluginsOfEnvironment(process.env),
): Promise<LoadOptions> {
  return {
    plugins: await pluginsFrom(plugins),
    readTable: tablesBeside(file, shownPath(file)),
    elapsedMs: () => performance.now(),
  }
}

export async function readPolicy(file: string, plugins?: readonly string[]): Promise<PolicyRead> {
  const name = shownPath(file)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { problems: [`${name}:1:1: the policy cannot be read (${why}); name it with --policy`] }
  }
  const loaded = await loadPolicy({ name, text }, await loadOptionsOf(file, plugins))
  if ('problems' in loaded) return { problems: loaded.problems.map(formatProblem) }
  return { policy: loaded.policy, warnings: loaded.warnings.map(formatProblem), text }
}

/** errors  Failure policy-unavailable whose message is all problems, one a line. */
export async function requirePolicy(
  file: string,
  plugins?: readonly string[],
): Promise<{ policy: CompiledPolicy; warnings: readonly string[]; text: string }> {
  const read = await readPolicy(file, plugins)
  if ('problems' in read) throw new Failure('policy-unavailable', read.problems.join('\n'))
  return read
}
