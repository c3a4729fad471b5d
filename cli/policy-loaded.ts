/** Reads a policy file with its text at hand: for what points into it, or changes it. */
import { readFileSync } from 'node:fs'
import { Failure } from '../kernel/reasons.ts'
import { type CompiledPolicy, formatProblem, type Loaded, loadPolicy } from '../policy/load.ts'
import type { TextFile } from '../policy/yaml-text.ts'
import { loadOptionsOf } from './policy-files.ts'
import { UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'

/** errors  UsageError where there is no such file. */
export function textOf(file: string): TextFile {
  const name = shownPath(file)
  try {
    return { name, text: readFileSync(file, 'utf8') }
  } catch {
    throw new UsageError(`${name} cannot be read`)
  }
}

/**
 * Loads a text as the gate would load it from its place, with the plugins, and the tables beside it; but no plugin is
 * ever too slow: what a workbench says must not depend on the machine's hurry.
 */
export async function load(file: TextFile, place: string): Promise<Loaded> {
  return await loadPolicy(file, { ...(await loadOptionsOf(place)), elapsedMs: () => 0 })
}

/** errors  Failure policy-unavailable whose message is all problems, one a line; UsageError where there is no file. */
export async function required(place: string): Promise<CompiledPolicy> {
  const loaded = await load(textOf(place), place)
  if ('policy' in loaded) return loaded.policy
  throw new Failure('policy-unavailable', loaded.problems.map(formatProblem).join('\n'))
}
