/**
 * Reads SQL sent to HTTP APIs of databases: how strong its strongest statement is, how many rows it caps, which tables it
 * names. The text stands in a JSON member, in the query string, or is the body itself.
 */
import type { Decoded, Json, Undecoded } from '../content.ts'
import { formOf } from './form-text.ts'
import { jsonBody } from './json-body.ts'
import { isJsonType, mediaTypeOf } from './media-type.ts'
import { type JsonObject, listOf, objectOf } from './member.ts'
import { malformed, type Refusal, read, refused } from './outcome.ts'
import { classOf, type SqlClass, strongest } from './sql-class.ts'
import { limitOf, noLimit } from './sql-limit.ts'
import { tablesOf } from './sql-tables.ts'
import { sqlStatements } from './sql-text.ts'
import { textOf } from './utf8.ts'

/**
 * Members that hold SQL, in lower case. RDS: sql, sqlStatements; Redshift: Sql, Sqls; Athena: QueryString; Snowflake and
 * Databricks: statement; BigQuery: query; D1 and many others: sql or query.
 */
const members: ReadonlySet<string> = new Set([
  'sql',
  'sqls',
  'sqlstatements',
  'query',
  'querystring',
  'statement',
  'statements',
])

/** Types of bodies that are SQL and nothing else. No type at all is JSON or SQL, by its first character. */
const rawTypes: ReadonlySet<string> = new Set(['text/plain', 'application/sql', 'text/sql'])

interface Asked {
  readonly ok: true
  readonly texts: readonly string[]
  readonly body: Json
}

/** The SQL of a value: a text, or a list of texts; null where it is neither. */
function textsOf(value: Json | undefined): readonly string[] | null {
  if (typeof value === 'string') return [value]
  const list = listOf(value) ?? []
  const texts = list.filter((item) => typeof item === 'string')
  return texts.length > 0 && texts.length === list.length ? texts : null
}

/** BigQuery's jobs.insert keeps its query two objects deeper. */
function holderOf(object: JsonObject): JsonObject {
  return objectOf(objectOf(object['configuration'])?.['query']) ?? object
}

function askedByJson(undecoded: Undecoded): Asked | Refusal {
  const json = jsonBody(undecoded)
  if (!json.ok) return json
  const object = objectOf(json.value)
  if (object === null) return refused('The body is not one JSON object.')
  const holder = holderOf(object)
  const found = Object.keys(holder).filter((name) => members.has(name.toLowerCase()))
  const texts = textsOf(holder[found[0] ?? ''])
  if (found.length !== 1 || texts === null) {
    return refused('One member must hold the SQL: sql, query, statement, or another that is known.')
  }
  return { ok: true, texts, body: json.value }
}

function asked(undecoded: Undecoded): Asked | Refusal {
  const pairs = formOf(undecoded.query)
  if (typeof pairs === 'string') return malformed(pairs)
  const named = Object.entries(pairs).filter(([name]) => members.has(name.toLowerCase()))
  if (named.length > 0) {
    const texts = textsOf(named[0]?.[1])
    if (undecoded.body.length > 0 || named.length > 1 || texts === null) {
      return refused('SQL in the query string stands alone: no body, and one parameter.')
    }
    return { ok: true, texts, body: pairs }
  }
  const type = mediaTypeOf(undecoded.contentType)
  const text = textOf(undecoded.body)
  if (text === null) return malformed('The body is not UTF-8.')
  const isRaw = rawTypes.has(type) || (type === '' && !text.trimStart().startsWith('{'))
  if (isRaw) return { ok: true, texts: [text], body: { sql: text } }
  if (isJsonType(type)) return askedByJson(undecoded)
  return refused('SQL is sent as JSON or as text/plain.')
}

export function decodeSql(undecoded: Undecoded): Decoded {
  const request = asked(undecoded)
  if (!request.ok) return request
  const classes: SqlClass[] = []
  const tables = new Set<string>()
  let limit = noLimit
  for (const text of request.texts) {
    const statements = sqlStatements(text)
    if (typeof statements === 'string') return refused(statements)
    for (const statement of statements) {
      classes.push(classOf(statement))
      limit = limitOf(statement)
      for (const table of tablesOf(statement)) tables.add(table)
    }
  }
  if (classes.length === 0) return refused('The SQL has no statement.')
  const sqlClass = strongest(classes)
  const facts = {
    sql_class: sqlClass,
    sql_statements: classes.length,
    sql_limit: classes.length === 1 && sqlClass === 'read' ? limit : noLimit,
    sql_tables: [...tables].sort().join(','),
  }
  return read({ decoder: 'sql', body: request.body, facts, model: null })
}
