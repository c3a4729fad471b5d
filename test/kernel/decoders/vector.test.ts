/** The decoder of vector stores: whose path it is, which collection, and how much each query may answer. */
import { test } from 'tap'
import { decoded, factsOr, json, request } from './request.ts'

type Row = readonly [
  path: string,
  value: unknown,
  facts: readonly (string | number)[] | string,
  method?: string,
]

const rows: readonly Row[] = [
  ['/query', { topK: 5, vector: [1], namespace: 'n' }, ['pinecone', 'query', 'n', 5, 1]],
  ['/query', { topK: 'x' }, ['pinecone', 'query', '', -1, 1]],
  ['/query', { topk: 5 }, 'validator-refused'],
  ['/vectors/upsert', { vectors: [] }, ['pinecone', 'upsert', '', -1, 0]],
  ['/vectors/delete', { deleteAll: true }, ['pinecone', 'delete', '', -1, 0]],
  ['/records/namespaces/a%2Fb/search', { query: { top_k: 3 } }, ['pinecone', 'query', 'a/b', 3, 1]],
  ['/records/namespaces/%ff/search', {}, 'validator-refused'],
  ['/vectors/fetch', null, ['pinecone', 'query', '', -1, 1], 'GET'],
  ['/collections/docs/points/search', { vector: [1], limit: 4 }, ['qdrant', 'query', 'docs', 4, 1]],
  ['/collections/docs/points/query', { query: [1] }, ['qdrant', 'query', 'docs', -1, 1]],
  [
    '/collections/docs/points/search/batch',
    { searches: [{ limit: 4 }, { limit: 9 }] },
    ['qdrant', 'query', 'docs', 9, 2],
  ],
  [
    '/collections/docs/points/query/batch',
    { searches: [{ limit: 4 }, {}] },
    ['qdrant', 'query', 'docs', -1, 2],
  ],
  ['/collections/docs/points/search/batch', { searches: [] }, ['qdrant', 'query', 'docs', -1, 0]],
  ['/collections/docs/points', { points: [] }, ['qdrant', 'upsert', 'docs', -1, 0], 'PUT'],
  ['/collections/docs/points/delete', { points: [1] }, ['qdrant', 'delete', 'docs', -1, 0]],
  ['/collections/docs', null, ['qdrant', 'other', 'docs', -1, 0], 'GET'],
  ['/collections/docs', null, ['qdrant', 'delete', 'docs', -1, 0], 'DELETE'],
  [
    '/v1/graphql',
    {
      query:
        '{Get{Doc(limit:3 nearText:{concepts:["a"] limit:9}){t} Mail(nearVector:{limit:1},limit:7){t}}}',
    },
    ['weaviate', 'query', 'Doc,Mail', 7, 2],
  ],
  ['/v1/graphql', { query: '{Get{Doc{t}}}' }, ['weaviate', 'query', 'Doc', -1, 1]],
  [
    '/v1/graphql',
    { query: 'query($n:Int){Get{Doc(limit:$n){t}}}' },
    ['weaviate', 'query', 'Doc', -1, 1],
  ],
  [
    '/v1/graphql',
    { query: '{Get{...F}} fragment F on G {Doc(limit:2){t}}' },
    ['weaviate', 'query', 'Doc', 2, 1],
  ],
  ['/v1/graphql', { query: '{...Missing}' }, 'validator-refused'],
  ['/v1/graphql', { query: '{Get{...Missing}}' }, 'validator-refused'],
  ['/v1/graphql', { query: '{Get{a:}}' }, 'validator-refused'],
  ['/v1/graphql', { query: '{' }, 'validator-refused'],
  ['/v1/graphql', { query: 'query A{a} query B{b}' }, 'validator-refused'],
  [
    '/v1/graphql',
    { query: '{Get{Doc(limit:3 a:[{b:1}]){t}}}', operationName: null },
    ['weaviate', 'query', 'Doc', 3, 1],
  ],
  ['/v1/objects', { class: 'Doc' }, ['weaviate', 'upsert', 'Doc', -1, 0]],
  ['/v1/batch/objects', {}, ['weaviate', 'upsert', '', -1, 0]],
  ['/v1/objects/Doc/1', null, ['weaviate', 'delete', 'Doc', -1, 0], 'DELETE'],
  ['/v1/schema', null, ['weaviate', 'other', '', -1, 0], 'GET'],
  [
    '/v2/vectordb/entities/search',
    { collectionName: 'c', data: [[1], [2]], limit: 6 },
    ['milvus', 'query', 'c', 6, 2],
  ],
  [
    '/v2/vectordb/entities/insert',
    { collection_name: 'c', data: [] },
    ['milvus', 'upsert', 'c', -1, 0],
  ],
  ['/v2/vectordb/collections/drop', { collectionName: 'c' }, ['milvus', 'other', 'c', -1, 0]],
  ['/v1/vector/search', { collectionName: 'c', vector: [1] }, ['milvus', 'query', 'c', -1, 1]],
  ['/v1/vector/delete', {}, ['milvus', 'delete', '', -1, 0]],
  [
    '/api/v1/collections/c/query',
    { query_embeddings: [[1], [2]], n_results: 8 },
    ['chroma', 'query', 'c', 8, 2],
  ],
  [
    '/api/v2/tenants/t/databases/d/collections/c/query',
    { query_texts: ['a'] },
    ['chroma', 'query', 'c', -1, 1],
  ],
  ['/api/v2/tenants/t/databases/d/collections/c/get', { limit: 2 }, ['chroma', 'query', 'c', 2, 1]],
  ['/api/v1/collections/c/upsert', {}, ['chroma', 'upsert', 'c', -1, 0]],
  ['/api/v1/collections', {}, ['chroma', 'other', '', -1, 0]],
  ['/elsewhere', {}, 'validator-refused'],
  ['/query', [], 'validator-refused'],
  ['/query', null, 'malformed-request'],
]

test('a path and a body say which store, what it does, and to how much', async (t) => {
  for (const [path, value, expected, method = 'POST'] of rows) {
    const body = value === null ? new Uint8Array() : json(value)
    const facts = factsOr('vector', request({ method, path, body }))
    const name = `${method} ${path} ${JSON.stringify(value)}`
    if (typeof facts === 'string') t.equal(facts, expected, name)
    else {
      const { vector_store, vector_op, collection, top_k, vector_queries } = facts
      t.same([vector_store, vector_op, collection, top_k, vector_queries], expected, name)
    }
  }
  t.match(decoded('vector', request({ method: 'GET', path: '/collections/a' })), { body: null })
})
