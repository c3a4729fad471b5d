/** What the vectors say: a ledger with one thing wrong, and the answer that every verifier must give. */
import { fileName, sha256, treeHash } from './chain.ts'
import {
  build,
  damaged,
  firstEntries,
  keys,
  type Made,
  type Recipe,
  type Signing,
} from './ledgers.ts'

export interface LedgerCase {
  readonly name: string
  readonly what: string
  readonly files: ReadonlyMap<string, Buffer>
  /** Of `haltgate audit verify` and of verify.py. */
  readonly exit: number
  /** Finding codes of `haltgate audit verify`, each once, ascending. */
  readonly codes: readonly string[]
  /** The key that is pinned, where one is. */
  readonly key: string
}

interface Row {
  readonly name: string
  readonly what: string
  readonly exit: number
  readonly codes: readonly string[]
  readonly recipe?: Recipe
  /** Changes the files afterwards, as somebody does who cannot hash or sign. */
  readonly damage?: (made: Made) => void
  readonly key?: string
}

const signedBy =
  (key: Signing['key']) =>
  (signing: Signing): Signing => ({ ...signing, key })

const otherRoot = (signing: Signing): Signing => ({ ...signing, root: sha256('another tree') })

const [one, two] = [fileName('ledger', 0), fileName('ledger', firstEntries)]

function replace(made: Made, name: string, change: (bytes: Buffer) => Buffer): void {
  made.files.set(name, change(made.files.get(name) ?? Buffer.alloc(0)))
}

const linesOf = (bytes: Buffer): string[] => bytes.toString('latin1').split(/(?<=\n)/)

const withLines =
  (change: (lines: string[]) => string[]) =>
  (bytes: Buffer): Buffer =>
    Buffer.from(change(linesOf(bytes)).join(''), 'latin1')

/** A signature of which one character is another, in the entry; what follows is hashed over it. */
const broken = (data: object): object =>
  'note' in data && typeof data.note === 'string' ? { ...data, note: damaged(data.note) } : data

