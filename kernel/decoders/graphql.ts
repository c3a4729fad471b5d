/**
 * Reads a GraphQL request: the operation that runs, its kind, and its fields at the outermost level. What names a document
 * that the server keeps is refused, since nobody here can read it.
 *
 * source  GraphQL over HTTP, working draft of 2025, sections 5 and 6.
 */
import type { Decoded, Json, Undecoded } from '../content.ts'
import { formOf } from './form-text.ts'
import { fieldsOf, operationOf, readDocument } from './graphql-document.ts'
import { objectBody } from './json-body.ts'
import { readJsonText } from './json-text.ts'
import { mediaTypeOf } from './media-type.ts'
import { isNone, type JsonObject, objectOf } from './member.ts'
import { malformed, type Refusal, read, refused } from './outcome.ts'
import { textOf } from './utf8.ts'

const names = ['query', 'operationName', 'variables', 'extensions']

/** Names under which servers look for a document that they keep. */
const keptNames = ['id', 'documentId', 'document_id', 'doc_id', 'queryId', 'queryHash', 'hash']

/** A request as an object: `body` for an expression, and what the decoder reads. */
type Asked = { readonly ok: true; readonly object: JsonObject; readonly body: Json }

/** A query string's member that is JSON; null where it is left out or empty, undefined where it is no JSON. */
function jsonMember(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string' || value === '') return null
  const inner = readJsonText(value)
  return inner.ok ? inner.value : undefined
}

function askedByQuery({ query, body }: Undecoded): Asked | Refusal {
  if (body.length > 0) return refused('A GraphQL request by GET has no body.')
  const pairs = formOf(query)
  if (typeof pairs === 'string') return malformed(pairs)
  const variables = jsonMember(pairs['variables'])
  const extensions = jsonMember(pairs['extensions'])
  if (variables === undefined || extensions === undefined) {
    return malformed('variables or extensions is no JSON.')
  }
  const object: JsonObject = Object.assign(Object.create(null), pairs, { variables, extensions })
  return { ok: true, object, body: object }
}

function askedByBody(undecoded: Undecoded): Asked | Refusal {
  if (mediaTypeOf(undecoded.contentType) !== 'application/graphql') {
    return objectBody(undecoded, names)
  }
  const query = textOf(undecoded.body)
  if (query === null) return malformed('The document is not UTF-8.')
  return { ok: true, object: { query }, body: { query } }
}

/** Some servers prefer what the query string says, some the body: both together have no one meaning. */
function asked(undecoded: Undecoded): Asked | Refusal {
  if (undecoded.method === 'GET') return askedByQuery(undecoded)
  if (undecoded.method !== 'POST') return refused('GraphQL is asked by GET or POST.')
  const pairs = formOf(undecoded.query)
  if (typeof pairs === 'string') return malformed(pairs)
  if ([...names, ...keptNames].some((name) => name in pairs)) {
    return refused('A GraphQL request by POST says nothing in its query string.')
  }
  return askedByBody(undecoded)
}

/** Whether the request names a document that its server keeps. */
function namesKept(object: JsonObject): boolean {
  const extensions = objectOf(object['extensions'])
  const isPersisted = extensions !== null && !isNone(extensions['persistedQuery'])
  return isPersisted || keptNames.some((name) => !isNone(object[name]))
}

export function decodeGraphQl(undecoded: Undecoded): Decoded {
  const request = asked(undecoded)
  if (!request.ok) return request
  const { query, operationName, variables } = request.object
  if (typeof query !== 'string' || query === '' || namesKept(request.object)) {
    return refused('Send the whole document as query, and no name of one that the server keeps.')
  }
  if (!isNone(variables) && objectOf(variables) === null) return refused('variables is an object.')
  if (!isNone(operationName) && typeof operationName !== 'string') {
    return refused('operationName is a string.')
  }
  const document = readDocument(query)
  if (typeof document === 'string') return malformed(document)
  const operation = operationOf(document, isNone(operationName) ? null : operationName)
  if (typeof operation === 'string') return refused(operation)
  const fields = fieldsOf(document, operation)
  if (fields === null) return refused('The document spreads a fragment that it does not define.')
  const facts = {
    graphql_operation: operation.name,
    graphql_type: operation.kind,
    graphql_fields: [...new Set(fields.map(({ name }) => name))].sort().join(','),
  }
  return read({ decoder: 'graphql', body: request.body, facts, model: null })
}
