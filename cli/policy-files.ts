/** Reads the policy file for a start or a reload, with every problem as `file:line:column: message`. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { Failure } from '../kernel/reasons.ts'
import { type CompiledPolicy, formatProblem, loadPolicy } from '../policy/load.ts'

export type PolicyRead =
  | { readonly policy: CompiledPolicy; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] }

/** A path as a person in this directory would write it. */
export function shownPath(file: string): string {
  const near = relative(process.cwd(), file)
  return near === '' || near.startsWith('..') ? file : near
}

export async function readPolicy(file: string): Promise<PolicyRead> {
  const name = shownPath(file)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { problems: [`${name}:1:1: the policy cannot be read (${why}); name it with --policy`] }
  }
  const loaded = await loadPolicy({ name, text })
  if ('problems' in loaded) return { problems: loaded.problems.map(formatProblem) }
  return { policy: loaded.policy, warnings: loaded.warnings.map(formatProblem) }
}

/** errors  Failure policy-unavailable whose message is all problems, one a line. */
export async function requirePolicy(
  file: string,
): Promise<{ policy: CompiledPolicy; warnings: readonly string[] }> {
  const read = await readPolicy(file)
  if ('problems' in read) throw new Failure('policy-unavailable', read.problems.join('\n'))
  return read
}
