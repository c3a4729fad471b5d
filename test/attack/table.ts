/** The attacks in the order of the table, and the table as docs/attacks.md has it. */
import type { Attack, Need } from './attacks.ts'
import { anchorsOf, carriedOut, deleteSlot, type Outcome, overwriteSlot } from './carry-out.ts'
import { fileAttacks } from './file-attacks.ts'
import { forgeries } from './forgeries.ts'
import type { Ground } from './ground.ts'
import { lookWords } from './typed.ts'

/** What is done to the store, and not to the data directory; these come last, since nothing there is ever undone. */
const storeAttacks: readonly Attack[] = [
  {
    name: 'newest-anchor',
    what: 'The newest slot in the bucket is deleted.',
    need: 'anchor',
    codes: ['ANCHOR_VERSION'],
    // A folder that somebody copied the notes to ends one earlier, and nothing in it says that there was one more.
    python: 0,
    carryOut: async ({ ground }) => {
      const { slots } = await anchorsOf(ground)
      await deleteSlot(ground, slots.at(-1)?.slot ?? 0)
    },
  },
  {
    name: 'anchor-deleted',
    what: 'A slot in the bucket is deleted.',
    need: 'anchor',
    codes: ['ANCHOR_VERSION'],
    carryOut: async ({ ground }) => await deleteSlot(ground, 1),
  },
  {
    name: 'anchor-overwritten',
    what: 'A slot in the bucket is written over with the note of another.',
    need: 'anchor',
    codes: ['ANCHOR_VERSION'],
    carryOut: async ({ ground }) => {
      const { slots } = await anchorsOf(ground)
      await overwriteSlot(ground, 2, slots[0]?.note ?? '')
    },
  },
]

export const attacks: readonly Attack[] = [...fileAttacks, ...forgeries, ...storeAttacks]

/** All of them, one after the other. */
export async function outcomesOf(ground: Ground): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const attack of attacks) outcomes.push(await carriedOut(ground, attack))
  return outcomes
}

const words: Readonly<Record<Exclude<Need, 'look'> | 'never', string>> = {
  nothing: 'nothing',
  key: 'the first key',
  head: 'a head, or anchors',
  anchor: 'the bucket itself',
  never: 'not found',
}

const heads = [
  'what was done',
  'verify',
  '--key',
  '--expect-head',
  '--anchor',
  'as typed',
  'verify.py',
  'least that finds it',
  'findings',
]

/** Rows of Markdown. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ attack, codes, exits, looked, need, python, typed }) => [
    attack.what,
    ...[...exits, typed, python].map(String),
    need === 'look'
      ? `\`${lookWords[attack.look ?? 'index'].join(' ')}\` (exit ${looked})`
      : words[need],
    codes.map((code) => `\`${code}\``).join(' '),
  ])
  const lines = [heads, heads.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
