/** `haltgate policy test`: runs the cases of fixture files against their policies, and says which rules none reaches. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import pico from 'picocolors'
import { Failure } from '../kernel/reasons.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { type Coverage, coverageOf } from '../policy/coverage.ts'
import { formatProblem } from '../policy/problem.ts'
import { readSuite, type Suite, type SuiteCase } from '../policy/suite.ts'
import { answerTo, misses } from '../policy/suite-run.ts'
import { exitCodes } from './exit.ts'
import { seenOf } from './policy-asked.ts'
import { required, textOf } from './policy-loaded.ts'
import { UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'

export interface SuiteContext {
  readonly files: readonly string[]
  /** Instead of the policy that a file names; null where the file says, or the settings do. */
  readonly policy: string | null
  /** The policy of files that name none. */
  readonly policyFile: string
  /** Least percent of rules that some case reaches; null where any will do. */
  readonly minCoverage: number | null
  readonly now: number
  readonly json: boolean
  readonly print: (text: string) => void
}

interface CaseResult {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly passed: boolean
  /** What is not as expected. */
  readonly misses: readonly string[]
}

/** Runs every file; 0 where all cases pass and enough rules are reached. */
export async function runSuites(context: SuiteContext): Promise<number> {
  const results: CaseResult[] = []
  const reached = new Map<string, Set<string>>()
  const policies = new Map<string, CompiledPolicy>()
  for (const file of context.files) {
    const suite = suiteOf(file)
    const policyFile = policyOf(suite, file, context)
    const known = policies.get(policyFile)
    const policy = known ?? (await required(policyFile))
    policies.set(policyFile, policy)
    const spoke = reached.get(policyFile) ?? new Set<string>()
    reached.set(policyFile, spoke)
    for (const one of suite.cases) results.push(resultOf(one, { file, policy, spoke, context }))
  }
  const coverages = [...policies].map(([policyFile, policy]) => ({
    policy: shownPath(policyFile),
    ...coverageOf(policy, reached.get(policyFile) ?? new Set()),
  }))
  const { minCoverage } = context
  const isCovered = coverages.every(({ percent }) => percent >= (minCoverage ?? 0))
  const ok = isCovered && results.every(({ passed }) => passed)
  if (context.json) context.print(JSON.stringify({ ok, results, coverages }))
  else context.print(shown(results, coverages, minCoverage))
  return ok ? exitCodes.done : exitCodes.no
}

function suiteOf(file: string): Suite {
  const suite = readSuite(textOf(file))
  if (!('problems' in suite)) return suite
  throw new Failure('policy-unavailable', suite.problems.map(formatProblem).join('\n'))
}

/** The policy that a person names, or the file does, beside itself; otherwise a policies.yaml beside it, or the one of the settings. */
function policyOf({ policy }: Suite, file: string, context: SuiteContext): string {
  if (context.policy !== null) return resolve(context.policy)
  const home = dirname(resolve(file))
  if (policy !== '') return resolve(home, policy)
  const beside = join(home, 'policies.yaml')
  return existsSync(beside) ? beside : context.policyFile
}

function resultOf(
  one: SuiteCase,
  at: {
    readonly file: string
    readonly policy: CompiledPolicy
    readonly spoke: Set<string>
    readonly context: SuiteContext
  },
): CaseResult {
  const { file, policy, spoke, context } = at
  const place = { name: one.name, file: shownPath(file), line: one.line }
  try {
    const { facts, unread } = seenOf(policy, one)
    const answered = answerTo(policy, facts, {
      at: one.at ?? context.now,
      proofs: one.proofs,
      unread,
    })
    for (const id of [...answered.rules, ...answered.drafts]) spoke.add(id)
    const missed = misses(one, answered)
    return { ...place, passed: missed.length === 0, misses: missed }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { ...place, passed: false, misses: [error.message] }
  }
}

function shown(
  results: readonly CaseResult[],
  coverages: readonly (Coverage & { readonly policy: string })[],
  minCoverage: number | null,
): string {
  const lines: string[] = []
  for (const { file, line, misses: missed, name, passed } of results) {
    lines.push(`${passed ? pico.green('pass') : pico.red('FAIL')}  ${name}`)
    for (const miss of missed) lines.push(`      ${file}:${line}: ${miss}`)
  }
  const passed = results.filter((result) => result.passed).length
  lines.push(`${passed} of ${results.length} cases pass`)
  for (const { missed, percent, policy, reached, rules } of coverages) {
    const wanted = minCoverage !== null && percent < minCoverage ? `, wanted ${minCoverage} %` : ''
    lines.push(`${policy}: ${reached} of ${rules} rules reached (${percent} %${wanted})`)
    if (missed.length > 0) lines.push(`  no case reaches ${missed.join(', ')}`)
  }
  return lines.join('\n')
}
