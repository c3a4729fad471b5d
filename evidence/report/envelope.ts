/** The signature of a report: an in-toto statement about the file and the tree, in a DSSE envelope, by Ed25519. */
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { canonical } from '../../kernel/canonical.ts'
import { parseVkey, rawKeyOf, type VerifyingKey, vkeyOf } from '../../ledger/note.ts'
import type { Report } from '../../ledger/verify-report.ts'

/** source  github.com/in-toto/attestation, spec/v1/envelope.md and statement.md. */
const payloadType = 'application/vnd.in-toto+json'
const statementType = 'https://in-toto.io/Statement/v1'

/** What a statement of ours is about; nobody resolves it. */
export const predicateType = 'urn:haltgate:report:v1'

/** An envelope is at most so long: ours has some 2 KiB. */
export const envelopeBytesMax = 65_536

/** The key that signs reports, and its name. */
export interface ReportKey {
  readonly privateKey: KeyObject
  /** `name+id+base64`, as auditors pin it. */
  readonly vkey: string
}

/** What was made of what. */
export interface Statement {
  readonly file: { readonly name: string; readonly bytes: Uint8Array }
  readonly kind: 'compliance' | 'debrief'
  readonly frameworks: readonly string[]
  readonly from: string
  readonly until: string
  readonly at: string
  readonly by: string
  readonly verification: Report
}

/** A key by the name that a ledger's origin gives it. */
export function reportKey(origin: string, privateKey: KeyObject): ReportKey {
  return { privateKey, vkey: vkeyOf(`${nameOf(origin)}/report`, rawKeyOf(privateKey)) }
}

/** A name of a key has no blank and no plus (c2sp.org/signed-note). */
function nameOf(origin: string): string {
  return origin.replace(/[\s+]/gu, '-') || 'unknown'
}

/** The text of the envelope, which ends with LF. */
export function envelopeOf(statement: Statement, { privateKey, vkey }: ReportKey): string {
  const payload = Buffer.from(canonical(statementOf(statement, vkey)))
  const signature = sign(null, preAuthentication(payload), privateKey)
  const keyid = vkey.split('+')[1] ?? ''
  const signatures = [{ keyid, sig: signature.toString('base64') }]
  return `${canonical({ payload: payload.toString('base64'), payloadType, signatures })}\n`
}

function statementOf(statement: Statement, vkey: string): object {
  const { at, by, file, frameworks, from, kind, until, verification } = statement
  const { exit, head, level, log, message, range, replay, stats, tree } = verification
  const subject = [{ digest: { sha256: digestOf(file.bytes) }, name: file.name }]
  if (tree !== null) {
    subject.push({ digest: { sha256: tree.root }, name: log?.origin ?? 'ledger' })
  }
  return {
    _type: statementType,
    predicate: {
      ...{ frameworks, kind },
      generated: { at, by },
      key: vkey,
      ledger: {
        ...{ head, log_id: log?.log_id ?? null, origin: log?.origin ?? null },
        tree_size: tree?.size ?? null,
      },
      period: { from, until },
      verification: {
        ...{ entries: range.entries, exit, findings: stats.findings, level, message },
        replay: replay === null ? null : { ...replay },
      },
    },
    predicateType,
    subject,
  }
}

/** PAE of DSSE v1: what is signed, so that the type is signed too. source  github.com/secure-systems-lab/dsse. */
export function preAuthentication(payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}

/** SHA-256, hex. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What an envelope says, after its form was read; nothing of it is verified yet. */
export interface Envelope {
  readonly payload: Buffer
  readonly signatures: readonly { readonly keyid: string; readonly bytes: Buffer }[]
  /** SHA-256 of the subjects, in their order. */
  readonly subjects: readonly { readonly name: string; readonly sha256: string }[]
  /** The key that it names itself; null where it names none. */
  readonly key: VerifyingKey | null
  readonly origin: string | null
  readonly treeSize: number | null
  readonly kind: string
  readonly at: string
  readonly period: { readonly from: string; readonly until: string }
  /** Exit of the verification that its maker ran. */
  readonly exit: number | null
}

/** Reads an envelope; a sentence where it is none of ours. */
export function parseEnvelope(text: string): Envelope | string {
  const outer = objectOf(parsed(text))
  if (outer === null) return 'it is no JSON object'
  if (outer['payloadType'] !== payloadType) return `its payloadType is not ${payloadType}`
  const payload = base64Of(outer['payload'])
  if (payload === null) return 'its payload is not base64'
  const signatures = listOf(outer['signatures']).map((each) => {
    const read = objectOf(each)
    return { keyid: wordOf(read?.['keyid']), bytes: base64Of(read?.['sig']) ?? Buffer.alloc(0) }
  })
  if (signatures.length === 0) return 'it has no signature'
  const statement = objectOf(parsed(payload.toString('utf8')))
  if (statement?.['_type'] !== statementType) return 'its payload is no in-toto statement v1'
  if (statement['predicateType'] !== predicateType) return `its predicate is not ${predicateType}`
  const subjects = listOf(statement['subject']).map((each) => {
    const read = objectOf(each)
    return { name: wordOf(read?.['name']), sha256: wordOf(objectOf(read?.['digest'])?.['sha256']) }
  })
  const predicate = objectOf(statement['predicate']) ?? {}
  return { payload, signatures, subjects, ...saidOf(predicate) }
}

type Members = Readonly<Record<string, unknown>>

function saidOf(predicate: Members): Omit<Envelope, 'payload' | 'signatures' | 'subjects'> {
  const ledger = objectOf(predicate['ledger'])
  const period = objectOf(predicate['period'])
  const origin = wordOf(ledger?.['origin'])
  return {
    key: parseVkey(wordOf(predicate['key'])),
    origin: origin === '' ? null : origin,
    treeSize: numberOf(ledger?.['tree_size']),
    kind: wordOf(predicate['kind']),
    at: wordOf(objectOf(predicate['generated'])?.['at']),
    period: { from: wordOf(period?.['from']), until: wordOf(period?.['until']) },
    exit: numberOf(objectOf(predicate['verification'])?.['exit']),
  }
}

/** True where a key signed it, under its own id. */
export function isSignedWith(
  { payload, signatures }: Envelope,
  { id, key }: VerifyingKey,
): boolean {
  const signed = preAuthentication(payload)
  return signatures.some(
    ({ bytes, keyid }) => keyid === id && bytes.length === 64 && verify(null, signed, key, bytes),
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function objectOf(value: unknown): Members | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Members) : null
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
}

function base64Of(value: unknown): Buffer | null {
  if (typeof value !== 'string' || value === '') return null
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? bytes : null
}
