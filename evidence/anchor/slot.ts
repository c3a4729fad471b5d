/** Claims one slot for a note: a compare-and-swap made of write-once storage, and believed only when it was read back. */
import { createHash } from 'node:crypto'
import { Failure } from '../../kernel/reasons.ts'
import { noteBytesMax } from '../../ledger/note.ts'
import { type Bucket, md5Of, type Stored } from './bucket.ts'

export type Claim =
  /** It is there, alone, byte for byte, and held. */
  | { readonly kind: 'held'; readonly version: string; readonly deleted: boolean }
  /** Other notes are there, the first written first; ours may be beside them. */
  | { readonly kind: 'taken'; readonly others: readonly string[] }

export interface Wanted {
  readonly key: string
  readonly note: string
  /** Milliseconds since the epoch. */
  readonly heldUntil: number
}

/** How much earlier than asked a store may say that it lets go: it may round to seconds. */
const roundingMs = 1_000

/**
 * Puts the note where none is, then looks at what is really there: some stores take the condition and ignore it, and
 * an answer that never came may belong to a put that arrived.
 *
 * errors  Failure for whatever leaves open what is there; claiming again, with the same note, is right then.
 */
export async function claimSlot(bucket: Bucket, wanted: Wanted): Promise<Claim> {
  const { heldUntil, key, note } = wanted
  const body = Buffer.from(note)
  const sha256 = createHash('sha256').update(body).digest('hex')
  await bucket.put({ key, body, md5: md5Of(body), sha256, type: 'text/plain', heldUntil })
  const listed = await bucket.versionsOf(key)
  const versions = listed.filter(({ deleted }) => !deleted).reverse()
  const [first] = versions
  if (first === undefined) throw unbelieved(bucket, key, 'it said that it is there, and it is not')
  const others: string[] = []
  for (const { id } of versions) {
    const found = await versionOf(bucket, key, id)
    if (!found.bytes.equals(body)) {
      // A fork ends a gate: what a line or a disk garbled once must not look like one.
      const again = await versionOf(bucket, key, id)
      if (!again.bytes.equals(found.bytes))
        throw unbelieved(bucket, key, 'it changes as it is read')
      others.push(found.bytes.toString('utf8'))
    } else if (id === first.id && !isHeld(wanted, found)) {
      const why = 'it is there, and not held in mode COMPLIANCE until it should be'
      throw unbelieved(bucket, key, why)
    }
  }
  if (others.length > 0) return { kind: 'taken', others }
  return { kind: 'held', version: first.id, deleted: listed.some(({ deleted }) => deleted) }
}

async function versionOf(bucket: Bucket, key: string, id: string): Promise<Stored> {
  const found = await bucket.read(key, id, noteBytesMax + 1)
  if (found === null) throw unbelieved(bucket, key, 'it lists a version that it does not have')
  return found
}

/** A retry asks for the day that the first try asked for: both want the same note held equally long. */
function isHeld({ heldUntil }: Wanted, found: Stored): boolean {
  return found.compliance && (found.heldUntil ?? 0) >= heldUntil - roundingMs
}

function unbelieved(bucket: Bucket, key: string, why: string): Failure {
  return new Failure('ledger-unavailable', `${bucket.text}: ${key}: ${why}; see docs/anchors.md`)
}
