/** Carries the attacks out, one after the other, and asks both verifiers with ever more knowledge from elsewhere. */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { systemClock } from '../../cli/clock.ts'
import { layoutOf } from '../../cli/settings.ts'
import { readAnchors } from '../../evidence/anchor/read.ts'
import { checkIndex } from '../../evidence/index/check.ts'
import { survey } from '../../evidence/vault/survey.ts'
import { type AnchorReading, anchorName } from '../../ledger/anchor.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Report } from '../../ledger/verify-report.ts'
import type { Attack, Look, Need } from './attacks.ts'
import { copyOf, type Ground, origin, storeText } from './ground.ts'
import { typedLook, typedVerify } from './typed.ts'

/** What came of an attack. */
export interface Outcome {
  readonly attack: Attack
  /** Exit of `audit verify`: alone; with --key; with --key and --expect-head; with --key and --anchor; each asks for the level that it can have. */
  readonly exits: readonly [number, number, number, number]
  /** Exit of the command line, as somebody with the key and the bucket types it. */
  readonly typed: number
  /** Exit of the command that looks where `audit verify` does not; null where the attack has none. */
  readonly looked: number | null
  /** Exit of `verify.py --key KEY --anchors COPY`. */
  readonly python: number
  /** All findings of these, each code once, ascending. */
  readonly codes: readonly string[]
  /** The least that found it. */
  readonly need: Need | 'never'
}

export async function anchorsOf(ground: Ground): Promise<AnchorReading> {
  const { environment } = ground
  return await readAnchors({ store: storeText, origin, environment, now: systemClock.now })
}

/** The notes as somebody copied them out of the bucket. */
function copied(ground: Ground, { slots }: AnchorReading): string {
  const directory = join(ground.place, 'anchors')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  for (const { deleted, note, slot } of slots) {
    if (!deleted) writeFileSync(join(directory, anchorName(slot)), note)
  }
  return directory
}

const codesOf = (reports: readonly Report[]): readonly string[] =>
  [...new Set(reports.flatMap(({ findings }) => findings.map(({ code }) => code)))].sort()

/** Does it to a copy, and asks. */
export async function carriedOut(ground: Ground, attack: Attack): Promise<Outcome> {
  const data = copyOf(ground, attack.name)
  const directory = join(data, 'ledger')
  await attack.carryOut({ ground, data, ledger: directory })
  const anchors = await anchorsOf(ground)
  const { head: expectHead, vkey: key } = ground
  const now = systemClock.now()
  const reports = [
    await verifyLedger({ directory }),
    await verifyLedger({ directory, key, require: 'signed' }),
    await verifyLedger({ directory, key, expectHead, require: 'signed' }),
    await verifyLedger({ directory, key, anchors, now, require: 'anchored' }),
  ] as const
  const [plain, keyed, headed, anchored] = reports
  const exits = [plain.exit, keyed.exit, headed.exit, anchored.exit] as const
  const words = ['docs/verify.py', directory, '--key', key, '--anchors', copied(ground, anchors)]
  const [python, typed, looked] = await Promise.all([
    exitOf('python3', words),
    typedVerify(ground, data),
    attack.look === undefined ? null : typedLook(ground, data, attack.look),
  ])
  const seen = attack.look === undefined ? [] : await seenBy(attack.look, data)
  const least = (['nothing', 'key', 'head', 'anchor'] as const).find((_, at) => exits[at] !== 0)
  const need = least ?? (seen.length > 0 && looked !== 0 ? 'look' : 'never')
  rmSync(data, { recursive: true, force: true })
  const codes = [...codesOf(reports), ...seen].sort()
  return { attack, exits, typed, looked, python, codes, need }
}

function exitOf(program: string, words: readonly string[]): Promise<number> {
  const child = spawn(program, words, { stdio: 'ignore' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? -1))
  })
}

/** What the check of the index, or of the vault, finds: each code once. */
async function seenBy(look: Look, data: string): Promise<readonly string[]> {
  const { ledger, vault } = layoutOf(data)
  if (look === 'openings') {
    const { findings } = await survey({ ledger, vault })
    return [...new Set(findings.map(({ state }) => state))]
  }
  const { findings } = await checkIndex({
    directory: ledger,
    databaseFile: join(ledger, 'index.sqlite'),
  })
  return [...new Set(findings.map(({ code }) => code))]
}

/** Somebody with the keys of the bucket deletes a slot: the store keeps it, and marks it as deleted. */
export async function deleteSlot({ environment }: Ground, slot: number): Promise<void> {
  const answer = await clientOf(environment).fetch(urlOf(environment, slot), { method: 'DELETE' })
  if (!answer.ok) throw new Error(`the store answered ${answer.status}`)
}

/** … or writes other bytes over it: the store keeps both. */
export async function overwriteSlot(ground: Ground, slot: number, note: string): Promise<void> {
  const { environment } = ground
  const answer = await clientOf(environment).fetch(urlOf(environment, slot), {
    method: 'PUT',
    body: note,
  })
  if (!answer.ok) throw new Error(`the store answered ${answer.status}`)
}

const urlOf = (environment: Ground['environment'], slot: number): string =>
  `${environment['AWS_ENDPOINT_URL_S3']}/anchors/gates/${origin}/anchor/${anchorName(slot)}`

const clientOf = (environment: Ground['environment']): AwsClient =>
  new AwsClient({
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    service: 's3',
    region: 'us-east-1',
  })
