/** Snapshots of the state, one to a segment: files beside the chain, and bound to it by their SHA-256. */
import { hash } from 'node:crypto'
import { makeFile } from './durable.ts'
import type { Files } from './files.ts'
import { contentOf } from './read-lines.ts'
import { snapshotName } from './segment.ts'

export interface Snapshot {
  readonly name: string
  readonly sha256: string
  readonly bytes: Buffer
}

/** What a `segment.open` will name; nothing is written yet. */
export function snapshotOf(firstSeq: number, text: string): Snapshot {
  const bytes = Buffer.from(text, 'utf8')
  return { name: snapshotName(firstSeq), sha256: hash('sha256', bytes, 'hex'), bytes }
}

/**
 * Durable before the segment that names it. A file of that name that is there already was left by a crash
 * between the two: no segment names it, so it is replaced.
 */
export async function writeSnapshot(
  files: Files,
  directory: string,
  snapshot: Snapshot,
): Promise<void> {
  files.close(await makeFile(files, { directory, name: snapshot.name }, snapshot.bytes))
}

/** The text of a snapshot; null where the file is missing or is not the one that the chain names. */
export function readSnapshot(
  files: Files,
  directory: string,
  named: { readonly name: string; readonly sha256: string },
): string | null {
  const path = `${directory}/${named.name}`
  if (files.factsAt(path) === null) return null
  const bytes = contentOf(files, path)
  return hash('sha256', bytes, 'hex') === named.sha256 ? bytes.toString('utf8') : null
}
