/** Reads whose yes a rule wants: so many people, or a share of them, of these names or groups. */
import type { ApproverTerms } from '../kernel/policy.ts'
import { readDuration } from './amount.ts'
import type { FileRule } from './file.ts'
import { operator } from './read-people.ts'
import { type Declared, type Reading, sortedSet } from './reading.ts'
import { type ApprovalSource, approvalDefault } from './source.ts'
import type { Path } from './yaml-text.ts'

interface At {
  readonly path: Path
  readonly reading: Reading
  readonly declared: Declared
}

type FileApproval = NonNullable<FileRule['approval']>

/** Reads the key `approval`; problems go to the reading. */
export function readApproval(raw: FileRule, at: At): readonly ApprovalSource[] {
  const { approval } = raw
  if (approval === undefined) return []
  const { path, reading } = at
  const place = [...path, 'approval']
  const duration = (key: 'expires' | 'wait', otherwise: number): number => {
    const text = approval[key]
    if (text === undefined) return otherwise
    const amount = readDuration(text)
    if ('value' in amount) return amount.value
    reading.problem([...place, key], amount.problem)
    return otherwise
  }
  if (raw.effect !== 'approve') {
    reading.warn(place, '`approval` means nothing without effect: approve', 'key')
  }
  const expires_ms = duration('expires', approvalDefault.expires_ms)
  if (expires_ms === 0) reading.problem([...place, 'expires'], 'nobody answers in no time')
  return [
    {
      expires_ms,
      need: readNeed(approval, raw.effect, at),
      of: sortedSet(approval.of ?? []),
      wait_ms: duration('wait', approvalDefault.wait_ms),
    },
  ]
}

function readNeed(
  approval: FileApproval,
  effect: FileRule['effect'],
  { path, reading, declared }: At,
): number {
  const place = [...path, 'approval']
  const { of = [], threshold } = approval
  const { approvers } = declared
  const groups = new Set([operator, ...approvers.flatMap((each) => [each.name, ...each.groups])])
  of.forEach((name, index) => {
    reading.refersTo([...place, 'of', index], name, {
      declared: groups,
      what: 'approver or group',
      under: 'approvers',
    })
  })
  const people = peopleOf(approvers, of)
  const need = approval.need ?? approvalDefault.need
  if (threshold === undefined) {
    const isTold = of.some((name) => !groups.has(name)) || effect !== 'approve'
    if (need <= people || isTold) return need
    const message = `${need} approvals never come: ${people} may give one`
    reading.problem([...place, 'need'], message)
    return need
  }
  if (approval.need !== undefined) {
    reading.problem([...place, 'need'], '`approval` has `need` or `threshold`, not both', 'key')
  }
  if (approvers.length === 0) {
    reading.problem([...place, 'threshold'], '`threshold` needs the key `approvers`', 'key')
  }
  return Math.max(1, Math.ceil((people * threshold) / 100))
}

/** How many different people may say yes: those who bear one of the names or are of one of the groups. */
function peopleOf(approvers: readonly ApproverTerms[], of: readonly string[]): number {
  const isMeant = (name: string, groups: readonly string[]): boolean => {
    return of.length === 0 || of.includes(name) || groups.some((group) => of.includes(group))
  }
  const named = approvers.filter(({ name, groups }) => isMeant(name, groups)).length
  return named + (isMeant(operator, [operator]) ? 1 : 0)
}
