/** `audit erase`, `audit openings` and `audit open`: what the vault keeps of the ledger's commitments. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { nameKeyBytes, subjectId } from '../evidence/vault/layout.ts'
import { openEntry } from '../evidence/vault/open.ts'
import { type Survey, survey } from '../evidence/vault/survey.ts'
import { Failure } from '../kernel/reasons.ts'
import { parseScope } from '../kernel/scope.ts'
import { visible } from './audit-text.ts'
import { askControl } from './control-client.ts'
import { exitCodes } from './exit.ts'
import { type Flags, layoutOf, type Settings, settingsOf, UsageError } from './settings.ts'

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addAuditErase(
  audit: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  const command = (name: string, description: string): Command =>
    audit
      .command(name)
      .description(description)
      .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
      .option('--json', 'print the result as JSON')
  command('erase', 'destroy what the vault keeps of a subject; the running gate does it')
    .requiredOption('--subject <subject>', 'actor:U or agent:A')
    .requiredOption('--authority <text>', 'on what ground; recorded for ever, so name no person')
    .option('--reason <text>', 'why; it is recorded too')
    .option('--control <host:port>', 'the operators’ listener (HALTGATE_CONTROL)')
    .action((flags: Given) => finish(erase(contextOf(flags), flags)))
  command('openings', 'count the openings of commitments: present, erased, missing')
    .option('--verify', 'the default: each opening is checked against its commitment')
    .option('--subject <subject>', 'only of actor:U or agent:A')
    .action((flags: Given) => finish(openings(contextOf(flags), flags)))
  command('open', 'print what an entry committed to, checked against it')
    .requiredOption('--seq <n>', 'the entry')
    .action((flags: Given) => finish(open(contextOf(flags), flags)))
}

interface Context {
  readonly settings: Settings
  readonly json: boolean
  readonly print: (text: string) => void
}

function contextOf(flags: Given): Context {
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`)
  }
  return { settings: settingsOf(flags, process.env), json: flags['json'] === true, print }
}

/** The files of a vault in a data directory. */
export function vaultPlaces(dataDirectory: string): {
  readonly ledger: string
  readonly vault: string
  readonly nameKey: string
} {
  const { keys, ledger } = layoutOf(dataDirectory)
  return { ledger, vault: join(dataDirectory, 'vault'), nameKey: join(keys, 'vault.key') }
}

/** Reads `actor:U` or `agent:A`. */
function subjectIn(flags: Given): string {
  const text = String(flags['subject'])
  const isSubject = text.startsWith('actor:') || text.startsWith('agent:')
  if (!isSubject || parseScope(text) === null) {
    throw new UsageError(`--subject is actor:U or agent:A, not '${visible(text)}'`)
  }
  return text
}

async function erase({ json, print, settings }: Context, flags: Given): Promise<number> {
  const subject = subjectIn(flags)
  const body = {
    subject,
    authority: String(flags['authority']),
    ...(flags['reason'] === undefined ? {} : { reason: String(flags['reason']) }),
  }
  const call = { path: '/api/v1/erasures', body }
  const answer = await askControl(settings, 'POST', call)
  if (json) print(JSON.stringify(answer.body, null, 2))
  const { count, detail, receipt } = answer.body
  if (answer.status === 202) {
    if (!json) print(`${subject}: nothing opens any more; the gate is still taking its records out`)
    return exitCodes.done
  }
  if (answer.status !== 200) {
    if (!json) print(`haltgate: ${visible(String(detail))}`)
    return exitCodes.no
  }
  const { hash = '', seq = '' } = (receipt ?? {}) as { hash?: string; seq?: number }
  if (!json) print(`${subject}: ${count} openings erased, recorded as ${seq}:${hash}`)
  return exitCodes.done
}

async function openings({ json, print, settings }: Context, flags: Given): Promise<number> {
  const { ledger, nameKey, vault } = vaultPlaces(settings.dataDirectory)
  requireLedger(ledger, settings)
  const asked = flags['subject'] !== undefined
  const subject = asked ? subjectId(nameKeyIn(nameKey), subjectIn(flags)) : null
  const found = await survey({ ledger, vault, subject })
  print(json ? JSON.stringify(found, null, 2) : surveyText(found))
  return found.missing + found.altered === 0 ? exitCodes.done : exitCodes.no
}

function surveyText(found: Survey): string {
  const { altered, broken, commitments, erased, findings, missing, pending, present } = found
  const rows: (readonly [string, string])[] = [
    ['commitments', String(commitments)],
    ['present', String(present)],
    [
      'erased',
      pending === 0 ? String(erased) : `${erased}, ${pending} of them without an entry yet`,
    ],
    ['missing', String(missing)],
    ['altered', String(altered)],
    ['unclaimed', `${found.unclaimed} records of requests that no entry tells of`],
  ]
  if (broken > 0) rows.push(['broken', `${broken} lines of the vault are no records`])
  const lines = rows.map(([name, value]) => `${name.padEnd(11)} ${value}`)
  for (const { field, message, seq, state } of findings) {
    lines.push(`${state} seq ${seq} ${field}  ${message}`)
  }
  return lines.map(visible).join('\n')
}

async function open({ json, print, settings }: Context, flags: Given): Promise<number> {
  const text = String(flags['seq'])
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--seq is a number from 0 on, not '${text}'`)
  const places = vaultPlaces(settings.dataDirectory)
  requireLedger(places.ledger, settings)
  const found = openEntry(places, Number(text))
  if (json) print(JSON.stringify(found, null, 2))
  if (!found.ok) {
    if (!json) print(`haltgate: ${found.message}`)
    return exitCodes.no
  }
  for (const { commitment, field, matches, salt, value } of json ? [] : found.fields) {
    print(`${field}  ${matches ? 'matches' : 'DOES NOT MATCH'}`)
    print(`  commitment ${commitment}\n  salt       ${salt}\n  value      ${visible(value)}`)
  }
  return found.fields.every(({ matches }) => matches) ? exitCodes.done : exitCodes.no
}

function requireLedger(ledger: string, { dataDirectory }: Settings): void {
  if (existsSync(ledger)) return
  const message = `there is no ledger in ${dataDirectory}; name the gate's directory with --data DIR`
  throw new Failure('ledger-unavailable', message)
}

function nameKeyIn(path: string): Buffer {
  const key = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  if (key.length === nameKeyBytes) return key
  const message = `${path} is not the key of a vault: subjects cannot be told apart without it`
  throw new Failure('ledger-unavailable', message)
}
