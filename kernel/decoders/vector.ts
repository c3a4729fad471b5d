/**
 * Reads requests to vector stores: which store, which collection, and how many results each query may answer. A count that
 * is not stated, or stated by a variable, is -1: each store has a default of its own.
 */
import type { Decoded, Json, Undecoded } from '../content.ts'
import type { Field } from './graphql-document.ts'
import {
  fieldsOf,
  type GraphQlDocument,
  operationOf,
  readDocument,
  selectionIn,
} from './graphql-document.ts'
import { objectBody } from './json-body.ts'
import { type JsonObject, listOf, objectOf, stringOf } from './member.ts'
import { type Refusal, read, refused } from './outcome.ts'
import { vectorRoute } from './vector-routes.ts'

/** Nothing says how many results there may be. */
const unsaid = -1

const names = [
  'topK',
  'limit',
  'n_results',
  'query',
  'searches',
  'namespace',
  'collectionName',
  'collection_name',
  'query_embeddings',
  'query_texts',
]

/** What the body adds to its route. */
interface Asked {
  readonly collection: string
  readonly topK: number
  /** Queries in one request. */
  readonly queries: number
}

const countIn = (value: Json | undefined): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : unsaid

/** The largest; unsaid where any is. */
const largest = (counts: readonly number[]): number =>
  counts.includes(unsaid) ? unsaid : counts.reduce((most, count) => Math.max(most, count), unsaid)

function ofPinecone(body: JsonObject): Asked {
  const inner = objectOf(body['query'])
  const topK = countIn(inner?.['top_k'] ?? body['topK'])
  return { collection: stringOf(body['namespace']) ?? '', topK, queries: 1 }
}

function ofQdrant(body: JsonObject): Asked {
  const searches = listOf(body['searches']) ?? [body]
  const counts = searches.map((search) => countIn(objectOf(search)?.['limit']))
  return { collection: '', topK: largest(counts), queries: searches.length }
}

function ofMilvus(body: JsonObject): Asked {
  const name = stringOf(body['collectionName'] ?? body['collection_name'])
  const vectors = listOf(body['data'])
  // Version 1 sends one vector, version 2 a list of them.
  return { collection: name ?? '', topK: countIn(body['limit']), queries: vectors?.length ?? 1 }
}

function ofChroma(body: JsonObject): Asked {
  const queries = listOf(body['query_embeddings']) ?? listOf(body['query_texts'])
  return {
    collection: '',
    topK: countIn(body['n_results'] ?? body['limit']),
    queries: queries?.length ?? 1,
  }
}

/** The `limit` among a field's arguments, at their own level. */
function limitIn({ tokens }: GraphQlDocument, { given }: Field): number {
  let depth = 0
  for (let at = given.from; at < given.to; at += 1) {
    const token = tokens[at]
    if (token?.kind === 'mark' && '([{'.includes(token.text)) depth += 1
    if (token?.kind === 'mark' && ')]}'.includes(token.text)) depth -= 1
    if (depth > 0 || token?.kind !== 'name' || token.text !== 'limit') continue
    const value = tokens[at + 2]
    return value?.kind === 'number' ? countIn(Number(value.text)) : unsaid
  }
  return unsaid
}

/** Weaviate asks by GraphQL: the fields of Get and Aggregate are collections. */
function ofWeaviate(body: JsonObject): Asked | Refusal {
  const query = stringOf(body['query'])
  if (query === null) return { collection: stringOf(body['class']) ?? '', topK: unsaid, queries: 1 }
  const document = readDocument(query)
  if (typeof document === 'string') return refused(document)
  const operation = operationOf(document, stringOf(body['operationName']))
  if (typeof operation === 'string') return refused(operation)
  const collections: Field[] = []
  const unclear = refused('The document does not say which collections it asks.')
  const outer = fieldsOf(document, operation)
  if (outer === null) return unclear
  for (const { inside } of outer) {
    const selection = selectionIn(document, inside)
    const fields = selection === null ? null : fieldsOf(document, selection)
    if (fields === null) return unclear
    for (const field of fields) collections.push(field)
  }
  const found = new Set(collections.map(({ name }) => name))
  const topK = largest(collections.map((field) => limitIn(document, field)))
  return { collection: [...found].sort().join(','), topK, queries: collections.length }
}

const readers: ReadonlyMap<string, (body: JsonObject) => Asked | Refusal> = new Map([
  ['pinecone', ofPinecone],
  ['qdrant', ofQdrant],
  ['milvus', ofMilvus],
  ['chroma', ofChroma],
])

export function decodeVector(undecoded: Undecoded): Decoded {
  const route = vectorRoute(undecoded.method, undecoded.path)
  if (route === null) return refused('The path is of no vector store that is known.')
  const { store, op } = route
  const isEmpty = undecoded.body.length === 0 && undecoded.method !== 'POST'
  const json = isEmpty
    ? { ok: true as const, object: {}, body: null }
    : objectBody(undecoded, names)
  if (!json.ok) return json
  const reader = readers.get(store) ?? ofWeaviate
  const asked = reader(json.object)
  if ('ok' in asked) return asked
  const isQuery = op === 'query'
  const facts = {
    vector_store: store,
    vector_op: op,
    collection: route.collection === '' ? asked.collection : route.collection,
    top_k: isQuery ? asked.topK : unsaid,
    vector_queries: isQuery ? asked.queries : 0,
  }
  return read({ decoder: 'vector', body: json.body, facts, model: null })
}
