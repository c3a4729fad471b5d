/** Signed ledgers, right and wrong, and what a verification must answer of each. */
import { checkpointEntriesMax } from '../../ledger/checkpoint.ts'
import type { VerifyOptions } from '../../ledger/verify.ts'
import type { Level } from '../../ledger/verify-report.ts'
import { Author, signer } from './verify-signed.ts'

export const [one, two, three] = [signer('one'), signer('two'), signer('three')] as const

/** Two segments and a rotation: entries, checkpoint, entries, segment.open, key.rotate, entries, checkpoint. */
export function usual(shape: (author: Author) => void = () => {}): Author {
  const author = new Author(one)
  author.checkpoint()
  author.decide(20)
  author.checkpoint()
  author.decide(3)
  author.segment()
  author.rotate(two)
  author.decide(10)
  author.checkpoint()
  shape(author)
  return author
}

export interface Case {
  readonly name: string
  readonly make: () => readonly [Author, string | null]
  readonly options?: Partial<VerifyOptions>
  readonly exit: number
  readonly codes: string
  readonly level: 'none' | Level
  /** Asked for; `signed` where it is left out. */
  readonly require?: Level
}

/** A ledger that goes on wrongly, and is closed rightly. */
const shaped = (shape: (author: Author) => void) => (): readonly [Author, string] => {
  const author = usual(shape)
  return [author, author.close()]
}

const waited = (author: Author): void => {
  author.decide()
  author.now += 15_001
  author.checkpoint()
}

export const sound: readonly Case[] = [
  { name: 'closed in order', make: shaped(() => {}), exit: 0, codes: '', level: 'signed' },
  {
    name: 'under the pinned key',
    make: shaped(() => {}),
    options: { key: one.vkey },
    exit: 0,
    codes: '',
    level: 'signed',
  },
  {
    name: 'whose file is the newest checkpoint entry, and whose end nothing covers',
    make: () => [usual(), null],
    exit: 3,
    codes: 'CP_GAP',
    level: 'chain',
  },
  {
    name: 'with checkpoints at the greatest distance',
    make: shaped((author) => {
      author.decide(checkpointEntriesMax - 1)
      author.checkpoint()
    }),
    exit: 0,
    codes: '',
    level: 'signed',
  },
  {
    name: 'that stood idle for a minute and for a night',
    make: shaped((author) => {
      author.now += 60_000
      author.checkpoint()
      author.append('boot.close', { clean: true })
      author.now += 40_000_000
      author.append('boot.open', { at: author.now })
      author.checkpoint()
    }),
    exit: 0,
    codes: '',
    level: 'signed',
  },
  {
    name: 'that was not signed from the beginning, under the pinned key',
    make: () => {
      const author = new Author(null)
      author.decide(2_000)
      author.segment()
      author.rotate(two)
      author.checkpoint()
      return [author, author.close()]
    },
    options: { key: two.vkey },
    exit: 0,
    codes: '',
    level: 'signed',
  },
  {
    name: 'that was not signed from the beginning, where nobody asks for signatures',
    make: () => {
      const author = new Author(null)
      author.rotate(two)
      return [author, author.close()]
    },
    require: 'chain',
    exit: 0,
    codes: '',
    level: 'chain',
  },
  {
    name: 'that is not signed at all',
    make: () => {
      const author = new Author(null)
      author.append('boot.close', { clean: true })
      return [author, null]
    },
    exit: 3,
    codes: '',
    level: 'chain',
  },
]

