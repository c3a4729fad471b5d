/** Compiles and evaluates CEL expressions; loaded only where a policy has one. An error is an outcome, never thrown. */
import {
  type CelFunc,
  type CelResult,
  CelScalar,
  celEnv,
  celFunc,
  isCelError,
  isCelUint,
  parse,
  plan,
} from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'
import { RE2JS } from 're2js'
import { bracketsTooDeep, type Checked, checkExpression } from './check-expression.ts'
import type { Expression, ExpressionFault, ExpressionLanguage, Outcome } from './expression.ts'
import type { Wanted } from './reading.ts'
import type { Variables } from './variables.ts'

/** The parser and the planner recurse, and what an expression costs grows with its length. */
const expressionCharactersMax = 2_048

/** A resource or a fact stands in the ledger. */
const textCharactersMax = 1_000

/** Patterns are texts of the policy, so that their number is bounded by it; this bounds a mistake. */
const patternsMax = 10_000

/** Extensions whose result is not longer than what they are given. */
const extensions = [
  'charAt',
  'indexOf',
  'lastIndexOf',
  'lowerAscii',
  'split',
  'substring',
  'trim',
  'upperAscii',
]

const { DOUBLE, INT } = CelScalar

/** JSON has one kind of number and CEL two: `body.quantity * 2` must mean what it says. */
const arithmetic: readonly (readonly [string, (left: number, right: number) => number])[] = [
  ['_+_', (left, right) => left + right],
  ['_-_', (left, right) => left - right],
  ['_*_', (left, right) => left * right],
  ['_/_', (left, right) => left / right],
]

/** The language with its functions; expressions that are compiled twice are one. */
export function celLanguage(): ExpressionLanguage {
  const mixed = arithmetic.flatMap(([operator, calculate]): CelFunc[] => [
    celFunc(operator, [DOUBLE, INT], DOUBLE, (left, right) => calculate(left, Number(right))),
    celFunc(operator, [INT, DOUBLE], DOUBLE, (left, right) => calculate(Number(left), right)),
  ])
  const texts = strings.filter(({ name }) => extensions.includes(name))
  const environment = celEnv({ funcs: [...texts, ...mixed], re2: patternCache() })
  const compiled = new Map<string, Expression | readonly ExpressionFault[]>()
  return {
    compile(text, wanted) {
      const key = `${wanted} ${text}`
      const known = compiled.get(key)
      if (known !== undefined) return known
      const result = compileOne(environment, text, wanted)
      compiled.set(key, result)
      return result
    },
  }
}

type Environment = ReturnType<typeof celEnv>

/** Patterns compiled once: the library would compile them at each call. RE2 matches in linear time. */
function patternCache(): { compile(pattern: string): { test(text: string): boolean } } {
  const patterns = new Map<string, RE2JS>()
  return {
    compile(pattern) {
      let compiled = patterns.get(pattern)
      if (compiled === undefined) {
        compiled = RE2JS.compile(pattern)
        if (patterns.size < patternsMax) patterns.set(pattern, compiled)
      }
      const re2 = compiled
      return { test: (text) => re2.matcher(text).find() }
    },
  }
}

function compileOne(
  environment: Environment,
  text: string,
  wanted: Wanted,
): Expression | readonly ExpressionFault[] {
  if (text.length > expressionCharactersMax) {
    return [
      { offset: 0, message: `the expression is longer than ${expressionCharactersMax} characters` },
    ]
  }
  const deep = bracketsTooDeep(text)
  if (deep !== null) return [{ offset: deep, message: 'the expression is nested too deep' }]
  try {
    const parsed = parse(text)
    const checked = checkExpression(parsed, { functions: environment.funcs, wanted, isPattern })
    if (checked.faults.length > 0) return checked.faults
    return new CelExpression({ text, wanted, checked, run: plan(environment, parsed) })
  } catch (error) {
    return [syntaxFault(error)]
  }
}

function isPattern(pattern: string): boolean {
  try {
    RE2JS.compile(pattern)
    return true
  } catch {
    return false
  }
}

/** The parser's error carries a place; its message lists every token that could stand there. */
function syntaxFault(error: unknown): ExpressionFault {
  if (error instanceof RangeError)
    return { offset: 0, message: 'the expression is nested too deep' }
  const found = error as { location?: { start?: { offset?: number } }; found?: string | null }
  const offset = found.location?.start?.offset ?? 0
  const what = found.found ? `at "${found.found}"` : 'at its end'
  return { offset, message: `no valid CEL ${what}` }
}

type Run = (variables: Variables) => CelResult

class CelExpression implements Expression {
  readonly text: string
  readonly readsBody: boolean
  readonly readsFacts: boolean
  readonly readsHidden: boolean
  readonly #wanted: Wanted
  readonly #run: Run

  constructor(parts: { text: string; wanted: Wanted; checked: Checked; run: Run }) {
    this.text = parts.text
    this.readsBody = parts.checked.readsBody
    this.readsFacts = parts.checked.readsFacts
    this.readsHidden = parts.checked.readsHidden
    this.#wanted = parts.wanted
    this.#run = parts.run
  }

  evaluate(subject: { readonly variables: Variables }): Outcome {
    let result: CelResult
    try {
      result = this.#run(subject.variables)
    } catch {
      // Whatever a library does not foresee is an expression that failed, which refuses (I7).
      return { ok: false, message: 'it cannot be evaluated for this request.' }
    }
    if (isCelError(result))
      return { ok: false, message: 'it cannot be evaluated for this request.' }
    return outcomeOf(result, this.#wanted)
  }
}

function outcomeOf(result: unknown, wanted: Wanted): Outcome {
  const number = numberOf(result)
  if (wanted === 'amount') {
    if (number !== null && number >= 0) return { ok: true, value: number }
    return { ok: false, message: 'its result is no amount.' }
  }
  if (wanted === 'bool') {
    if (typeof result === 'boolean') return { ok: true, value: result }
    return { ok: false, message: 'its result is neither true nor false.' }
  }
  if (typeof result === 'string' && result.length <= textCharactersMax && result.isWellFormed()) {
    return { ok: true, value: result }
  }
  if (wanted === 'fact' && typeof result === 'boolean') return { ok: true, value: result }
  if (wanted === 'fact' && Number.isSafeInteger(number))
    return { ok: true, value: (number ?? 0) + 0 }
  const kinds = wanted === 'text' ? 'text' : 'text, whole number or truth value'
  return { ok: false, message: `its result is no ${kinds}, or too long.` }
}

function numberOf(result: unknown): number | null {
  if (typeof result === 'bigint') return Number(result)
  if (typeof result === 'number') return Number.isFinite(result) ? result : null
  return isCelUint(result) ? Number(result.value) : null
}
