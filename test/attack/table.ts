/** The attacks in the order of the table, and the table as docs/attacks.md has it. */
import type { Attack, Need } from './attacks.ts'
import { anchorsOf, carriedOut, deleteSlot, type Outcome, overwriteSlot } from './carry-out.ts'
import { fileAttacks } from './file-attacks.ts'
import { forgeries } from './forgeries.ts'
import type { Ground } from './ground.ts'

/** What is done to the store, and not to the data directory; these come last, since nothing there is ever undone. */
const storeAttacks: readonly Attack[] = [
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

const words: Readonly<Record<Need | 'never', string>> = {
  nothing: 'nothing',
  key: 'the first key',
  head: 'a head, or anchors',
  anchor: 'the bucket itself',
  'index check': 'a look at the index',
  never: 'not found',
}

const heads = [
  'what was done',
  'verify',
  '--key',
  '--expect-head',
  '--anchor',
  'verify.py',
  'least that finds it',
  'findings',
]

/** Rows of Markdown. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ attack, codes, exits, need, python }) => [
    attack.what,
    ...exits.map(String),
    String(python),
    words[need],
    codes.map((code) => `\`${code}\``).join(' '),
  ])
  const lines = [heads, heads.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
