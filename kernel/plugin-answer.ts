/**
 * Reads what a plugin answered: each part once, into data of our own. Whatever is not what it should be is thrown,
 * and said in `fault`; what was thrown is never looked at, for a plugin may throw anything.
 */
import type { FactMap } from './content.ts'
import { dimensionPattern, type Vector } from './dimension.ts'
import {
  codePattern,
  controlPattern,
  type DomainEffects,
  factPattern,
  severities,
  type Validation,
  type Violation,
} from './domain.ts'
import { type MarkCheck, markOps } from './mark.ts'
import { type Reason, reasons } from './reasons.ts'
import { namePattern } from './scope.ts'

/** What one plugin may say of one call. */
const violationsMax = 64
const checksMax = 256
const factsMax = 64
const dimensionsMax = 16
const marksMax = 32
const controlsMax = 64

/** People that one approval may need, and groups or names that it may be of. */
const needMax = 100

const sentenceCharactersMax = 500
const factCharactersMax = 1_024
const markCharactersMax = 200

const verdicts = ['warn', 'approve', 'deny', 'halt'] as const

/** The gate measures these itself; what a plugin says of them would stand in the place of what was measured. */
const measured: readonly string[] = ['bytes_up', 'bytes_down', 'wall', 'hosts', 'refusals']

type Members = Readonly<Record<string, unknown>>

export class AnswerReader {
  /** The first thing that was wrong; empty where the plugin threw by itself. */
  fault = ''
  readonly #domain: string

  constructor(domain: string) {
    this.#domain = domain
  }

