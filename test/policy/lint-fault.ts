/** What a faulty policy is to a test: what is planted, and the code, line, ids and example by which it must be found. */
import type { LintCode } from '../../policy/lint-finding.ts'

export interface Faulty {
  readonly title: string
  readonly text: string
  readonly code: LintCode
  readonly line: number
  readonly ids: readonly string[]
  /** AGENT METHOD URL */
  readonly example?: string
  /** What follows from the same fault. */
  readonly also?: readonly LintCode[]
}

/** Line 1 to 5; the rules begin at line 6. */
export const head = `version: 1
defaults: { tls: tunnel }
agents:
  local: { }
rules:
`
export const open = '  - { id: open, hosts: [a.test], effect: allow }\n'

export const team = `version: 1
defaults: { tls: tunnel }
agents: { ann: { tenant: acme, project: web }, bob: { tenant: beta } }
rules:
  - { id: open, hosts: [a.test], effect: allow }
`

export const inspect = head.replace('tunnel', 'inspect')

export const withBudget = (budgets: string, begin = `${head}${open}`): string =>
  `${begin}budgets:\n${budgets}\n`
