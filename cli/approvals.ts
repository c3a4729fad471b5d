/** `haltgate approvals|approve|deny`: what waits for people, and what a person says to it. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Failure } from '../kernel/reasons.ts'
import { readDuration } from '../policy/amount.ts'
import { askControl, type ControlAnswer } from './control-client.ts'
import { exitCodes } from './exit.ts'
import { type Flags, type Settings, settingsOf, UsageError } from './settings.ts'
import { table } from './table.ts'

/** What a person may write behind these commands. */
type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

export interface ApprovalContext {
  readonly settings: Settings
  /** An approver's own token; null for the operator's, of the data directory. */
  readonly token: string | null
  readonly json: boolean
  readonly print: (text: string) => void
}

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addApprovals(
  program: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option('--control <host:port>', 'the operators’ listener (HALTGATE_CONTROL)')
      .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
      .option('--token-file <file>', 'your own token as an approver (HALTGATE_TOKEN_FILE)')
      .option('--json', 'print the result as JSON')
  command('approvals', 'what waits for a person')
    .option('--all', 'what was answered lately too')
    .action((flags: Given) => finish(ran(flags, (context) => list(context, flags['all'] === true))))
  command('approve', 'say yes to what waits; sent again, it passes once')
    .argument('<id>')
    .option('--reason <text>', 'why; it is recorded')
    .option('--permits <count>', 'so many more of its kind need nobody; with --for')
    .option('--for <time>', 'for how long: 30m, 1h, 7d')
    .action((id: string, flags: Given) =>
      finish(ran(flags, (context) => approve(context, id, flags))),
    )
  command('deny', 'say no to what waits')
    .argument('<id>')
    .requiredOption('--reason <text>', 'why; it is recorded, and told to the agent')
    .action((id: string, flags: Given) =>
      finish(ran(flags, (context) => deny(context, id, wordOf(flags, 'reason')))),
    )
}

async function ran(
  flags: Given,
  work: (context: ApprovalContext) => Promise<number>,
): Promise<number> {
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`)
  }
  const file = wordOf(flags, 'tokenFile') || (process.env['HALTGATE_TOKEN_FILE'] ?? '')
  const token = file === '' ? null : readToken(file)
  const settings = settingsOf(flags, process.env)
  return await work({ settings, token, json: flags['json'] === true, print })
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure('ledger-unavailable', `the token ${file} cannot be read (${why})`, {
      cause: error,
    })
  }
}

const wordOf = (flags: Given, key: string): string => {
  const value = flags[key]
  return typeof value === 'string' ? value : ''
}

/** What waits, and with `all` what was answered lately. */
export async function list(context: ApprovalContext, all: boolean): Promise<number> {
  const answer = await ask(context, 'GET', { path: '/api/v1/approvals' })
  if (answer.status >= 300) return said(context, answer, '')
  if (context.json) {
    context.print(JSON.stringify(answer.body))
    return exitCodes.done
  }
  const { approvals } = answer.body
  const rows = (Array.isArray(approvals) ? (approvals as readonly Row[]) : []).filter(
    ({ state }) => all || state === 'pending',
  )
  if (rows.length === 0) context.print('nothing waits for a person')
  else context.print(table(heads, rows.map(rowOf)))
  return exitCodes.done
}

type Row = Readonly<Record<string, unknown>>

const heads = ['id', 'state', 'agent', 'what', 'wanted by', 'yes', 'expires']

function rowOf(row: Row): readonly string[] {
  const cells = [row['id'], row['state'], `${textOf(row['agent'])}/${textOf(row['run'])}`]
  const rest = [whatOf(row), listOf(row['wanted_by']), yesOf(row), row['expires']]
  return [...cells, ...rest].map((cell) => printable(textOf(cell)))
}

/** The action where a domain names one, and where it goes. */
function whatOf(row: Row): string {
  const matter = row['matter']
  const known = typeof matter === 'object' && matter !== null ? (matter as Row) : {}
  const where = `${textOf(known['method'])} ${textOf(row['host'])}${textOf(known['path'])}`.trim()
  const isNamed = textOf(known['domain']) !== 'general' && textOf(known['action']) !== ''
  const named = `${textOf(known['action'])} ${textOf(known['resource'])}`.trim()
  return isNamed ? `${named} (${where})` : where
}

/** Of how many: `1 of 2 risk`, and who. */
function yesOf(row: Row): string {
  const quorums = Array.isArray(row['quorums']) ? (row['quorums'] as readonly Row[]) : []
  const wanted = quorums.map((each) => `${textOf(each['need'])} ${listOf(each['of'])}`.trim())
  const given = listOf(row['yes'])
  return `${given === '' ? '-' : given} (of ${wanted.join(' and ')})`
}

const listOf = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : '')
const textOf = (value: unknown): string =>
  value === undefined || value === null ? '' : String(value)

/** A path or a resource comes from an agent: nothing of it may move a terminal. */
const printable = (text: string): string => text.replaceAll(/[^\P{C}]/gu, '?')

export async function approve(context: ApprovalContext, id: string, flags: Given): Promise<number> {
  const reason = wordOf(flags, 'reason')
  const [count, time] = [wordOf(flags, 'permits'), wordOf(flags, 'for')]
  if ((count === '') !== (time === '')) {
    throw new UsageError('--permits COUNT and --for TIME go together: give both')
  }
  const body = {
    ...(reason === '' ? {} : { reason }),
    ...(count === '' ? {} : { permits: countOf(count), for_ms: millisecondsOf(time) }),
  }
  const more = count === '' ? '' : `, and ${count} more of its kind for ${time}`
  return said(context, await order(context, id, { path: 'approve', body }), `approved${more}`)
}

export async function deny(context: ApprovalContext, id: string, reason: string): Promise<number> {
  return said(context, await order(context, id, { path: 'deny', body: { reason } }), 'denied')
}

function countOf(text: string): number {
  const count = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(count)) throw new UsageError(`--permits is a count such as 20, not '${text}'`)
  return count
}

function millisecondsOf(text: string): number {
  const amount = readDuration(text)
  if ('value' in amount && amount.value > 0) return amount.value
  throw new UsageError(`--for is a time such as 30m, 1h or 7d, not '${text}'`)
}

function order(
  context: ApprovalContext,
  id: string,
  call: { readonly path: 'approve' | 'deny'; readonly body: object },
): Promise<ControlAnswer> {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(id)) {
    throw new UsageError(`'${id}' is no id of an approval; see haltgate approvals`)
  }
  const path = `/api/v1/approvals/${id}/${call.path}`
  return ask(context, 'POST', { path, body: call.body })
}

function ask(
  { settings, token }: ApprovalContext,
  method: 'GET' | 'POST',
  call: { readonly path: string; readonly body?: object },
): Promise<ControlAnswer> {
  const shown: { readonly path: string } = Object.assign({}, call, token === null ? {} : { token })
  return askControl(settings, method, shown)
}

function said(context: ApprovalContext, { body, status }: ControlAnswer, done: string): number {
  const isDone = status < 300
  if (context.json) context.print(JSON.stringify(body))
  else if (!isDone) context.print(`refused: ${textOf(body['detail'])}`)
  else if (body['state'] === 'pending') context.print('noted; it waits for others too')
  else context.print(`${textOf(body['approval'])} is ${done}`)
  return isDone ? exitCodes.done : exitCodes.no
}
