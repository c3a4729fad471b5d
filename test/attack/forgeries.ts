/** Attacks by somebody who makes all hashes again, with stolen keys or with their own. */
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixedKey, type Key, signed, treeHash } from '../vectors/chain.ts'
import { type Attack, changed, middle, type Scene } from './attacks.ts'
import {
  cutBehind,
  entriesIn,
  forge,
  keysIn,
  lastDecision,
  type Read,
  segmentsIn,
} from './forge.ts'
import { origin } from './ground.ts'

/** The decision that the attacker would rather not have taken: the first of a day. */
function chosen({ ledger }: Scene, segment: number): number {
  const first = Number((segmentsIn(ledger).at(segment) ?? '').slice(7, 22))
  const entry = entriesIn(ledger).find(({ kind, seq }) => kind === 'decision' && seq > first)
  return entry?.seq ?? 0
}

function rewriting(scene: Scene, segment: number): (entry: Read) => Read['data'] {
  const seq = chosen(scene, segment)
  return (entry) => (entry.seq === seq ? changed(entry.data) : entry.data)
}

const stranger = fixedKey(origin, 7)

/** A key that lies in a data directory, and that its ledger names. */
function stolen(data: string): Key {
  const entries = entriesIn(join(data, 'ledger'))
  const named = entries.map((entry) => String(entry.data['vkey'] ?? '')).filter(Boolean)
  const key = keysIn(join(data, 'keys', 'checkpoint'), origin).find(
    ({ vkey }) => vkey === named.at(-1),
  )
  if (key === undefined) throw new Error(`the key in force is not in ${data}`)
  return key
}

/** A note as the file `checkpoint` would hold it at a size. */
function fileAt(scene: Scene, size: number, key: Key): void {
  const leaves = entriesIn(scene.ledger).map((entry) => ('hash' in entry ? String(entry.hash) : ''))
  const root = treeHash(leaves.slice(0, size))
  writeFileSync(join(scene.ledger, 'checkpoint'), signed(key, { size, root }))
}

