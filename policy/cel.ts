/** Compiles and evaluates CEL expressions; loaded only where a policy has one. An error is an outcome, never thrown. */
import {
  type CelFunc,
  type CelInput,
  type CelResult,
  CelScalar,
  celEnv,
  celFunc,
  celMap,
  celMethod,
  isCelError,
  isCelUint,
  listType,
  parse,
  plan,
} from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'
import { RE2JS } from 're2js'
import type { BodyValue, MakeMap, ReadableBody } from './body-value.ts'
import { bracketsTooDeep, type Checked, checkExpression } from './check-expression.ts'
import type { Expression, ExpressionFault, ExpressionLanguage, Outcome } from './expression.ts'
import type { Wanted } from './reading.ts'
import type { Variables } from './variables.ts'
import type { Work } from './work.ts'

/** The parser and the planner recurse, and what an expression costs grows with its length. */
const expressionCharactersMax = 2_048

/** A resource or a fact stands in the ledger. */
const textCharactersMax = 1_000

/** Patterns are texts of the policy, so that their number is bounded by it; this bounds a mistake. */
const patternsMax = 10_000

/** Extensions whose result is not longer than what they are given; `split` is one of our own. */
const extensions = [
  'charAt',
  'indexOf',
  'lastIndexOf',
  'lowerAscii',
  'substring',
  'trim',
  'upperAscii',
]

const { DOUBLE, INT, STRING } = CelScalar

/** What RE2 costs for one character, and a macro for one element, in characters that a plain search walks over. */
const matchCost = 64
const elementCost = 1_000

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
  const meter: Meter = { work: null }
  const funcs = [...texts, ...mixed, ...splits(meter)]
  const environment = celEnv({ funcs, re2: patternCache(meter) })
  const compiled = new Map<string, Expression | readonly ExpressionFault[]>()
  return {
    compile(text, wanted) {
      const key = `${wanted} ${text}`
      const known = compiled.get(key)
      if (known !== undefined) return known
      const result = compileOne({ environment, meter }, text, wanted)
      compiled.set(key, result)
      return result
    },
  }
}

type Environment = ReturnType<typeof celEnv>

/** The work of the request for which an expression is evaluated right now. */
interface Meter {
  work: Work | null
}

/** As in the library, but what it makes is counted: an agent chooses the text, and a macro walks over the pieces. */
function splits(meter: Meter): readonly CelFunc[] {
  const pieces = (text: string, separator: string, count?: number): readonly string[] => {
    const found = text.split(separator, count)
    meter.work?.spend(text.length + found.length * elementCost)
    return found
  }
  const list = listType(STRING)
  return [
    celMethod('split', STRING, [STRING], list, function (separator) {
      return pieces(this, separator)
    }),
    celMethod('split', STRING, [STRING, INT], list, function (separator, count) {
      if (count < 0n) return pieces(this, separator)
      return count === 1n ? [String(this)] : pieces(this, separator, Number(count))
    }),
  ]
}

/** Patterns compiled once: the library would compile them at each call. RE2 matches in linear time. */
function patternCache(meter: Meter): { compile(pattern: string): { test(text: string): boolean } } {
  const patterns = new Map<string, RE2JS>()
  return {
    compile(pattern) {
      let compiled = patterns.get(pattern)
      if (compiled === undefined) {
        compiled = RE2JS.compile(pattern)
        if (patterns.size < patternsMax) patterns.set(pattern, compiled)
      }
      const re2 = compiled
      return {
        test: (text) => {
          meter.work?.spend(text.length * matchCost)
          return re2.matcher(text).find()
        },
      }
    },
  }
}

function compileOne(
  { environment, meter }: { readonly environment: Environment; readonly meter: Meter },
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
    const planned = plan(environment, parsed)
    const run = (subject: Measured): CelResult => {
      meter.work = subject.work
      return planned(checked.bodyReadings > 0 ? withBody(subject) : subject.variables)
    }
    return new CelExpression({ text, wanted, checked, run })
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

/** The same variables, with the body where it is read: not before, for it may be large. */
function withBody(subject: Measured): Variables {
  const get = (): BodyValue => {
    const { value, size } = subject.bodyWith(makeMap)
    subject.work.read(size)
    return value
  }
  return Object.create(subject.variables, { body: { get } })
}

/** The library's own map takes a member that is null for one that is missing. */
const makeMap: MakeMap = (members) => {
  const has = (name: unknown): boolean => typeof name === 'string' && members.has(name)
  // Its values are those of JSON, made here or by this function.
  return Object.assign(celMap(members as ReadonlyMap<string, CelInput>), { has })
}

interface Measured {
  readonly variables: Variables
  readonly work: Work
  bodyWith(makeMap: MakeMap): ReadableBody
}

type Run = (subject: Measured) => CelResult

class CelExpression implements Expression {
  readonly text: string
  readonly readsContent: boolean
  readonly readsHidden: boolean
  readonly #wanted: Wanted
  readonly #bodyReadings: number
  readonly #run: Run

  constructor(parts: { text: string; wanted: Wanted; checked: Checked; run: Run }) {
    this.text = parts.text
    this.readsContent = parts.checked.readsContent
    this.#bodyReadings = parts.checked.bodyReadings
    this.readsHidden = parts.checked.readsHidden
    this.#wanted = parts.wanted
    this.#run = parts.run
  }

  evaluate(subject: Measured): Outcome {
    let result: CelResult
    try {
      subject.work.begin(this.#bodyReadings)
      result = this.#run(subject)
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
