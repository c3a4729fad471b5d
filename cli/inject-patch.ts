/** What turns one JSON value into another, as a JSON Patch (RFC 6902): add, remove and replace only. */
import { assert } from '../kernel/contract.ts'
import { type Fields, isFields, type Json, same, textOf } from './inject-json.ts'

type Place = readonly (string | number)[]

export interface PatchStep {
  readonly op: 'add' | 'remove' | 'replace'
  readonly place: Place
  /** Null for remove. */
  readonly value: Json
}

/** The steps, in the order in which they hold. */
export function stepsBetween(before: Json, after: Json, place: Place = []): readonly PatchStep[] {
  if (same(before, after)) return []
  if (isFields(before) && isFields(after)) return fieldSteps(before, after, place)
  if (isList(before) && isList(after)) return listSteps(before, after, place)
  return [{ op: 'replace', place, value: after }]
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

function fieldSteps(before: Fields, after: Fields, place: Place): readonly PatchStep[] {
  const steps: PatchStep[] = []
  for (const name of Object.keys(before)) {
    if (after[name] === undefined)
      steps.push({ op: 'remove', place: [...place, name], value: null })
  }
  for (const [name, value] of Object.entries(after)) {
    const old = before[name]
    const at = [...place, name]
    if (old === undefined) steps.push({ op: 'add', place: at, value })
    else steps.push(...stepsBetween(old, value, at))
  }
  return steps
}

/** Items are the same where their names are: what stands between them is added or removed. */
function listSteps(
  before: readonly Json[],
  after: readonly Json[],
  place: Place,
): readonly PatchStep[] {
  const steps: PatchStep[] = []
  const coming = new Map<string, number>()
  for (const one of after) coming.set(identity(one), (coming.get(identity(one)) ?? 0) + 1)
  let next = 0
  for (const [index, value] of after.entries()) {
    while (next < before.length && !coming.get(identity(before[next] ?? null))) {
      steps.push({ op: 'remove', place: [...place, index], value: null })
      next += 1
    }
    const old = before[next]
    const at = [...place, index]
    coming.set(identity(value), (coming.get(identity(value)) ?? 0) - 1)
    if (old !== undefined && identity(old) === identity(value)) {
      steps.push(...stepsBetween(old, value, at))
      next += 1
    } else steps.push({ op: 'add', place: at, value })
  }
  const left = before.length - next
  for (let count = 0; count < left; count += 1) {
    steps.push({ op: 'remove', place: [...place, after.length], value: null })
  }
  return steps
}

/** By what the API tells the items of its lists apart. */
function identity(value: Json): string {
  if (!isFields(value)) return JSON.stringify(value)
  return textOf(value['mountPath']) || textOf(value['name']) || JSON.stringify(value)
}

/** The steps as the API server reads them. */
export function jsonPatch(steps: readonly PatchStep[]): readonly Fields[] {
  return steps.map(({ op, place, value }) => {
    const path = place.map((part) => `/${pointerPart(part)}`).join('')
    return op === 'remove' ? { op, path } : { op, path, value }
  })
}

/** RFC 6901 section 3. */
const pointerPart = (part: string | number): string =>
  String(part).replaceAll('~', '~0').replaceAll('/', '~1')

/** The value after the steps. asserts  each step fits: they are of this value. */
export function stepped(value: Json, steps: readonly PatchStep[]): Json {
  return steps.reduce((before: Json, step) => applied(before, step, step.place), value)
}

function applied(value: Json, step: PatchStep, place: Place): Json {
  const [part, ...rest] = place
  if (part === undefined) return step.value
  if (isList(value)) {
    assert(typeof part === 'number' && part <= value.length, 'a step names a place of a list')
    if (rest.length > 0) {
      const inside = applied(value[part] ?? null, step, rest)
      return value.map((one, index) => (index === part ? inside : one))
    }
    const [put, from] = [step.op === 'remove' ? [] : [step.value], step.op === 'add' ? 0 : 1]
    return [...value.slice(0, part), ...put, ...value.slice(part + from)]
  }
  assert(isFields(value) && typeof part === 'string', 'a step names a member of an object')
  const { [part]: old, ...others } = value
  if (rest.length > 0) return { ...value, [part]: applied(old ?? null, step, rest) }
  return step.op === 'remove' ? others : { ...value, [part]: step.value }
}
