/** Why a request or its answer may not go on, found by what reads it on its way. */
import type { ReasonCode } from '../../kernel/reasons.ts'

export interface Objection {
  readonly code: ReasonCode
  readonly message: string
}

/** What of a piece may go on, and what ends the body behind it. */
export interface Taken {
  readonly bytes: Buffer
  readonly objection: Objection | null
}
