/**
 * An entry has a size: where more was said about a request than a line of the ledger holds, it is refused for that,
 * before anything is decided that could not be recorded. A line that is too long would seal the gate (I7).
 */
import type { AdmitEvent } from '../kernel/event.ts'
import type { Reason } from '../kernel/reasons.ts'
import { type DecisionRecord, decisionDraft } from './record.ts'
import type { Work } from './work.ts'

/** Bytes of the data of a decision: half a line, for an entry may say more beside. */
const dataBytesMax = 32_768

/** Rules, budgets, drafts and refusals that fit by their number, where nothing else was said. */
const fewMax = 64

/** Bytes of a character of UTF-16 in UTF-8 at most. */
const characterBytesMax = 3

/** True where no entry can hold the decision; what it is made of is asked for only where that is in doubt. */
export function isOverlong(event: AdmitEvent, recordOf: () => DecisionRecord): boolean {
  if (isShort(event)) return false
  const text = JSON.stringify(decisionDraft(recordOf()).data)
  if (text.length * characterBytesMax <= dataBytesMax) return false
  return bytesOf(text) > dataBytesMax
}

/** True where it needs no counting: nobody but rules, budgets and the gate spoke, and few of them. */
function isShort({
  approval,
  budgets,
  demands,
  drafts,
  marks,
  refusals,
  rules,
}: AdmitEvent): boolean {
  if (approval !== undefined || demands !== undefined || marks !== undefined) return false
  return budgets.length + drafts.length + refusals.length + rules.length <= fewMax
}

function bytesOf(text: string): number {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}

const tooMuch: Reason = {
  code: 'validator-refused',
  id: '',
  message: 'More is said about this request than an entry holds: narrow the policy, or send less.',
}

/** The work with that one refusal, in the place of everything that domains, people and conditions have to say. */
export function unsaid(work: Work): Work {
  const { amounts, classification } = work
  return {
    ...work,
    amounts: { ...amounts, refusals: [] },
    classification: { ...classification, context: {}, drafts: [], refusals: [tooMuch] },
    unread: null,
    said: null,
    approval: null,
  }
}
