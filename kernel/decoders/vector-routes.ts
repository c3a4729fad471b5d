/**
 * Paths of the HTTP APIs of vector stores: whose they are, what they do, and which collection they name.
 *
 * source  API references of Pinecone, Qdrant, Weaviate, Milvus (REST v1 and v2) and Chroma (v1 and v2), November 2026.
 */
import { decodedComponent } from './form-text.ts'

export type VectorOp = 'query' | 'upsert' | 'delete' | 'other'

export interface VectorRoute {
  readonly store: string
  readonly op: VectorOp
  /** As the path names it; empty where the body does. */
  readonly collection: string
}

/** A path's shape; its group is the collection. What a store does at other paths of its own is `other`. */
type Row = readonly [store: string, shape: RegExp, op: VectorOp]

const rows: readonly Row[] = [
  ['pinecone', /^\/query$/, 'query'],
  ['pinecone', /^\/vectors\/(?:fetch|list)$/, 'query'],
  ['pinecone', /^\/vectors\/(?:upsert|update)$/, 'upsert'],
  ['pinecone', /^\/vectors\/delete$/, 'delete'],
  ['pinecone', /^\/records\/namespaces\/([^/]+)\/search$/, 'query'],
  ['pinecone', /^\/records\/namespaces\/([^/]+)\/upsert$/, 'upsert'],
  ['pinecone', /^\/(?:describe_index_stats|namespaces|indexes|collections)$/, 'other'],
  [
    'qdrant',
    /^\/collections\/([^/]+)\/points\/(?:search|query|recommend|discover)(?:\/(?:batch|groups))?$/,
    'query',
  ],
  ['qdrant', /^\/collections\/([^/]+)\/points\/scroll$/, 'query'],
  ['qdrant', /^\/collections\/([^/]+)\/points\/delete$/, 'delete'],
  ['qdrant', /^\/collections\/([^/]+)\/points$/, 'upsert'],
  ['qdrant', /^\/collections\/([^/]+)(?:\/.*)?$/, 'other'],
  ['weaviate', /^\/v1\/graphql$/, 'query'],
  ['weaviate', /^\/v1\/batch\/objects$/, 'upsert'],
  ['weaviate', /^\/v1\/objects$/, 'upsert'],
  ['weaviate', /^\/v1\/objects\/([^/]+)\/[^/]+$/, 'other'],
  ['weaviate', /^\/v1\/(?:objects|schema|batch)(?:\/.*)?$/, 'other'],
  [
    'milvus',
    /^\/v2\/vectordb\/entities\/(?:search|advanced_search|hybrid_search|query|get)$/,
    'query',
  ],
  ['milvus', /^\/v2\/vectordb\/entities\/(?:insert|upsert)$/, 'upsert'],
  ['milvus', /^\/v2\/vectordb\/entities\/delete$/, 'delete'],
  ['milvus', /^\/v2\/vectordb\/.*$/, 'other'],
  ['milvus', /^\/v1\/vector\/(?:search|query|get)$/, 'query'],
  ['milvus', /^\/v1\/vector\/(?:insert|upsert)$/, 'upsert'],
  ['milvus', /^\/v1\/vector\/delete$/, 'delete'],
  ['chroma', /^\/api\/v[12]\/(?:[^/]+\/)*collections\/([^/]+)\/(?:query|get)$/, 'query'],
  ['chroma', /^\/api\/v[12]\/(?:[^/]+\/)*collections\/([^/]+)\/(?:add|upsert|update)$/, 'upsert'],
  ['chroma', /^\/api\/v[12]\/(?:[^/]+\/)*collections\/([^/]+)\/delete$/, 'delete'],
  ['chroma', /^\/api\/v[12]\/(?:.*\/)?collections(?:\/.*)?$/, 'other'],
]

/** By method and path; null where no store has such a path. */
export function vectorRoute(method: string, path: string): VectorRoute | null {
  for (const [store, shape, op] of rows) {
    const [found, group = ''] = shape.exec(path) ?? []
    if (found === undefined) continue
    const collection = decodedComponent(group.replaceAll('+', '%2B'))
    if (collection === null) return null
    return { store, op: opOf(method, op), collection }
  }
  return null
}

/** A path that writes by POST reads by GET, and deletes by DELETE. */
function opOf(method: string, op: VectorOp): VectorOp {
  if (method === 'DELETE') return 'delete'
  if (method === 'GET') return op === 'query' ? 'query' : 'other'
  return op
}
