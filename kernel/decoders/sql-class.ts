/**
 * What a statement does, by its words: to read, to write, to define, or something else. Words are counted wherever they
 * stand, since T-SQL needs no mark between statements; so a read that only looks like a write is called a write.
 * What functions do nobody sees here.
 */
import { nth } from '../contract.ts'
import type { SqlToken } from './sql-text.ts'

/** From the mildest to the strongest; `other` may be anything. */
const sqlClasses = ['read', 'write', 'ddl', 'other'] as const

export type SqlClass = (typeof sqlClasses)[number]

const words = (text: string): readonly string[] => text.split(' ')

/** What a statement is by its first word; what is not here is `other`. */
const heads: ReadonlyMap<string, SqlClass> = new Map<string, SqlClass>([
  ...words('select with values table explain show describe desc').map(
    (word) => [word, 'read'] as const,
  ),
  ...words('insert update delete merge upsert replace').map((word) => [word, 'write'] as const),
  ...words('create alter drop truncate rename comment grant revoke undrop').map(
    (word) => [word, 'ddl'] as const,
  ),
])

/** What a word makes of a statement in which it stands. `into` writes a table or a file, `update` locks. */
const insides: ReadonlyMap<string, SqlClass> = new Map<string, SqlClass>([
  ...words('insert update delete merge upsert into').map((word) => [word, 'write'] as const),
  ...words('create alter drop truncate grant revoke').map((word) => [word, 'ddl'] as const),
  ...words(
    'exec execute call copy do begin declare waitfor shutdown kill backup restore use deny dbcc',
  ).map((word) => [word, 'other'] as const),
])

/** Statements that only tell what is there, whatever they name. */
const tells: ReadonlySet<string> = new Set(['show', 'describe', 'desc'])

/** The strongest of the classes. */
export function strongest(classes: readonly SqlClass[]): SqlClass {
  const rank = (one: SqlClass): number => sqlClasses.indexOf(one)
  return classes.reduce((most, one) => (rank(one) > rank(most) ? one : most), 'read')
}

/** Words before SHARE that make it a lock. */
const locks: ReadonlySet<string> = new Set(['for', 'key', 'in'])

function insideOf(statement: readonly SqlToken[], index: number): SqlClass {
  const token = nth(statement, index)
  const before = statement[index - 1]?.text ?? ''
  if (token.kind === 'dollar') return 'other'
  // Behind a dot a word is a name, in every dialect.
  if (token.kind !== 'word' || before === '.') return 'read'
  if (token.text === 'share' && locks.has(before)) return 'write'
  return insides.get(token.text) ?? 'read'
}

/** The class of one statement. */
export function classOf(statement: readonly SqlToken[]): SqlClass {
  const first = statement.find(({ text }) => text !== '(')
  const head = first?.kind === 'word' ? first.text : ''
  const own = heads.get(head) ?? 'other'
  if (tells.has(head)) return own
  let found = own
  for (const index of statement.keys()) found = strongest([found, insideOf(statement, index)])
  // It runs what it explains.
  const runs = head === 'explain' && statement.some(({ text }) => /^analy[sz]e$/.test(text))
  return runs ? strongest([found, 'write']) : found
}
