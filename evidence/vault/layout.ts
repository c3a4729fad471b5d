/** Where a vault keeps what: names of its files, and how a subject is called in them. */
import { createHmac } from 'node:crypto'

export interface VaultLayout {
  /** Segments of sealed openings. */
  readonly directory: string
  /** One key file for each subject. */
  readonly subjects: string
  /** Erasures that were begun and are in no entry yet. */
  readonly erasures: string
  /** File name of what tells the key that subjects are named under from another one. */
  readonly check: string
}

/** directory  `<data>/vault`. */
export function vaultLayout(directory: string): VaultLayout {
  return {
    directory,
    subjects: `${directory}/subjects`,
    erasures: `${directory}/erasures`,
    check: 'name-key.check',
  }
}

const segmentForm = /^vault-(\d{10})\.jsonl$/

export function segmentName(index: number): string {
  return `vault-${String(index).padStart(10, '0')}.jsonl`
}

/** The number of a segment; null where a name is none. */
export function segmentIndex(name: string): number | null {
  const [, digits] = segmentForm.exec(name) ?? []
  return digits === undefined ? null : Number(digits)
}

/** Bytes of the key under which subjects are named. */
export const nameKeyBytes = 32

/** The id of a subject: 32 hex digits, the same for the same name, and without the key nobody's. */
export function subjectId(nameKey: Uint8Array, subject: string): string {
  const hash = createHmac('sha256', nameKey).update(`haltgate-vault/1/subject\0${subject}`)
  return hash.digest('hex').slice(0, 32)
}

/** What the vault keeps of that key: enough to know it again, and nothing to name anybody by. */
export function nameKeyCheck(nameKey: Uint8Array): string {
  return `${createHmac('sha256', nameKey).update('haltgate-vault/1/check').digest('hex')}\n`
}

/** Whose openings a request's are: those of the person on whose behalf it is, or else of its agent. */
export function subjectOf(principal: {
  readonly actor: string | null
  readonly agent: string
}): string {
  return principal.actor === null ? `agent:${principal.agent}` : `actor:${principal.actor}`
}