const rows: readonly Row[] = [
  { name: 'whole', what: 'nothing is wrong', exit: 0, codes: [] },
  {
    name: 'unsigned',
    what: 'an older ledger: genesis names no key',
    recipe: { unsigned: true },
    exit: 0,
    codes: [],
    key: '',
  },
  {
    name: 'flipped-byte',
    what: 'one byte of seq 4 is another',
    damage: (made) =>
      replace(
        made,
        one,
        withLines((all) => all.with(4, (all[4] ?? '').replace('"settled"', '"settlex"'))),
      ),
    exit: 1,
    codes: ['HASH_MISMATCH', 'SEGMENT_LINK'],
  },
  {
    name: 'deleted-entry',
    what: 'the line of seq 4 is gone',
    damage: (made) =>
      replace(
        made,
        one,
        withLines((all) => all.toSpliced(4, 1)),
      ),
    exit: 1,
    codes: ['CHAIN_BREAK', 'SEGMENT_LINK', 'SEQ_GAP'],
  },
  {
    name: 'swapped-entries',
    what: 'seq 3 and seq 4 stand in each other’s place',
    damage: (made) =>
      replace(
        made,
        one,
        withLines((all) => all.toSpliced(3, 2, all[4] ?? '', all[3] ?? '')),
      ),
    exit: 1,
    codes: ['CHAIN_BREAK', 'CLOCK_REGRESSION', 'SEGMENT_LINK', 'SEQ_DUP', 'SEQ_GAP'],
  },
  {
    name: 'bad-signature',
    what: 'the signature of the checkpoint seq 7 is another; the chain goes on from there',
    recipe: { contents: { 7: broken } },
    exit: 1,
    codes: ['CP_SIG'],
  },
  {
    name: 'bad-root',
    what: 'the checkpoint seq 7 signs another tree',
    recipe: { notes: { 7: otherRoot } },
    exit: 1,
    codes: ['CP_ROOT'],
  },
  {
    name: 'bad-size',
    what: 'the checkpoint seq 7 signs the tree of 6 entries',
    recipe: {
      notes: {
        7: (signing): Signing => ({ ...signing, size: 6, root: rootOf(6) }),
      },
    },
    exit: 1,
    codes: ['CP_ROOT'],
  },
  {
    name: 'old-key',
    what: 'the checkpoint seq 12 is signed by the key that ended at seq 9',
    recipe: { notes: { 12: signedBy(keys.first) } },
    exit: 1,
    codes: ['KEY_RANGE'],
  },
  {
    name: 'early-key',
    what: 'the checkpoint seq 7 is signed by a key that only seq 9 brings',
    recipe: { notes: { 7: signedBy(keys.second) } },
    exit: 1,
    codes: ['CP_SIG'],
  },
  {
    name: 'strange-key',
    what: 'the checkpoint seq 7 is signed by a key that the chain does not know',
    recipe: { notes: { 7: signedBy(keys.stranger) } },
    exit: 1,
    codes: ['CP_SIG'],
  },
  {
    name: 'strange-rotation',
    what: 'key.rotate seq 9 is signed by the key that it brings',
    recipe: { notes: { 9: signedBy(keys.second) } },
    exit: 1,
    codes: ['CP_SIG'],
  },
  {
    name: 'other-next-key',
    what: 'the note of key.rotate seq 9 names another key than the entry',
    recipe: {
      notes: {
        9: (signing): Signing => ({
          ...signing,
          extensions: [`haltgate-next-key ${keys.stranger.vkey}`],
        }),
      },
    },
    exit: 1,
    codes: ['CP_SIG'],
  },
  {
    name: 'late-checkpoint',
    what: 'seq 10 waited for its checkpoint for more than 15 s',
    recipe: { pauses: { 12: 20_000 } },
    exit: 3,
    codes: ['CP_GAP'],
  },
  {
    name: 'no-file',
    what: 'the file checkpoint is missing, so that the last two entries are under no signature',
    recipe: { file: null },
    exit: 3,
    codes: ['CP_GAP'],
  },
  {
    name: 'bad-file',
    what: 'the signature in the file checkpoint is another',
    damage: (made) =>
      replace(made, 'checkpoint', (bytes) => Buffer.from(damaged(bytes.toString()))),
    exit: 1,
    codes: ['CP_GAP', 'CP_SIG'],
  },
  {
    name: 'rollback',
    what: 'the last entry is gone; the file checkpoint is of 16 entries',
    damage: (made) =>
      replace(
        made,
        two,
        withLines((all) => all.slice(0, -1)),
      ),
    exit: 4,
    codes: ['CP_GAP', 'CP_ROOT'],
  },
  {
    name: 'torn-and-signed',
    what: 'the last line is cut off in its middle, though the file checkpoint covers it',
    damage: (made) => replace(made, two, (bytes) => bytes.subarray(0, -40)),
    exit: 4,
    codes: ['CP_GAP', 'CP_ROOT', 'TORN_TAIL'],
  },
  {
    name: 'torn',
    what: 'half a line behind the last one',
    damage: (made) =>
      replace(made, two, (bytes) => Buffer.concat([bytes, Buffer.from('{"actor":{"agent"')])),
    exit: 3,
    codes: ['TORN_TAIL'],
  },
  {
    name: 'fork',
    what: 'the file checkpoint is of another tree of the same size, rightly signed',
    recipe: { file: otherRoot },
    exit: 4,
    codes: ['CP_GAP', 'CP_ROOT'],
  },
  {
    name: 'rewritten',
    what: 'all of it was made again by somebody with keys of their own; the right key is pinned',
    recipe: { holders: [keys.stranger, keys.second] },
    exit: 1,
    codes: ['KEY_UNTRUSTED'],
  },
  {
    name: 'pinned-unsigned',
    what: 'a key is pinned, and the ledger has none',
    recipe: { unsigned: true },
    exit: 1,
    codes: ['KEY_UNTRUSTED'],
  },
  {
    name: 'missing-segment',
    what: 'the first segment is gone',
    damage: (made) => void made.files.delete(one),
    exit: 1,
    codes: ['SEGMENT_MISSING'],
  },
]

function rootOf(size: number): string {
  return treeHash(build().chain.leaves.slice(0, size))
}

/** All of them. */
export function ledgerCases(): readonly LedgerCase[] {
  return rows.map(({ codes, damage, exit, key, name, recipe, what }) => {
    const made = build(recipe)
    damage?.(made)
    return { name, what, files: made.files, exit, codes, key: key ?? keys.first.vkey }
  })
}