export const forged: readonly Case[] = [
  {
    name: 'a checkpoint of a stranger',
    make: shaped((author) => author.checkpoint({ by: three })),
    exit: 1,
    codes: 'CP_SIG',
    level: 'none',
  },
  {
    name: 'a checkpoint of a stranger, at the level chain',
    make: shaped((author) => author.checkpoint({ by: three })),
    require: 'chain',
    exit: 1,
    codes: 'CP_SIG',
    level: 'none',
  },
  {
    name: 'a checkpoint without a note',
    make: shaped((author) => author.append('checkpoint', { at: 1, cause: 'idle' })),
    exit: 1,
    codes: 'CP_SIG',
    level: 'none',
  },
  {
    name: 'a checkpoint of another root',
    make: shaped((author) => author.checkpoint({ root: 'a'.repeat(64) })),
    exit: 1,
    codes: 'CP_ROOT',
    level: 'none',
  },
  {
    name: 'a checkpoint of another size',
    make: shaped((author) => author.checkpoint({ size: author.size - 1 })),
    exit: 1,
    codes: 'CP_ROOT',
    level: 'none',
  },
  {
    name: 'a checkpoint of a key whose time is over',
    make: shaped((author) => author.checkpoint({ by: one })),
    exit: 1,
    codes: 'KEY_RANGE',
    level: 'none',
  },
  {
    name: 'a rotation that the old key did not sign',
    make: shaped((author) => author.rotate(three, { by: three })),
    exit: 1,
    codes: 'CP_SIG',
    level: 'none',
  },
  {
    name: 'a rotation that brings another key than its note names',
    make: shaped((author) => author.rotate(three, {}, one.vkey)),
    exit: 1,
    codes: 'CP_SIG',
    level: 'none',
  },
  {
    name: 'a segment that names another key',
    make: () => {
      const author = usual()
      author.segment(one.vkey)
      return [author, author.close()]
    },
    exit: 1,
    codes: 'SEGMENT_LINK',
    level: 'none',
  },
  {
    name: 'more entries between two checkpoints than there may be',
    make: shaped((author) => {
      author.decide(checkpointEntriesMax)
      author.checkpoint()
    }),
    exit: 1,
    codes: 'CP_GAP',
    level: 'none',
  },
  {
    name: 'more entries behind the last checkpoint than there may be',
    make: () => {
      const author = usual()
      author.decide(checkpointEntriesMax + 1)
      return [author, null]
    },
    exit: 1,
    codes: 'CP_GAP',
    level: 'none',
  },
  {
    name: 'an entry that waited too long for its checkpoint',
    make: shaped(waited),
    exit: 3,
    codes: 'CP_GAP',
    level: 'chain',
  },
]

export const stored: readonly Case[] = [
  {
    name: 'the file of a larger ledger',
    make: () => {
      const longer = usual((author) => author.decide(5))
      return [usual(), longer.close()]
    },
    exit: 4,
    codes: 'CP_GAP,CP_ROOT',
    level: 'none',
  },
  {
    name: 'the file of a ledger that went another way',
    make: () => {
      const other = usual((author) => author.append('incident', { at: 1 }))
      return [usual((author) => author.decide()), other.note()]
    },
    exit: 4,
    codes: 'CP_GAP,CP_ROOT',
    level: 'none',
  },
  {
    name: 'a file that a stranger signed',
    make: () => {
      const author = usual()
      return [author, author.close({ by: three })]
    },
    exit: 1,
    codes: 'CP_GAP,CP_SIG',
    level: 'none',
  },
  {
    name: 'a file that is no note',
    make: () => [usual(), 'nothing'],
    exit: 1,
    codes: 'CP_GAP,CP_SIG',
    level: 'none',
  },
  {
    name: 'a file that a key signed whose time is over',
    make: () => {
      const author = usual()
      return [author, author.close({ by: one })]
    },
    exit: 1,
    codes: 'CP_GAP,KEY_RANGE',
    level: 'none',
  },
  {
    name: 'another pinned key',
    make: shaped(() => {}),
    options: { key: two.vkey },
    exit: 1,
    codes: 'KEY_UNTRUSTED',
    level: 'none',
  },
  {
    name: 'a pinned key, and a ledger that names none',
    make: () => [new Author(null), null],
    options: { key: one.vkey },
    exit: 1,
    codes: 'KEY_UNTRUSTED',
    level: 'none',
  },
  {
    name: 'a first key that signed itself in, and nobody vouches for',
    make: () => {
      const author = new Author(null)
      author.rotate(two)
      return [author, author.close()]
    },
    exit: 3,
    codes: 'KEY_UNTRUSTED',
    level: 'chain',
  },
]
