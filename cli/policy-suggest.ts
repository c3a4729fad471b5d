/** `haltgate policy suggest`: draft rules from what a ledger saw, printed and never applied. */
import { Suggester, type SuggestOptions } from '../policy/suggest.ts'
import { exitCodes } from './exit.ts'
import { ledgerIn, observed } from './policy-observed.ts'

export interface SuggestContext extends SuggestOptions {
  readonly directory: string
  readonly print: (text: string) => void
}

/** Prints a policy of draft rules; 1 where the ledger has nothing to suggest any from. */
export async function suggest(context: SuggestContext): Promise<number> {
  const { agent, denied, directory, print } = context
  const suggester = new Suggester({ agent, denied })
  for (const line of observed(ledgerIn(directory), { from: 0, to: Number.MAX_SAFE_INTEGER })) {
    if (line.kind !== 'recorded' || line.recorded.kind !== 'decision') continue
    suggester.take(line.recorded.decision)
  }
  const { rules, text } = suggester.suggestion()
  print(rules === 0 ? '# The ledger holds no such requests: nothing is suggested.' : text.trimEnd())
  return rules === 0 ? exitCodes.no : exitCodes.done
}
