/** Checks a report against its envelope: the signature, the file, and the tree of a ledger where one is at hand. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { rawKeyOf, type VerifyingKey } from '../../ledger/note.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { digestOf, type Envelope, isSignedWith, parseEnvelope } from './envelope.ts'

/** 0 all was checked, 1 something is wrong, 3 sound as far as it goes. */
export interface Checked {
  readonly exit: 0 | 1 | 3
  /** What was looked at, in order. */
  readonly lines: readonly { readonly ok: boolean; readonly text: string }[]
}

export interface ToCheck {
  /** The bytes of the report. */
  readonly file: Uint8Array
  /** The text of its envelope. */
  readonly envelope: string
  /** A key that somebody trusts; null where nobody named one. */
  readonly pinned: VerifyingKey | null
  /** The key that this machine signs with; null where there is none. */
  readonly own: KeyObject | null
  /** The ledger; null where none is at hand. */
  readonly ledger: { readonly directory: string; readonly lockFile: string } | null
}

/** errors  those of the disk. */
export async function checkReport(asked: ToCheck): Promise<Checked> {
  const lines: { ok: boolean; text: string }[] = []
  const envelope = parseEnvelope(asked.envelope)
  if (typeof envelope === 'string') {
    return { exit: 1, lines: [{ ok: false, text: `the envelope cannot be read: ${envelope}` }] }
  }
  const trusted = signature(asked, envelope, lines)
  const digest = digestOf(asked.file)
  const [file] = envelope.subjects
  const isFile = file?.sha256 === digest
  lines.push({
    ok: isFile,
    text: isFile
      ? `the file is the one that was signed: sha256 ${digest}`
      : `the file is another: its sha256 is ${digest}, the signed one's ${file?.sha256 ?? 'none'}`,
  })
  const compared = asked.ledger === null ? false : await tree(asked.ledger, envelope, lines)
  if (lines.some(({ ok }) => !ok)) return { exit: 1, lines }
  if (envelope.exit !== 0) {
    const text = `its maker's own verification of the ledger ended with ${envelope.exit ?? 'nothing'}`
    lines.push({ ok: true, text })
  }
  const isWhole = trusted && envelope.exit === 0 && (asked.ledger === null || compared)
  return { exit: isWhole ? 0 : 3, lines }
}

/** True where the key is one that somebody named, or this machine's own. */
function signature(
  { own, pinned }: ToCheck,
  envelope: Envelope,
  lines: { ok: boolean; text: string }[],
): boolean {
  const key = pinned ?? envelope.key
  if (key === null) {
    lines.push({ ok: false, text: 'the envelope names no key, and none was given' })
    return false
  }
  const ok = isSignedWith(envelope, key)
  const isOwn = own !== null && rawKeyOf(createPublicKey(own)).equals(rawKeyOf(key.key))
  const trusted = pinned !== null || isOwn
  const whose =
    pinned !== null
      ? 'the key that was given'
      : isOwn
        ? 'the key of this data directory'
        : 'a key that only the envelope names; give the one that you trust with --key'
  const name = `${key.name}+${key.id}`
  lines.push({ ok, text: ok ? `signed by ${name}, ${whose}` : `not signed by ${name}, ${whose}` })
  return ok && trusted
}

/** True where the ledger has this root at this size. */
async function tree(
  ledger: { readonly directory: string; readonly lockFile: string },
  envelope: Envelope,
  lines: { ok: boolean; text: string }[],
): Promise<boolean> {
  const [, subject] = envelope.subjects
  const { origin, treeSize } = envelope
  if (subject === undefined || treeSize === null || treeSize < 1) {
    lines.push({ ok: true, text: 'the report names no tree: its ledger was not proven whole' })
    return false
  }
  const report = await verifyLedger({ ...ledger, to: treeSize - 1 })
  const found = report.tree
  const ok =
    found !== null &&
    found.size === treeSize &&
    found.root === subject.sha256 &&
    report.log?.origin === origin
  const said = `${subject.sha256} at size ${treeSize}`
  const other =
    found === null
      ? `nothing that is proven (${report.message})`
      : `${found.root} at size ${found.size}`
  lines.push({
    ok,
    text: ok
      ? `the ledger has the root ${said}`
      : `the ledger has not the root ${said}, but ${other}`,
  })
  return ok
}
