/** `haltgate policy state`: changes the state of one rule or budget in the policy file, and nothing else of it. */
import { chmodSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { Failure } from '../kernel/reasons.ts'
import { type LifecycleState, lifecycleStates, restate } from '../policy/diff-state.ts'
import { formatProblem } from '../policy/problem.ts'
import { exitCodes } from './exit.ts'
import type { PolicyContext } from './policy.ts'
import { load, required, textOf } from './policy-loaded.ts'
import { UsageError } from './settings.ts'

export interface StateRequest {
  /** Of a rule or a budget. */
  readonly id: string
  readonly state: string
  readonly reason: string
}

/**
 * Changes the file as a whole or not at all: checked before it is written, written aside, renamed. A running gate takes
 * it in with its next reload, and records it.
 */
export async function changeState(context: PolicyContext, request: StateRequest): Promise<number> {
  const { json, policyFile, print } = context
  const { id, reason } = request
  const state = lifecycleStates.find((each): each is LifecycleState => each === request.state)
  if (state === undefined) throw new UsageError(`a state is one of ${lifecycleStates.join(', ')}`)
  await required(policyFile)
  const file = textOf(policyFile)
  const changed = restate(file.text, { id, state, reason })
  if ('problem' in changed) throw new UsageError(changed.problem)
  const checked = await load({ ...file, text: changed.text }, policyFile)
  if ('problems' in checked) {
    throw new Failure('policy-unavailable', checked.problems.map(formatProblem).join('\n'))
  }
  replace(policyFile, changed.text)
  const { before, kind } = changed
  if (json) print(JSON.stringify({ kind, id, before, after: state, reason }))
  else print(`${kind} ${id}: ${before} -> ${state}; a reload puts it into force`)
  return exitCodes.done
}

/** A link stays a link: what it leads to is replaced. */
function replace(policyFile: string, text: string): void {
  const file = realpathSync(policyFile)
  const part = `${file}.part`
  writeFileSync(part, text, { mode: 0o600 })
  chmodSync(part, statSync(file).mode & 0o777)
  renameSync(part, file)
}
