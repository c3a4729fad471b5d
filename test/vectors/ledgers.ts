/** The ledger of the test vectors: two segments, four checkpoints, one change of keys; and what may be wrong with it. */
import { Chain, fileName, fixedKey, frontierOf, type Key, sha256, signed } from './chain.ts'

export const origin = 'gate.example.com/ledger'

/** Anybody can make these again: their secret bytes are 32 times 1, 2 and 3. */
export const keys = {
  first: fixedKey(origin, 1),
  second: fixedKey(origin, 2),
  stranger: fixedKey(origin, 3),
}

const boot = '01JD6Z8K4M0000000000000000'
const start = Date.UTC(2024, 10, 21, 4, 30)

/** What is asked of a note before it is signed; the answer is signed in its place. */
export interface Signing {
  readonly key: Key
  readonly size: number
  readonly root: string
  readonly origin?: string
  readonly extensions: readonly string[]
}

export interface Recipe {
  /** Changes the note of this entry; all that follows is hashed and signed over what it became. */
  readonly notes?: Readonly<Record<number, (signing: Signing) => Signing>>
  /** Changes the data of this entry. */
  readonly contents?: Readonly<Record<number, (data: object) => object>>
  /** Changes the note of the file `checkpoint`; null leaves the file away. */
  readonly file?: ((signing: Signing) => Signing) | null
  /** Another beginning: genesis names no key, and nothing is signed. */
  readonly unsigned?: boolean
  /** Who holds the ledger's keys, in the place of `first` and `second`. */
  readonly holders?: readonly [Key, Key]
  /** Milliseconds that this entry, and all behind it, come later. */
  readonly pauses?: Readonly<Record<number, number>>
}

/** A ledger in memory. */
export interface Made {
  readonly files: Map<string, Buffer>
  readonly chain: Chain
  /** Notes by the size that they are of. */
  readonly notes: Map<number, string>
}

/** Number of entries of the first segment. */
export const firstEntries = 8

/** A note with another character in its signature. */
export function damaged(note: string): string {
  const at = note.length - 8
  return `${note.slice(0, at)}${note[at] === 'A' ? 'B' : 'A'}${note.slice(at + 1)}`
}

const genesisData = (vkey: string): object => ({
  created_by: 'vectors',
  hash: 'sha256-rfc6962-leaf',
  log_id: '0123456789abcdef0123456789abcdef',
  origin,
  spec: 'haltgate-ledger/1',
  vkey,
})

function segmentOpenData(
  { leaves, size }: Chain,
  before: { readonly good: Buffer; readonly snapshot: string; readonly vkey: string },
): object {
  const { good, snapshot, vkey } = before
  return {
    clean: true,
    first_seq: size,
    frontier: frontierOf(leaves),
    previous: { bytes: good.length, name: fileName('ledger', 0), sha256: sha256(good) },
    snapshot: { name: fileName('snapshot', firstEntries), sha256: sha256(snapshot) },
    torn: null,
    tree_size: size,
    ...(vkey === '' ? {} : { vkey }),
  }
}

/** Builds it. Same recipe, same bytes. */
export function build(recipe: Recipe = {}): Made {
  const { contents = {}, notes = {}, pauses = {}, unsigned = false } = recipe
  const [first, second] = recipe.holders ?? [keys.first, keys.second]
  const chain = new Chain()
  const made: Made = { files: new Map(), chain, notes: new Map() }
  let ts = start
  const now = (): string => {
    ts += 7 + (pauses[chain.size] ?? 0)
    return new Date(ts).toISOString()
  }
  const push = (kind: string, data: object, actor = {}): void => {
    const said = contents[chain.size]?.(data) ?? data
    chain.push({ kind, data: said, actor, boot, ts: now() })
  }
  const note = (key: Key, extensions: readonly string[] = []): string => {
    const { root, size } = chain
    const asked = { key, size, root, extensions }
    const said = notes[size]?.(asked) ?? asked
    const text = signed(said.key, said, said.extensions)
    made.notes.set(size, text)
    return text
  }
  const checkpoint = (key: Key, cause: string): void => {
    if (unsigned) push('system', { at: ts, message: 'nothing is signed' })
    else push('checkpoint', { at: ts, cause, note: note(key) })
  }
  const who = { agent: 'researcher', run: 'default' }
  const decide = (request: string): void => {
    push('decision', { at: ts, host: 'docs.example.com', request, verdict: 'allow' }, who)
    push('settlement', { actual: {}, at: ts, outcome: 'settled', request, status: 200 }, who)
  }
  const vkey = unsigned ? '' : first.vkey
  push('log.genesis', genesisData(vkey))
  push('boot.open', { at: ts, created_by: 'vectors' })
  checkpoint(first, 'start')
  decide('request-1')
  decide('request-2')
  checkpoint(first, 'cadence')
  const good = Buffer.concat(chain.lines)
  made.files.set(fileName('ledger', 0), good)
  const snapshot = '{ "first_seq": 8 }\n'
  made.files.set(fileName('snapshot', firstEntries), Buffer.from(snapshot))
  push('segment.open', segmentOpenData(chain, { good, snapshot, vkey }))
  if (unsigned) push('system', { at: ts, message: 'nothing is signed' })
  else {
    const said = note(first, [`haltgate-next-key ${second.vkey}`])
    push('key.rotate', { at: ts, note: said, vkey: second.vkey })
  }
  decide('request-3')
  checkpoint(second, 'cadence')
  push('halt', { at: ts, by: 'operator', cause: 'operator', reason: 'a', scope: 'agent:a' })
  checkpoint(second, 'order')
  push('boot.close', { clean: true })
  made.files.set(fileName('ledger', firstEntries), Buffer.concat(chain.lines.slice(firstEntries)))
  if (!unsigned && recipe.file !== null) {
    const asked = { key: second, size: chain.size, root: chain.root, extensions: [] }
    const said = recipe.file?.(asked) ?? asked
    const text = signed(said.key, said, said.extensions)
    made.files.set('checkpoint', Buffer.from(text))
    made.notes.set(said.size, text)
  }
  return made
}

/** One segment whose two checkpoints stand so many entries apart; nothing else is wrong with it. */
export function spaced(distance: number, vkey = keys.first.vkey): Made['files'] {
  const chain = new Chain()
  const ts = new Date(start).toISOString()
  const push = (kind: string, data: object): void => void chain.push({ kind, data, boot, ts })
  push('log.genesis', genesisData(vkey))
  const checkpoint = (): void =>
    push('checkpoint', { at: start, cause: 'cadence', note: signed(keys.first, chain) })
  if (vkey !== '') checkpoint()
  for (let index = 1; index < distance; index += 1) push('alert', { at: start })
  if (vkey !== '') checkpoint()
  else {
    const next = keys.first.vkey
    const note = signed(keys.first, chain, [`haltgate-next-key ${next}`])
    push('key.rotate', { at: start, note, vkey: next })
  }
  push('boot.close', { clean: true })
  return new Map([
    [fileName('ledger', 0), Buffer.concat(chain.lines)],
    ['checkpoint', Buffer.from(signed(keys.first, chain))],
  ])
}