  validation(answer: unknown): Validation {
    const { violations, checks } = this.#object(answer, 'the validation')
    return {
      violations: this.#list(violations, violationsMax, 'violations').map((each) =>
        this.#violation(each),
      ),
      checks: this.#list(checks, checksMax, 'checks').map((each) => this.#code(each, 'a check')),
    }
  }

  /** Facts that are added: a name that the wire used stays what the wire said. */
  facts(answer: unknown, said: readonly FactMap[]): FactMap {
    const members = this.#object(answer, 'the facts')
    const names = Object.keys(members)
    if (names.length > factsMax) this.#wrong(`it adds more than ${factsMax} facts`)
    const added: [string, string | number | boolean][] = []
    for (const name of names) {
      const value = members[name]
      if (!factPattern.test(name)) this.#wrong('a fact has no name such as order_value')
      if (!isFact(value)) this.#wrong(`the fact ${name} is no short text, safe integer or boolean`)
      const before = said.find((facts) => Object.hasOwn(facts, name))
      if (before === undefined) added.push([name, value])
      else if (before[name] !== value) this.#wrong(`it changes the fact ${name}`)
    }
    return Object.fromEntries(added)
  }

  effects(answer: unknown, at: number): DomainEffects {
    const { charge, marks } = this.#object(answer, 'the effects')
    return {
      charge: this.#charge(charge),
      marks: this.#list(marks, marksMax, 'marks').map((each) => this.#mark(each, at)),
    }
  }

  /** Ids of controls, ascending, each once. */
  controls(answer: unknown): readonly string[] {
    const ids = this.#list(answer, controlsMax, 'controls').map((id) => {
      if (typeof id === 'string' && controlPattern.test(id)) return id
      return this.#wrong('a control is no id such as hipaa/164.312(b)')
    })
    return [...new Set(ids)].sort()
  }

  #wrong(fault: string): never {
    this.fault ||= fault
    throw new TypeError(fault)
  }

  #object(value: unknown, what: string): Members {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      // Its members are not known, which is why each is read with care.
      return value as Members
    }
    return this.#wrong(`${what} is no object`)
  }

  #list(value: unknown, max: number, what: string): readonly unknown[] {
    if (!Array.isArray(value)) return this.#wrong(`its ${what} are no list`)
    const { length } = value
    if (length > max) this.#wrong(`it has more than ${max} ${what}`)
    return Array.from({ length }, (_, index): unknown => value[index])
  }

  #code(value: unknown, what: string): string {
    if (typeof value === 'string' && codePattern.test(value)) return value
    return this.#wrong(`${what} has no code such as order-value`)
  }

  #sentence(value: unknown, what: string, least = 0): string {
    const isSentence =
      typeof value === 'string' &&
      value.length >= least &&
      value.length <= sentenceCharactersMax &&
      isPlain(value)
    return isSentence ? value : this.#wrong(`${what} is no text of ${sentenceCharactersMax} signs`)
  }

  #violation(value: unknown): Violation {
    const { code, severity, verdict, message, recommendation, need, of } = this.#object(
      value,
      'a violation',
    )
    const violation = {
      code: this.#code(code, 'a violation'),
      severity: this.#oneOf(severity, severities, 'severity'),
      verdict: this.#oneOf(verdict, verdicts, 'verdict'),
      message: this.#sentence(message, 'the message of a violation', 1),
      recommendation: this.#sentence(recommendation, 'a recommendation'),
    }
    return {
      ...violation,
      ...(need === undefined ? {} : { need: this.#need(need) }),
      ...(of === undefined ? {} : { of: this.#names(of) }),
    }
  }

  #oneOf<T extends string>(value: unknown, words: readonly T[], what: string): T {
    return words.find((word) => word === value) ?? this.#wrong(`its ${what} is none`)
  }

  #need(value: unknown): number {
    if (isCount(value) && value >= 1 && value <= needMax) return value
    return this.#wrong(`it needs no number of people from 1 to ${needMax}`)
  }

  #names(value: unknown): readonly string[] {
    return this.#list(value, needMax, 'groups').map((name) => {
      return typeof name === 'string' && namePattern.test(name)
        ? name
        : this.#wrong('it names no group of approvers')
    })
  }

  /** Amounts that add something: a charge of nothing must not stand in the place of the gate's own. */
  #charge(value: unknown): Vector {
    const members = this.#object(value, 'the charge')
    const dimensions = Object.keys(members)
    if (dimensions.length > dimensionsMax) this.#wrong('it charges too many dimensions')
    const charged: [string, number][] = []
    for (const dimension of dimensions) {
      const amount = members[dimension]
      const isDimension = dimensionPattern.test(dimension) && dimension !== 'constructor'
      if (!isDimension || measured.includes(dimension)) this.#wrong('it charges no such dimension')
      if (!isCount(amount)) this.#wrong(`what it charges of ${dimension} is no safe integer`)
      if (amount > 0) charged.push([dimension, amount])
    }
    return Object.fromEntries(charged)
  }

  #mark(value: unknown, at: number): MarkCheck {
    const { op, key, amount, limit, until, reason } = this.#object(value, 'a mark')
    const known = this.#oneOf(op, markOps, 'operation of a mark')
    const isKey = typeof key === 'string' && key.length <= markCharactersMax && isPlain(key)
    if (!isKey || !key.startsWith(`${this.#domain}/`)) {
      return this.#wrong(`the key of a mark does not begin with ${this.#domain}/`)
    }
    if (!isCount(amount) || !isCount(limit) || !isCount(until)) {
      return this.#wrong('a number of a mark is no safe integer')
    }
    if (known === 'below') {
      return { op: known, key, amount, limit, until: 0, reason: this.#reason(reason) }
    }
    if (until <= at) return this.#wrong('a mark ends before it begins')
    return { op: known, key, amount, limit, until, reason: this.#reason(reason) }
  }

  #reason(value: unknown): Reason {
    const { code, id, message } = this.#object(value, 'the reason of a mark')
    const known = Object.keys(reasons).find((each) => each === code)
    if (known === undefined) return this.#wrong('the reason of a mark is not in the registry')
    const own = typeof id === 'string' ? id.slice(id.indexOf('/') + 1) : ''
    if (id !== own && id !== `${this.#domain}/${own}`) {
      return this.#wrong('the id of a reason is of another domain')
    }
    return {
      // It was found among the keys of the registry.
      code: known as Reason['code'],
      id: `${this.#domain}/${this.#code(own, 'the reason of a mark')}`,
      message: this.#sentence(message, 'the reason of a mark', 1),
    }
  }
}

/** Without control characters and halves of characters: what is recorded, and read by people, is one line. */
function isPlain(text: string): boolean {
  return !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed()
}

function isFact(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return value.length <= factCharactersMax && value.isWellFormed()
  return typeof value === 'boolean' || Number.isSafeInteger(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
