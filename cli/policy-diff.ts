/** `haltgate policy diff`: what a new policy means otherwise than an old one, and what it loosens. */
import pico from 'picocolors'
import { diff, type EntryChange, type KeyChange, type PolicyDiff } from '../policy/diff.ts'
import { exitCodes } from './exit.ts'
import { required } from './policy-loaded.ts'

export interface DiffContext {
  readonly before: string
  readonly after: string
  readonly json: boolean
  readonly print: (text: string) => void
}

/**
 * Prints every difference in meaning; 0 where there is none, 1 where there is.
 *
 * errors  Failure policy-unavailable, where one of the two does not load.
 */
export async function diffPolicies(context: DiffContext): Promise<number> {
  const { after, before, json, print } = context
  const found = diff(await required(before), await required(after))
  const isSame = found.before === found.after
  if (json) print(JSON.stringify({ same: isSame, ...found }))
  else print(isSame ? `both mean the same: ${found.after}` : shown(found))
  return isSame ? exitCodes.done : exitCodes.no
}

function shown({ after, before, entries, order, refusedByReload, settings }: PolicyDiff): string {
  const lines = [`${before}\n${after}`]
  for (const change of settings) lines.push(`~ ${keyText(change)}`)
  for (const entry of entries) lines.push(...entryLines(entry))
  for (const { message } of order) lines.push(`~ order: ${message}`)
  if (refusedByReload.length > 0) {
    lines.push('a reload would refuse this, since it loosens a limit or stops enforcing:')
    for (const message of refusedByReload) lines.push(pico.red(`  ${message}`))
  }
  return lines.join('\n')
}

const marks = { added: '+', removed: '-', changed: '~' } as const

function entryLines({ change, id, keys, kind, loosens }: EntryChange): readonly string[] {
  const lines = [`${marks[change]} ${kind} ${id}`]
  for (const key of keys) lines.push(`    ${keyText(key)}`)
  for (const way of loosens) lines.push(pico.red(`    loosens: it ${way}`))
  return lines
}

function keyText({ after, before, key }: KeyChange): string {
  return `${key}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`
}
