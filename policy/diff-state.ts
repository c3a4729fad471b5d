/** States of rules and budgets in the text of a policy: read with their reasons, changed in place, comments kept. */
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import type { PolicySource } from './source.ts'

export const lifecycleStates = ['draft', 'active', 'disabled', 'retired'] as const

export type LifecycleState = (typeof lifecycleStates)[number]

/** `absent` where the policy does not have it, or it has no effect and the text of the file is not at hand. */
export interface StateChange {
  readonly kind: 'rule' | 'budget'
  readonly id: string
  readonly before: LifecycleState | 'absent'
  readonly after: LifecycleState | 'absent'
  /** Why, as the file says beside the state; empty where it does not. */
  readonly reason: string
}

/** What a file says of the state of an entry. */
export interface Stated {
  readonly kind: 'rule' | 'budget'
  readonly state: LifecycleState
  readonly reason: string
}

/** The longest reason that is kept: an entry of the ledger has a size. */
export const reasonCharactersMax = 200

/**
 * What changed its state between two policies, for the entry of a load.
 *
 * stated  statesIn of the texts, where they are at hand: what is disabled or retired is no part of a policy's source.
 */
export function stateChanges(
  before: PolicySource,
  after: PolicySource,
  stated: { readonly before?: Stating; readonly after?: Stating } = {},
): readonly StateChange[] {
  const old = statesOf(before, stated.before)
  const next = statesOf(after, stated.after)
  const changes: StateChange[] = []
  for (const id of new Set([...old.keys(), ...next.keys()])) {
    const [was, is] = [old.get(id), next.get(id)]
    const kind = is?.kind ?? was?.kind
    if (kind === undefined || was?.state === is?.state) continue
    const states = {
      before: was?.state ?? ('absent' as const),
      after: is?.state ?? ('absent' as const),
    }
    changes.push({ kind, id, ...states, reason: is?.reason ?? '' })
  }
  return changes
}

type Stating = ReadonlyMap<string, Stated>

function statesOf({ rules, budgets }: PolicySource, stated: Stating | undefined): Stating {
  const states = new Map<string, Stated>(stated)
  const put = (kind: Stated['kind'], id: string, state: LifecycleState): void => {
    states.set(id, { kind, state, reason: states.get(id)?.reason ?? '' })
  }
  for (const { id, state } of rules) put('rule', id, state)
  for (const { id, state } of budgets) put('budget', id, state)
  return states
}

/** What a text says of the states of its rules and budgets; nothing of a text that is no policy. */
export function statesIn(text: string): Stating {
  const states = new Map<string, Stated>()
  for (const { kind, node } of nodesIn(parseDocument(text))) {
    const id = node.get('id')
    if (typeof id !== 'string') continue
    const scalar = stateOf(node)
    const state = lifecycleStates.find((each) => each === (scalar?.value ?? 'active'))
    const comment = node.flow === true ? node.comment : scalar?.comment
    const reason = (comment ?? '').trim().slice(0, reasonCharactersMax)
    if (state !== undefined) states.set(id, { kind, state, reason })
  }
  return states
}

export type Restated =
  | { readonly text: string; readonly kind: Stated['kind']; readonly before: LifecycleState }
  | { readonly problem: string }

/**
 * Writes another state into the text of a policy, its reason beside it as a comment; all else stays as it is.
 *
 * What is retired stays so: who wants it back writes it anew, under an id of its own.
 */
export function restate(
  text: string,
  {
    id,
    reason,
    state,
  }: { readonly id: string; readonly state: LifecycleState; readonly reason: string },
): Restated {
  const said = reason.replaceAll(/\s+/g, ' ').trim()
  if (said === '' || said.length > reasonCharactersMax) {
    return { problem: `a reason has 1 to ${reasonCharactersMax} characters` }
  }
  const document = parseDocument(text)
  const found = nodesIn(document).find(({ node }) => node.get('id') === id)
  if (found === undefined) return { problem: `no rule and no budget has the id "${id}"` }
  const { kind, node } = found
  const before = lifecycleStates.find((each) => each === (stateOf(node)?.value ?? 'active'))
  if (before === undefined) return { problem: `the state of ${id} is none of those that there are` }
  if (before === state) return { problem: `${id} is ${state} already` }
  if (before === 'retired') return { problem: `${id} is retired, for good: write it anew` }
  const changed = written(text, { node, state, said })
  if (changed === null)
    return { problem: `${id} shares its line with others: give it one of its own` }
  return { text: changed, kind, before }
}

interface Wanted {
  readonly node: YAMLMap
  readonly state: LifecycleState
  readonly said: string
}

/** Only the state and the comment beside it are replaced: not a character elsewhere changes. Null where no line ends beside it. */
function written(text: string, { node, state, said }: Wanted): string | null {
  const known = stateOf(node)
  const [first = 0] = rangeOf(node.items[0]?.key)
  const [begin, end] = known === null ? [first, first] : rangeOf(known)
  const rest = node.flow === true ? rangeOf(node)[1] : end
  if (begin === undefined || end === undefined || rest === undefined) return null
  const before = text.slice(0, begin)
  const comment = ` # ${said}`
  if (node.flow === true) {
    const line = /^[ \t]*(#[^\n]*)?(?=\n|$)/.exec(text.slice(rest))?.[0]
    if (line === undefined) return null
    const value = known === null ? `state: ${state}, ` : state
    return `${before}${value}${text.slice(end, rest)}${comment}${text.slice(rest + line.length)}`
  }
  if (known !== null) {
    const line = /^[ \t]*(#[^\n]*)?/.exec(text.slice(end))?.[0] ?? ''
    return `${before}${state}${comment}${text.slice(end + line.length)}`
  }
  const indent = ' '.repeat(begin - (text.lastIndexOf('\n', begin - 1) + 1))
  return `${before}state: ${state}${comment}\n${indent}${text.slice(begin)}`
}

function rangeOf(node: unknown): readonly number[] {
  return isScalar(node) || isMap(node) ? (node.range ?? []) : []
}

function stateOf(node: YAMLMap): Scalar | null {
  const found = node.items.find(({ key }) => isScalar(key) && key.value === 'state')?.value
  return isScalar(found) ? found : null
}

function nodesIn(
  document: Document,
): readonly { readonly kind: Stated['kind']; readonly node: YAMLMap }[] {
  return (['rule', 'budget'] as const).flatMap((kind) => {
    const list = isMap(document.contents) ? document.get(`${kind}s`) : null
    const items = isSeq(list) ? list.items : []
    return items.flatMap((node) => (isMap(node) ? [{ kind, node }] : []))
  })
}
