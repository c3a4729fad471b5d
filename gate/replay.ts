/** Re-executes the kernel over a chain and says which entry, if any, does not follow: the proof behind --replay. */

import { ContractError } from '../kernel/contract.ts'
import { checkState } from '../kernel/contracts.ts'
import { emptyState, type State } from '../kernel/state.ts'
import type { Entry } from '../ledger/entry.ts'
import { fold, type TermsOf } from './fold.ts'

export interface Replay {
  /** Folds the next entry; a sentence where it does not follow, null where it does. */
  entry(entry: Entry): string | null
  /** The full-state check at the end; null where every invariant holds. */
  end(): string | null
  readonly state: State
}

export function openReplay(termsOf: TermsOf): Replay {
  let state: State = emptyState
  return {
    entry: (entry) => {
      try {
        const folded = fold(state, entry, termsOf)
        state = folded.state
        return folded.mismatch
      } catch (error) {
        if (error instanceof ContractError) return `a contract does not hold: ${error.message}`
        throw error
      }
    },
    end: () => {
      const terms = state.policy === '' ? null : termsOf(state.policy)
      if (terms === null) return null
      try {
        checkState(state, terms)
        return null
      } catch (error) {
        if (error instanceof ContractError) return `a contract does not hold: ${error.message}`
        throw error
      }
    },
    get state() {
      return state
    },
  }
}
