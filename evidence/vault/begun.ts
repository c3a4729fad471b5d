/** Erasures that were begun: noted before anything is destroyed, and forgotten when the ledger says that they were. */
import { readdirSync, readFileSync } from 'node:fs'
import { unavailable } from '../../ledger/failure.ts'
import { vaultLayout } from './layout.ts'

/** Its key is gone or will be, and its entry may be still to come. */
export interface Begun {
  readonly at: number
  readonly authority: string
  readonly by: string
  readonly key: string
  readonly reason: string
  readonly subject: string
}

const form = /^[0-9a-f]{32}-[0-9a-f]{16}\.json$/

/** Its file name. */
export function begunName({ key, subject }: Pick<Begun, 'key' | 'subject'>): string {
  return `${subject}-${key}.json`
}

/** What was begun and is not over, oldest first; half-made files are none. errors  Failure where one cannot be read. */
export function begunErasures(vault: string): readonly Begun[] {
  const { erasures } = vaultLayout(vault)
  const names = namesIn(erasures).filter((name) => form.test(name))
  const found = names.map((name) => parseBegun(`${erasures}/${name}`))
  return found.sort((left, right) => left.at - right.at)
}

function parseBegun(path: string): Begun {
  const read = parsed(readFileSync(path, 'utf8'))
  const { at, authority, by, key, reason, subject } = read
  const texts = [authority, by, key, reason, subject]
  if (typeof at !== 'number' || !texts.every((text) => typeof text === 'string')) {
    throw unavailable(
      `${path} is damaged: it says which erasure was begun; put it back from a copy`,
    )
  }
  return read as unknown as Begun
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
