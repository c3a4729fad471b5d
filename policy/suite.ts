/** Reads a file of cases: requests, and what a policy must answer to each of them. */
import type { Proof } from '../kernel/domain.ts'
import { type Verdict, verdicts } from '../kernel/verdict.ts'
import { didYouMean, type Problem } from './problem.ts'
import { type Path, readYaml, type TextFile, type YamlText } from './yaml-text.ts'

/** One request, and the answer that is expected. */
export interface SuiteCase {
  readonly name: string
  readonly agent: string
  readonly method: string
  readonly url: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** Null where there is none. */
  readonly body: string | null
  /** When it is sent, in ms since the epoch; null for now. */
  readonly at: number | null
  /** Statements that are taken as verified: a test needs no key. */
  readonly proofs: readonly CaseProof[]
  readonly expect: Verdict
  /** Ids of all rules that must speak, and no other; null where it does not matter. */
  readonly rules: readonly string[] | null
  /** Code or id of a reason that must be given; empty where it does not matter. */
  readonly reason: string
  readonly line: number
  readonly column: number
}

/** A proof as a case states it: issued so long before the instant of the case, and good for so long. */
export interface CaseProof extends Pick<Proof, 'kind' | 'issuer' | 'subject' | 'claims'> {
  readonly ageMs: number
  readonly lifeMs: number
}

export interface Suite {
  /** Path of the policy, from the file; empty where it does not say. */
  readonly policy: string
  readonly cases: readonly SuiteCase[]
}

const suiteKeys = ['policy', 'cases']
const caseKeys = [
  ...[
    'name',
    'agent',
    'method',
    'url',
    'headers',
    'body',
    'proof',
    'at',
    'expect',
    'rules',
    'reason',
  ],
]

/** A suite, or every problem of it with its line and column. */
export function readSuite(file: TextFile): Suite | { readonly problems: readonly Problem[] } {
  const yaml = readYaml(file)
  if ('length' in yaml) return { problems: yaml }
  const reader = new Reader(file.name, yaml)
  const { value } = yaml
  // A list alone is one of cases: the policy is whoever asks' to name.
  const bare = Array.isArray(value)
  if (!bare && !isMap(value)) reader.problem([], 'a suite is a map with `policy` and `cases`')
  const whole = bare ? { cases: value } : isMap(value) ? value : {}
  if (!bare) reader.keys(whole, [], suiteKeys)
  const { policy = '', cases }: Readonly<Record<string, unknown>> = whole
  if (typeof policy !== 'string') reader.problem(['policy'], '`policy` is the path of a policy')
  if (!Array.isArray(cases) || cases.length === 0) {
    reader.problem(['cases'], '`cases` is a list of at least one case')
  }
  const list: readonly unknown[] = Array.isArray(cases) ? cases : []
  const read = list.map((one, index) => reader.case(one, bare ? [index] : ['cases', index]))
  if (reader.problems.length > 0) return { problems: reader.problems }
  return { policy: String(policy), cases: read }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How long a proof is good, where the case does not say. */
const proofLifeMs = 300_000

function millisOf(value: unknown, otherwise: number): number {
  return Number.isSafeInteger(value) ? Number(value) * 1_000 : otherwise
}

class Reader {
  readonly problems: Problem[] = []
  readonly #file: string
  readonly #yaml: YamlText

  constructor(file: string, yaml: YamlText) {
    this.#file = file
    this.#yaml = yaml
  }

  problem(path: Path, message: string): void {
    this.problems.push({ file: this.#file, ...this.#yaml.place(path, 'key'), message })
  }

  keys(map: Readonly<Record<string, unknown>>, path: Path, known: readonly string[]): void {
    for (const key of Object.keys(map)) {
      if (known.includes(key)) continue
      this.problem([...path, key], `\`${key}\` is no key here${didYouMean(key, known)}`)
    }
  }

  case(value: unknown, path: Path): SuiteCase {
    if (!isMap(value)) this.problem(path, 'a case is a map')
    const map = isMap(value) ? value : {}
    this.keys(map, path, caseKeys)
    const expected = verdicts.find((verdict) => verdict === map['expect'])
    if (expected === undefined) {
      this.problem([...path, 'expect'], `\`expect\` is one of ${verdicts.join(', ')}`)
    }
    return {
      name: this.#text(map, 'name', path),
      agent: this.#text(map, 'agent', path),
      method: this.#text(map, 'method', path).toUpperCase(),
      url: this.#text(map, 'url', path),
      headers: this.#headers(map['headers'], [...path, 'headers']),
      body: this.#body(map['body']),
      at: this.#instant(map['at'], [...path, 'at']),
      proofs: this.#proofs(map['proof'], [...path, 'proof']),
      expect: expected ?? 'deny',
      rules: this.#names(map['rules'], [...path, 'rules']),
      reason: map['reason'] === undefined ? '' : this.#text(map, 'reason', path),
      ...this.#yaml.place(path, 'value'),
    }
  }

  #text(map: Readonly<Record<string, unknown>>, key: string, path: Path): string {
    const value = map[key]
    if (typeof value === 'string' && value !== '') return value
    this.problem([...path, key], `\`${key}\` is a text, and needed`)
    return ''
  }

  #headers(value: unknown, path: Path): Readonly<Record<string, string>> {
    if (value === undefined) return {}
    if (!isMap(value) || Object.values(value).some((each) => typeof each !== 'string')) {
      this.problem(path, '`headers` is a map of texts')
      return {}
    }
    const entries = Object.entries(value).map(([name, each]) => [name.toLowerCase(), String(each)])
    return Object.fromEntries(entries) as Readonly<Record<string, string>>
  }

  /** What is no text is written as JSON. */
  #body(value: unknown): string | null {
    if (value === undefined || value === null) return null
    return typeof value === 'string' ? value : JSON.stringify(value)
  }

  #proofs(value: unknown, path: Path): readonly CaseProof[] {
    if (value === undefined) return []
    const map = isMap(value) ? value : {}
    if (!isMap(value)) this.problem(path, '`proof` is a map')
    this.keys(map, path, ['issuer', 'kind', 'subject', 'claims', 'age_s', 'expires_s'])
    const [kind, issuer, subject] = [
      this.#text(map, 'kind', path),
      this.#text(map, 'issuer', path),
      this.#text(map, 'subject', path),
    ]
    const claims: Record<string, string | number | boolean> = {}
    for (const [name, claim] of Object.entries(isMap(map['claims']) ? map['claims'] : {})) {
      const isPlain = typeof claim === 'string' || typeof claim === 'boolean'
      if (isPlain || (typeof claim === 'number' && Number.isFinite(claim))) claims[name] = claim
    }
    const [ageMs, lifeMs] = [millisOf(map['age_s'], 0), millisOf(map['expires_s'], proofLifeMs)]
    return [{ kind, issuer, subject, claims, ageMs, lifeMs }]
  }

  #instant(value: unknown, path: Path): number | null {
    if (value === undefined) return null
    const instant = typeof value === 'string' && /T.*(Z|[+-]\d\d:\d\d)$/.test(value)
    const at = instant ? Date.parse(value) : Number.NaN
    if (Number.isSafeInteger(at) && at >= 0) return at
    this.problem(path, '`at` is an instant such as 2026-11-23T14:30:00Z')
    return null
  }

  #names(value: unknown, path: Path): readonly string[] | null {
    if (value === undefined) return null
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
    this.problem(path, '`rules` is a list of ids')
    return null
  }
}