/** The attacks, in the order of the table. */
export const forgeries: readonly Attack[] = [
  {
    name: 'rewrite',
    what: 'A decision is changed, and all hashes from there on are made again. No key.',
    need: 'nothing',
    codes: ['ANCHOR_FORK', 'ANCHOR_LAG', 'CP_GAP', 'CP_ROOT', 'EXPECT_MISMATCH'],
    carryOut: (scene) => forge(scene.ledger, { change: rewriting(scene, middle) }),
  },
  {
    name: 'rewrite-own-keys',
    what: 'The same, and the whole log is signed again with a key of the attacker.',
    need: 'key',
    codes: ['ANCHOR_FORK', 'ANCHOR_LAG', 'EXPECT_MISMATCH', 'KEY_UNTRUSTED'],
    carryOut: (scene) => {
      const change = rewriting(scene, middle)
      const keyed = (entry: Read): object => {
        const data = change(entry)
        return 'vkey' in data ? { ...data, vkey: stranger.vkey } : data
      }
      const signer = (): Key => stranger
      forge(scene.ledger, { change: keyed, signer, fileSigner: stranger })
    },
  },
  {
    name: 'rewrite-unsigned',
    what: 'The same, and every signature is left away, as if there had never been one.',
    need: 'key',
    codes: ['ANCHOR_FORK', 'ANCHOR_LAG', 'EXPECT_MISMATCH', 'KEY_UNTRUSTED'],
    carryOut: (scene) => {
      const change = rewriting(scene, middle)
      const hidden = ({ kind }: Read): boolean => kind === 'checkpoint' || kind === 'key.rotate'
      forge(scene.ledger, {
        change: (entry) => {
          if (hidden(entry)) return { at: entry.data['at'], message: 'nothing' }
          const { vkey, ...data } = change(entry)
          return entry.kind === 'log.genesis' ? { ...data, vkey: '' } : data
        },
        kind: (entry) => (hidden(entry) ? 'system' : entry.kind),
      })
      rmSync(join(scene.ledger, 'checkpoint'))
    },
  },
  {
    name: 'key',
    what: 'A decision of today is changed, and all behind it is signed with the key on the disk.',
    need: 'head',
    codes: ['ANCHOR_FORK', 'EXPECT_MISMATCH'],
    carryOut: (scene) => {
      const key = stolen(scene.data)
      const from = chosen(scene, -1)
      forge(scene.ledger, {
        change: rewriting(scene, -1),
        signer: ({ seq }) => (seq > from ? key : null),
        fileSigner: key,
      })
    },
  },
  {
    name: 'key-past',
    what: 'A decision of yesterday is changed, and all behind it is signed with the key on the disk.',
    need: 'nothing',
    codes: ['ANCHOR_FORK', 'ANCHOR_LAG', 'CP_SIG', 'EXPECT_MISMATCH'],
    carryOut: (scene) => {
      const key = stolen(scene.data)
      const from = chosen(scene, middle)
      forge(scene.ledger, {
        change: rewriting(scene, middle),
        signer: ({ seq }) => (seq > from ? key : null),
        fileSigner: key,
      })
    },
  },
  {
    name: 'key-range',
    what: 'A key that was stolen on the first day, and is destroyed since, signs today.',
    need: 'nothing',
    codes: ['ANCHOR_FORK', 'CP_GAP', 'EXPECT_MISMATCH', 'KEY_RANGE'],
    carryOut: (scene) => {
      const key = stolen(scene.ground.older[0] ?? '')
      const from = chosen(scene, -1)
      forge(scene.ledger, {
        change: rewriting(scene, -1),
        signer: ({ seq }) => (seq > from ? key : null),
        fileSigner: key,
      })
    },
  },
  {
    name: 'rollback',
    what: 'The whole data directory is put back to what it was yesterday.',
    need: 'head',
    codes: ['ANCHOR_AHEAD', 'EXPECT_MISMATCH'],
    carryOut: ({ data, ground }) => {
      rmSync(data, { recursive: true })
      cpSync(ground.older[1] ?? '', data, { recursive: true })
    },
  },
  {
    name: 'fork',
    what: 'The data directory of yesterday went on elsewhere: another today, rightly signed.',
    need: 'head',
    codes: ['ANCHOR_FORK', 'EXPECT_MISMATCH'],
    carryOut: ({ data, ground }) => {
      rmSync(data, { recursive: true })
      cpSync(ground.forked, data, { recursive: true })
    },
  },
  {
    name: 'tail-signed',
    what: 'The last entries are cut off, and the file `checkpoint` is signed again with the key on the disk.',
    need: 'head',
    codes: ['ANCHOR_AHEAD', 'EXPECT_MISMATCH'],
    carryOut: (scene) => {
      const size = lastDecision(scene.ledger) + 1
      const key = stolen(scene.data)
      cutBehind(scene.ledger, size - 1)
      fileAt(scene, size, key)
    },
  },
  {
    name: 'foreign-file',
    what: 'The file `checkpoint` is that of another log of the same name.',
    need: 'nothing',
    codes: ['CP_GAP', 'CP_ROOT', 'CP_SIG'],
    carryOut: ({ ground, ledger }) =>
      cpSync(join(ground.foreign, 'ledger', 'checkpoint'), join(ledger, 'checkpoint')),
  },
  {
    name: 'foreign-entry',
    what: 'A checkpoint entry holds the note of another log, and all hashes behind it are made again.',
    need: 'nothing',
    codes: ['ANCHOR_FORK', 'CP_GAP', 'CP_ROOT', 'CP_SIG', 'EXPECT_MISMATCH'],
    carryOut: ({ ground, ledger }) => {
      const isNote = ({ kind }: Read): boolean => kind === 'checkpoint'
      const note = entriesIn(join(ground.foreign, 'ledger')).find(isNote)?.data['note']
      const last = entriesIn(ledger).filter(isNote).at(-1)?.seq
      forge(ledger, {
        change: (entry) => (entry.seq === last ? { ...entry.data, note } : entry.data),
      })
    },
  },
  {
    name: 'checkpoints-left-away',
    what: 'The checkpoint of today is left away, and all behind it is signed with the key on the disk.',
    need: 'head',
    codes: ['ANCHOR_AHEAD', 'EXPECT_MISMATCH'],
    carryOut: (scene) => {
      const key = stolen(scene.data)
      const last = entriesIn(scene.ledger)
        .filter(({ kind }) => kind === 'checkpoint')
        .at(-1)?.seq
      forge(scene.ledger, {
        change: (entry) => (entry.seq === last ? null : entry.data),
        fileSigner: key,
      })
    },
  },
]
