/** What the readers of a file share: where a node stands, and the problems, warnings and expressions they find. */
import type { DomainConfig } from '../kernel/domain.ts'
import type { ApproverTerms } from '../kernel/policy.ts'
import { namePattern } from '../kernel/scope.ts'
import { didYouMean, type Problem } from './problem.ts'
import type { Path, YamlText } from './yaml-text.ts'

/** What an expression must result in. */
export type Wanted = 'bool' | 'text' | 'amount' | 'fact'

export interface ExpressionUse {
  readonly path: Path
  readonly text: string
  readonly wanted: Wanted
}

/** Names that targets may refer to, because an agent of the file bears them. */
export interface Declared {
  readonly agents: ReadonlySet<string>
  readonly tenants: ReadonlySet<string>
  readonly projects: ReadonlySet<string>
  readonly actors: ReadonlySet<string>
  readonly credentials: ReadonlySet<string>
  readonly upstreamProxies: ReadonlySet<string>
  readonly approvers: readonly ApproverTerms[]
  /** What each domain declares of itself; null where its entry has problems. */
  readonly domains: ReadonlyMap<string, DomainConfig | null>
  /** Types of agents by name; empty where the file says none. */
  readonly agentTypes: ReadonlyMap<string, string>
  readonly mode: 'enforce' | 'observe'
  /** What `defaults.verdict` says. */
  readonly verdict: 'allow' | 'warn' | 'deny'
}

/** What a name must be the name of, and the key under which those stand. */
interface Reference {
  readonly declared: ReadonlySet<string>
  readonly what: string
  readonly under?: string
}

export class Reading {
  readonly problems: Problem[] = []
  readonly warnings: Problem[] = []
  readonly expressions: ExpressionUse[] = []
  readonly #file: string
  readonly #yaml: YamlText

  constructor(file: string, yaml: YamlText) {
    this.#file = file
    this.#yaml = yaml
  }

  problem(path: Path, message: string, part: 'key' | 'value' = 'value'): void {
    this.problems.push({ file: this.#file, ...this.#yaml.place(path, part), message })
  }

  warn(path: Path, message: string, part: 'key' | 'value' = 'value'): void {
    this.warnings.push({ file: this.#file, ...this.#yaml.place(path, part), message })
  }

  /** A problem inside an expression, at one of its characters. */
  problemWithin(path: Path, offset: number, message: string): void {
    this.problems.push({ file: this.#file, ...this.#yaml.placeWithin(path, offset), message })
  }

  /** A scalar as it was written. */
  scalarText(path: Path): string {
    return this.#yaml.scalarText(path)
  }

  /** Notes an expression, which is checked when all are known. */
  expression(path: Path, text: string, wanted: Wanted): string {
    this.expressions.push({ path, text, wanted })
    return text
  }

  /** True for a name of kernel/scope.ts; otherwise a problem. */
  isName(path: Path, text: string, what: string, part: 'key' | 'value' = 'value'): boolean {
    if (namePattern.test(text)) return true
    this.problem(path, `"${text}" is no name of ${what}: 1 to 64 of A-Z a-z 0-9 . _ -`, part)
    return false
  }

  /** Reports a name that nothing in the file bears: what refers to it could never match. */
  refersTo(path: Path, name: string, to: Reference): void {
    const { declared, what, under = 'agents' } = to
    if (declared.has(name)) return
    const guess = didYouMean(name, declared)
    this.problem(path, `no ${what} is named "${name}" under \`${under}\`${guess}`)
  }
}

/** The list as a set in ascending order: neither order nor repetition has a meaning. */
export function sortedSet<T extends string | number>(values: readonly T[]): readonly T[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
