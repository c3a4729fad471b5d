/** The built command line over an attacked copy, in a process of its own, as an auditor types it. */
import { haltgate } from '../cli/command.ts'
import type { Look } from './attacks.ts'
import { type Ground, storeText } from './ground.ts'

/** Behind `haltgate`, and before `--data`. */
export const lookWords: Readonly<Record<Look, readonly string[]>> = {
  index: ['audit', 'query', '--verify-index'],
  openings: ['audit', 'openings'],
}

async function exitOf(ground: Ground, data: string, words: readonly string[]): Promise<number> {
  const environment = { PATH: process.env['PATH'] ?? '', HOME: ground.place, NO_COLOR: '1' }
  const place = { directory: ground.place, environment: { ...environment, ...ground.environment } }
  const { code, errors } = await haltgate(place, [...words, '--data', data])
  if (typeof code === 'string')
    throw new Error(`haltgate ${words.join(' ')} ended with ${code}: ${errors}`)
  return code
}

/** With all that was kept elsewhere. */
export function typedVerify(ground: Ground, data: string): Promise<number> {
  const kept = ['--key', ground.vkey, '--anchor', storeText, '--require', 'anchored']
  return exitOf(ground, data, ['audit', 'verify', ...kept])
}

/** Asks for nothing in particular. */
export function typedQuery(ground: Ground, data: string): Promise<number> {
  return exitOf(ground, data, ['audit', 'query'])
}

/** Compares with the ledger what no verification reads. */
export function typedLook(ground: Ground, data: string, look: Look): Promise<number> {
  return exitOf(ground, data, lookWords[look])
}
