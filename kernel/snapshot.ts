/**
 * The whole state as one canonical text, and back: equal states have equal texts, and a text that no state has is
 * refused. Bytes and files are others' work.
 */
import { permitKey } from './approval.ts'
import { canonical } from './canonical.ts'
import { assert, ContractError } from './contract.ts'
import { checkWhole } from './contracts.ts'
import { holdFrom, purseFrom, scopeFrom } from './decode.ts'
import { approvalFrom, markFrom, permitFrom } from './decode-asked.ts'
import { fields, list, natural, string } from './fields.ts'
import type { State } from './state.ts'
import { Table } from './table.ts'

const version = 1

const values = <V>(table: Table<V>): readonly V[] => table.sorted().map(([, value]) => value)

/** Tables that a text names only where something is in them: older texts knew nothing of them. */
function later({ approvals, marks, permits }: State): Readonly<Record<string, readonly unknown[]>> {
  return {
    ...(approvals.size > 0 && { approvals: values(approvals) }),
    ...(marks.size > 0 && { marks: values(marks) }),
    ...(permits.size > 0 && { permits: values(permits) }),
  }
}

/** The RFC 8785 text of a state. */
export function snapshot(state: State): string {
  return canonical({
    ...later(state),
    holds: values(state.holds),
    now: state.now,
    policy: state.policy,
    purses: values(state.purses),
    runs: state.runs.sorted().map(([agent, number]) => ({ agent, number })),
    scopes: values(state.scopes),
    version,
  })
}

function tableOf<V>(values: readonly V[], keyOf: (value: V) => string): Table<V> {
  let table = Table.empty<V>()
  let last = ''
  for (const value of values) {
    const key = keyOf(value)
    assert(key > last, 'a table of a snapshot ascends')
    table = table.set(key, value)
    last = key
  }
  return table
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // SyntaxError, or RangeError where it is nested too deep: either way no snapshot of ours.
    throw new ContractError('a snapshot is JSON')
  }
}

const names = ['holds', 'now', 'policy', 'purses', 'runs', 'scopes', 'version']
const laterNames = ['approvals', 'marks', 'permits']

const isIn = (parsed: unknown, name: string): boolean =>
  typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, name)

/** The state of a text that `snapshot` made; throws ContractError on any other, and on a state that cannot be. */
export function restore(text: string): State {
  const parsed = parse(text)
  const read = fields(parsed, [...names, ...laterNames.filter((name) => isIn(parsed, name))])
  assert(natural(read['version']) === version, 'a snapshot is of this version')
  const runs = list(read['runs']).map((item) => {
    const run = fields(item, ['agent', 'number'])
    return { agent: string(run['agent']), number: natural(run['number']) }
  })
  const counted = tableOf(runs, (run) => run.agent)
  let numbers = Table.empty<number>()
  for (const [agent, { number }] of counted) numbers = numbers.set(agent, number)
  const state: State = {
    now: natural(read['now']),
    policy: string(read['policy']),
    scopes: tableOf(list(read['scopes']).map(scopeFrom), (known) => known.scope),
    purses: tableOf(list(read['purses']).map(purseFrom), (purse) => purse.key),
    holds: tableOf(list(read['holds']).map(holdFrom), (hold) => hold.request),
    runs: numbers,
    approvals: tableOf(list(read['approvals'] ?? []).map(approvalFrom), (each) => each.digest),
    permits: tableOf(list(read['permits'] ?? []).map(permitFrom), permitKey),
    marks: tableOf(list(read['marks'] ?? []).map(markFrom), (mark) => mark.key),
  }
  checkWhole(state)
  assert(snapshot(state) === text, 'a snapshot is the canonical text of its state')
  return state
}
