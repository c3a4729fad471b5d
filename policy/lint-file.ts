/**
 * Lints a policy file: whatever it says that its author can hardly mean. Each finding is tried on the compiled policy
 * first, and one that no request shows is not told.
 */
import type { RequestFacts } from '../kernel/request.ts'
import { passes } from '../kernel/verdict.ts'
import type { CompiledPolicy } from './compile.ts'
import type { Explanation } from './explain.ts'
import { codeOfWarning } from './lint.ts'
import { lintBudgets } from './lint-budgets.ts'
import {
  exampleOf,
  type LintCode,
  type Linted,
  type LintFinding,
  type Suspicion,
  shown,
  speak,
} from './lint-finding.ts'
import { lintModels } from './lint-models.ts'
import { lintPairs } from './lint-pairs.ts'
import { requestsFor, strangeRequests } from './lint-request.ts'
import { lintAgents, lintRules } from './lint-rules.ts'
import type { Loaded } from './load.ts'
import type { Problem } from './problem.ts'
import { fullOf, type PolicySource, type RuleSource } from './source.ts'
import { type Path, readYaml, type TextFile, type YamlText } from './yaml-text.ts'

/** Findings of a file, in its order; what does not load is told by its problems alone. */
export function lintFile(file: TextFile, loaded: Loaded): readonly LintFinding[] {
  if ('problems' in loaded) return loaded.problems.map(ofProblem)
  const yaml = readYaml(file)
  if ('length' in yaml) return yaml.map(ofProblem)
  const { policy, warnings } = loaded
  const found: LintFinding[] = []
  const pathOf = pathsIn(yaml)
  const linted: Linted = {
    policy,
    source: sourceOf(policy),
    suspect: (suspicion) => {
      const request = shown(policy, suspicion)
      if (suspicion.requests !== null && request === null) return
      const place = placeOf(suspicion, { yaml, pathOf })
      const { code, ids, message } = suspicion
      found.push({ code, ids, ...place, message, example: request && exampleOf(request) })
    },
  }
  lintDefaults(linted)
  lintRules(linted)
  lintPairs(linted)
  lintAgents(linted)
  lintBudgets(linted)
  lintModels(linted)
  const rules = new Map(linted.source.rules.map((rule) => [rule.id, rule]))
  const owned = { linted, ownerOf: owners({ yaml, pathOf }), ruleOf: rules.get.bind(rules) }
  found.push(...warnings.flatMap((warning) => ofWarning(warning, owned)))
  return inOrder(once(found))
}

/** The policy in its canonical form, which this room wrote. */
export function sourceOf(policy: CompiledPolicy): PolicySource {
  return fullOf(JSON.parse(policy.source) as PolicySource)
}

/** Problems that are faults of thought and not of spelling, by the words in which a load tells them. */
const problemCodes: readonly (readonly [RegExp, LintCode])[] = [
  [/^tiers ascend/, 'tiers-out-of-order'],
  [/approvals never come/, 'approve-without-approvers'],
  [/the domain \S+ knows no/, 'unknown-type'],
]

function ofProblem({ line, column, message }: Problem): LintFinding {
  const code = problemCodes.find(([words]) => words.test(message))?.[1] ?? 'invalid'
  return { code, ids: [], line, column, message, example: null }
}

function lintDefaults({ policy, source, suspect }: Linted): void {
  const { verdict } = source.defaults
  const requests = [...strangeRequests(policy), ...requestsFor(policy, strangeTarget)]
  if (verdict !== 'deny') {
    suspect({
      ...{ code: 'default-allow', ids: [], at: ['defaults', 'verdict'], requests },
      message: `what no rule speaks about passes (\`defaults.verdict: ${verdict}\`): write \`deny\`, and a rule for what is meant`,
      shows: ({ classification, verdict }) => classification.rules.length === 0 && passes(verdict),
    })
  }
  if (source.mode !== 'observe') return
  const denied = source.rules.filter(({ effect }) => effect !== 'allow' && effect !== 'warn')
  suspect({
    ...{ code: 'not-enforced', ids: [], at: ['mode'] },
    message: 'in the mode `observe` whatever is refused passes all the same',
    requests: [...requests, ...denied.flatMap((rule) => requestsFor(policy, rule))],
    shows: ({ verdict }) => !passes(verdict),
  })
}

const strangeTarget = {
  ...{ agents: [], tenants: [], projects: [], actors: [], keys: [], ports: [], methods: [] },
  ...{ hosts: ['xn--nobody.example'], paths: [], when: '' },
}

