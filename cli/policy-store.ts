/** Keeps the source of every policy that was ever in force, by its digest, so that replay can decide with it. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Policy, Terms } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import { termsOfSource } from '../policy/terms.ts'

const digestPattern = /^sha256:([0-9a-f]{64})$/

function fileOf(directory: string, digest: string): string {
  const hex = digestPattern.exec(digest)?.[1]
  if (hex === undefined) throw new Failure('policy-unavailable', `'${digest}' is not a digest`)
  return join(directory, `${hex}.json`)
}

/**
 * Writes a policy's source under its digest, once: aside, synced, renamed, directory synced.
 *
 * A crash before the rename leaves a `.part` file that the next start overwrites; after it, the whole source.
 */
export function keepPolicy(directory: string, policy: Policy): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = fileOf(directory, policy.digest)
  if (existsSync(file) && digestOf(readFileSync(file, 'utf8')) === policy.digest) return
  const part = `${file}.part`
  const handle = openSync(part, 'w', 0o600)
  try {
    const bytes = Buffer.from(policy.source, 'utf8')
    for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(part, file)
  const parent = openSync(directory, 'r')
  fsyncSync(parent)
  closeSync(parent)
}

const digestOf = (source: string): string =>
  `sha256:${createHash('sha256').update(source, 'utf8').digest('hex')}`

/** Reads terms by digest, each once; null where the file is gone or is not what its name says. */
export function storedTerms(directory: string): (digest: string) => Terms | null {
  const known = new Map<string, Terms | null>()
  return (digest) => {
    const cached = known.get(digest)
    if (cached !== undefined) return cached
    const terms = readTerms(directory, digest)
    known.set(digest, terms)
    return terms
  }
}

function readTerms(directory: string, digest: string): Terms | null {
  if (!digestPattern.test(digest)) return null
  const file = fileOf(directory, digest)
  if (!existsSync(file)) return null
  const source = readFileSync(file, 'utf8')
  return digestOf(source) === digest ? termsOfSource(source) : null
}
