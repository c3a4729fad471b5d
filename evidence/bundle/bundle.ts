/** Makes an evidence bundle: one tar that an auditor checks offline. The same ledger gives the same bytes. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../../kernel/reasons.ts'
import type { AnchorReading } from '../../ledger/anchor.ts'
import { isHeld } from '../../ledger/verify-live.ts'
import type { Sink } from '../export/sink.ts'
import { Choice, type Chosen, type Scope } from './choose.ts'
import { manifestOf } from './manifest.ts'
import { packNotes, programText } from './notes.ts'
import { proofsOf } from './proofs.ts'
import { type Described, readmeOf } from './readme.ts'
import { type Survey, type SurveyedSegment, survey } from './survey.ts'
import { Tar } from './tar.ts'

export interface BundlePlaces {
  /** Of the ledger. */
  readonly directory: string
  /** Tells whether a gate writes it now. */
  readonly lockFile: string
  /** Where policies are kept, by digest. */
  readonly policies: string
}

export interface BundleOrder extends BundlePlaces {
  readonly scope: Scope
  /** Of haltgate. */
  readonly version: string
  /** Null where none were read. */
  readonly anchors: AnchorReading | null
}

export interface Bundled {
  readonly entries: number
  readonly proofs: number
  readonly files: number
  readonly segments: number
  /** Size that the checkpoint covers; 0 where nothing is signed. */
  readonly covered: number
  /** SHA-256 of manifest.json: to be told by another way than the bundle goes. */
  readonly manifest: string
  readonly missingPolicies: readonly string[]
}

/** errors  Failure where the ledger is not sound, or nothing of it was asked for; those of the file system. */
export async function writeBundle(order: BundleOrder, sink: Sink): Promise<Bundled> {
  const choice = new Choice(order.scope)
  const found = survey(order.directory, ({ entry }) => choice.take(entry))
  const chosen = choice.found(found.held?.note.size ?? 0)
  if (chosen.range === null) {
    const message =
      'no entry of the ledger is what was asked for; haltgate audit show lists what is there'
    throw new Failure('ledger-unavailable', message)
  }
  const packed = segmentsOf(found, chosen)
  const policies = chosen.policies.map((digest) => digest.slice('sha256:'.length))
  const missingPolicies = policies.filter((digest) => !isKept(order.policies, digest))
  const described: Described = {
    survey: found,
    chosen,
    scope: order.scope,
    isWhole: packed.length === found.segments.length,
    segments: packed.length,
    anchors: order.anchors?.slots.length ?? 0,
    missingPolicies,
    version: order.version,
  }
  const tar = new Tar(sink)
  await tar.text('README.md', readmeOf(described))
  await packSegments(tar, order, { found, packed, isWhole: described.isWhole })
  await packNotes(tar, found, order.anchors)
  await packProofs(tar, order.directory, { held: found.held, chosen })
  for (const digest of policies) {
    if (missingPolicies.includes(digest)) continue
    const path = join(order.policies, `${digest}.json`)
    await tar.file(`policy/${digest}.json`, path, statSync(path).size)
  }
  await tar.text('check-proof.py', programText('verify-bundle/check-proof.py'))
  await tar.text('verify.py', programText('verify.py'))
  const manifest = manifestOf(described, tar.packed)
  await tar.text('manifest.json', manifest)
  const sums = tar.packed.map(({ name, sha256 }) => `${sha256}  ${name}\n`)
  await tar.text('SHA256SUMS', sums.join(''))
  await tar.close()
  return {
    entries: chosen.entries,
    proofs: chosen.proofs.length,
    files: tar.packed.length,
    segments: packed.length,
    covered: found.held?.note.size ?? 0,
    manifest: createHash('sha256').update(manifest).digest('hex'),
    missingPolicies,
  }
}

/** Segments that hold some of the range. */
function segmentsOf({ segments }: Survey, { range }: Chosen): readonly SurveyedSegment[] {
  if (range === null) return []
  return segments.filter(({ firstSeq, lastSeq }) => lastSeq >= range.from && firstSeq <= range.to)
}

/** Whole files; of the newest one of a running gate only what was durable when it was looked at. */
async function packSegments(
  tar: Tar,
  { directory, lockFile }: BundlePlaces,
  given: {
    readonly found: Survey
    readonly packed: readonly SurveyedSegment[]
    readonly isWhole: boolean
  },
): Promise<void> {
  const { found, isWhole, packed } = given
  const isLive = await isHeld(lockFile)
  const newest = found.segments.at(-1)
  for (const segment of packed) {
    const path = join(directory, segment.name)
    const bytes = segment === newest && isLive ? segment.end : statSync(path).size
    await tar.file(`ledger/${segment.name}`, path, bytes)
    const snapshot = join(directory, segment.snapshot)
    if (segment.snapshot === '' || !existsSync(snapshot)) continue
    await tar.file(`ledger/${segment.snapshot}`, snapshot, statSync(snapshot).size)
  }
  // verify.py looks for it beside the segments, and compares it with all of them.
  if (isWhole && found.held !== null) await tar.text('ledger/checkpoint', found.held.text)
}

/** A second pass over the ledger; each proof is verified before it is packed. */
async function packProofs(
  tar: Tar,
  directory: string,
  { chosen, held }: { readonly chosen: Chosen; readonly held: Survey['held'] },
): Promise<void> {
  if (held === null || chosen.proofs.length === 0) return
  for (const { proof, seq } of proofsOf(directory, held, chosen.proofs)) {
    await tar.text(`proofs/${seq}.tlog-proof`, proof)
  }
}

function isKept(policies: string, digest: string): boolean {
  const path = join(policies, `${digest}.json`)
  if (!existsSync(path)) return false
  return createHash('sha256').update(readFileSync(path)).digest('hex') === digest
}
