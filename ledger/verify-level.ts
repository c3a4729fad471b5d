/** Which level a verification reached, and the sentence that says so, or what was lacking. */
import type { AnchorReading } from './anchor.ts'
import type { Chain } from './verify-chain.ts'
import type { Checkpoints } from './verify-checkpoints.ts'
import { type Exit, type Findings, type Level, levels, sentenceOf, worse } from './verify-report.ts'

/** All that was judged. */
export interface Judged {
  readonly chain: Chain
  readonly checkpoints: Checkpoints
  readonly findings: Findings
  readonly anchors: AnchorReading | null
  readonly required: Level
  /** Entries that no checkpoint covers, and may not be covered yet. */
  readonly uncovered: number
  readonly live: boolean
}

export interface Outcome {
  readonly exit: Exit
  readonly level: 'none' | Level
  readonly message: string
}

/** failure  an error of the disk, which is worse than what is missing. */
export function outcomeOf(judged: Judged, failure: string | null): Outcome {
  const { findings, required } = judged
  const found = worse(findings.exit, failure === null ? 0 : 5)
  const [level, lacking] = reached(judged, found)
  const short = rank(level) < rank(required)
  const exit = worse(found, short ? 3 : 0)
  const fits = exit === 3 && short && lacking !== ''
  const message = failure ?? (fits ? `${sentences[level]} ${lacking}` : messageOf(judged, exit))
  return { exit, level, message }
}

const rank = (level: 'none' | Level): number => (level === 'none' ? -1 : levels.indexOf(level))

const sentences = {
  none: sentenceOf(3),
  chain: 'The chain is sound.',
  signed: 'The chain is sound and signed.',
  anchored: sentenceOf(0),
}

/** The level, and what the next one lacks. */
function reached(judged: Judged, exit: Exit): readonly ['none' | Level, string] {
  const { anchors, chain, findings } = judged
  if ((exit !== 0 && exit !== 3) || findings.barred === 'chain') return ['none', '']
  const unsigned = lackOfSignatures(judged)
  if (unsigned !== '') return ['chain', unsigned]
  if (findings.barred === 'signed') return ['chain', 'The findings say what the signatures lack.']
  if (anchors === null) {
    return ['signed', 'The level anchored needs the anchors: name them with --anchor.']
  }
  if (anchors.slots.length === 0) return ['signed', `There is no anchor in ${anchors.store}.`]
  const open = findings.barred === 'anchored' || chain.broken
  if (open) return ['signed', 'The findings say what the anchors lack.']
  return ['anchored', '']
}

function lackOfSignatures({ checkpoints, live, uncovered }: Judged): string {
  if (!checkpoints.signs) return 'The level signed needs checkpoints, and this ledger has none.'
  if (checkpoints.unseen) {
    return 'The level signed needs the first entry, with the key that all others follow from.'
  }
  if (!checkpoints.rooted) return 'The first key signed itself in: name it with --key.'
  if (checkpoints.verified === 0) return 'No checkpoint was verified.'
  if (checkpoints.late > 0) {
    return 'An entry waited for its checkpoint longer than it may: --require signed says which.'
  }
  return uncovered > 0 && !live ? `The last ${uncovered} entries are covered by no checkpoint.` : ''
}

/** Of a verification that lacks no level; a key that nobody vouches for is named. */
function messageOf({ checkpoints, required }: Judged, exit: Exit): string {
  const sentence = sentenceOf(exit)
  if (exit !== 0 || required === 'chain') return sentence
  if (checkpoints.pinned) return `${sentence} It is ${required} under the key that was given.`
  return `${sentence} It is ${required}; the key was taken from the ledger itself: with --key it would be proven.`
}