interface Placed {
  readonly yaml: YamlText
  readonly pathOf: ReadonlyMap<string, Path>
}

/** Where the entry of each id stands. */
function pathsIn({ value }: YamlText): ReadonlyMap<string, Path> {
  const paths = new Map<string, Path>()
  for (const kind of ['rules', 'budgets'] as const) {
    const entries = (value as Partial<Record<typeof kind, readonly { readonly id?: string }[]>>)[
      kind
    ]
    entries?.forEach(({ id }, index) => {
      if (id !== undefined) paths.set(id, [kind, index])
    })
  }
  return paths
}

/** The id of the entry that a line stands in; undefined above the first. */
type OwnerOf = (line: number) => string | undefined

interface Owned {
  readonly linted: Linted
  readonly ownerOf: OwnerOf
  readonly ruleOf: (id: string) => RuleSource | undefined
}

function owners({ yaml, pathOf }: Placed): OwnerOf {
  const begins = [...pathOf].map(([id, path]) => ({ id, line: yaml.place(path, 'value').line }))
  begins.sort((left, right) => left.line - right.line)
  const byLine: string[] = []
  begins.forEach(({ id, line }, index) => {
    const end = begins[index + 1]?.line ?? line + 1
    for (let each = line; each < Math.max(end, line + 1); each += 1) byLine[each] = id
  })
  const last = begins.at(-1)?.id
  return (line) => byLine[line] ?? (line < (begins[0]?.line ?? 0) ? undefined : last)
}

function placeOf(
  { at, ids: [id = ''] }: Suspicion,
  { yaml, pathOf }: Placed,
): { readonly line: number; readonly column: number } {
  if (typeof at !== 'string') return yaml.place(at, 'key')
  return yaml.place([...(pathOf.get(id) ?? []), at], 'key')
}

/** A warning of the load as a finding: the rule that it stands in, and a request to which that does not do its work. */
function ofWarning(
  { line, column, message }: Problem,
  { linted, ownerOf, ruleOf }: Owned,
): readonly LintFinding[] {
  const { policy } = linted
  const code = codeOfWarning(message)
  const owner = ownerOf(line)
  const rule = owner === undefined ? undefined : ruleOf(owner)
  const aboutEntry = code !== 'unused-credential' && code !== 'unused-proxy'
  if (owner === undefined || !aboutEntry) {
    return [{ code, ids: [], line, column, message, example: null }]
  }
  const isJudged = code === 'unknown-type' || code === 'missing-facts'
  const suspicion: Suspicion = {
    ...{ code, ids: [owner], at: 'id', message },
    requests: rule === undefined ? null : exposing(policy, rule, code === 'tunnel-hides'),
    shows: (explained, request) => {
      if (isJudged) return isRefusedBy(policy, explained, request)
      return code === 'tunnel-hides' ? !passes(explained.verdict) : speak(explained, owner)
    },
  }
  const request = shown(policy, suspicion)
  // Another rule may say what this one does not, or its decoder states it: then nothing is wrong.
  if (isJudged && request === null) return []
  return [{ code, ids: [owner], line, column, message, example: request && exampleOf(request) }]
}

/** True where a domain does not know what a request is, or misses a fact of it. */
function isRefusedBy(
  policy: CompiledPolicy,
  { classification }: Explanation,
  request: RequestFacts,
): boolean {
  const judged = policy.judge(request, classification, { at: 0, proofs: [] })
  const codes = judged?.violations.map(({ code }) => code) ?? []
  return codes.includes('type-unknown') || codes.includes('facts-missing')
}

/** Requests of a rule; of one that needs to see inside, the tunnel that it cannot see into. */
function exposing(
  policy: CompiledPolicy,
  rule: RuleSource,
  isHidden: boolean,
): Suspicion['requests'] {
  if (!isHidden) return requestsFor(policy, rule)
  return requestsFor(policy, { ...rule, methods: ['CONNECT'], paths: [], when: '' })
}

/** One finding for each code, rule and place: what a load warns of is found here again, with an example. */
function once(found: readonly LintFinding[]): readonly LintFinding[] {
  const known = new Set<string>()
  return found.filter(({ code, ids, line, message }) => {
    const about =
      code === 'always-denied' || code === 'contradictory' ? 'beaten' : `${code} ${message}`
    const key = `${about} ${ids[0] ?? ''} ${line}`
    return known.size < known.add(key).size
  })
}

function inOrder(found: readonly LintFinding[]): readonly LintFinding[] {
  return [...found].sort((a, b) => a.line - b.line || a.column - b.column)
}
