/** Ledgers written byte by byte from docs/ledger.md, sharing nothing with the writer: for the verifier's tests. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Line {
  readonly seq: number
  readonly hash: string
  readonly bytes: Buffer
}

export interface Ledger {
  readonly directory: string
  /** Lines by file, in order. */
  readonly files: readonly { readonly name: string; readonly lines: readonly Line[] }[]
  readonly lines: readonly Line[]
  readonly root: string
}

export interface Shape {
  /** Entries in each segment. */
  readonly segments: readonly number[]
  /** Bytes that a crash left behind the segment of this index; the next one declares them. */
  readonly torn?: Readonly<Record<number, string>>
  /** Changes the text of a body before it is hashed: the chain then holds the change. */
  readonly alter?: (seq: number, body: string) => string
  readonly padding?: string
}

const sha256 = (...parts: readonly (string | Buffer)[]): string => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest('hex')
}

const leafOf = (body: string): string => sha256(Buffer.of(0), body)

export const lineOf = (body: string): Buffer =>
  Buffer.from(`${body.slice(0, -1)},"hash":"${leafOf(body)}"}\n`)

/** MTH as RFC 6962 section 2.1 defines it, by recursion. */
function treeHash(leaves: readonly string[]): string {
  const only = leaves[0] ?? sha256('')
  if (leaves.length <= 1) return only
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  const left = Buffer.from(treeHash(leaves.slice(0, split)), 'hex')
  const right = Buffer.from(treeHash(leaves.slice(split)), 'hex')
  return sha256(Buffer.of(1), left, right)
}

/** Roots of the perfect subtrees, the largest first. */
function frontierOf(leaves: readonly string[]): string[] {
  const roots: string[] = []
  let at = 0
  for (let width = 2 ** 30; width >= 1; width /= 2) {
    if (leaves.length - at < width) continue
    roots.push(treeHash(leaves.slice(at, at + width)))
    at += width
  }
  return roots
}

export const nameOf = (first: number): string => `ledger-${String(first).padStart(15, '0')}.jsonl`

const snapshotNameOf = (first: number): string => `snapshot-${String(first).padStart(15, '0')}.json`

const boot = '01JD6Z8K4M0000000000000000'

function timeOf(seq: number): string {
  return new Date(Date.UTC(2024, 10, 21, 4, 30) + seq * 7).toISOString()
}

interface Told {
  readonly kind: string
  readonly data: string
  readonly actor: string
}

function ordinary(seq: number, last: boolean, padding: string): Told {
  const actor = '{"agent":"researcher","run":"default"}'
  const request = `request-${seq}`
  if (last) return { kind: 'boot.close', actor: '{}', data: '{"reason":"drained"}' }
  if (seq === 1) return { kind: 'boot.open', actor: '{}', data: '{"version":"0.1.0"}' }
  if (seq % 7 === 3) {
    const data = `{"at":${seq},"by":"operator","cause":"operator","reason":"t\\u0001\\"\\\\ \\n Zürich 𝄞","scope":"agent:a"}`
    return { kind: 'halt', actor: '{}', data }
  }
  if (seq % 2 === 0) {
    const data = `{"host":"docs.example.com","method":"GET","path":"/a/${seq}${padding}","reasons":[{"code":"rule-denied","id":"no-deletes"}],"request":"${request}","verdict":"deny"}`
    return { kind: 'decision', actor, data }
  }
  const data = `{"actual":{"bytes_down":${seq},"wall":-1},"outcome":"settled","request":"${request}${padding}","status":200}`
  return { kind: 'settlement', actor, data }
}

/** Builds a ledger in memory and writes it into `directory`. */
export function writeLedger(directory: string, shape: Shape): Ledger {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files: { name: string; lines: Line[] }[] = []
  const leaves: string[] = []
  const lines: Line[] = []
  const total = shape.segments.reduce((sum, count) => sum + count, 0)
  let previous = { name: '', good: Buffer.alloc(0), torn: '' }
  for (const [index, count] of shape.segments.entries()) {
    const first = leaves.length
    const file: { name: string; lines: Line[] } = { name: nameOf(first), lines: [] }
    for (let at = 0; at < count; at += 1) {
      const seq = leaves.length
      let told = ordinary(seq, seq === total - 1, shape.padding ?? '')
      if (seq === 0) told = { kind: 'log.genesis', actor: '{}', data: genesisData }
      else if (at === 0) {
        const snapshot = `{"first_seq":${seq}}`
        writeFileSync(join(directory, snapshotNameOf(seq)), snapshot)
        told = { kind: 'segment.open', actor: '{}', data: openData(leaves, previous, snapshot) }
      }
      const prev = leaves.at(-1) ?? '0'.repeat(64)
      const body = `{"actor":${told.actor},"boot":"${boot}","data":${told.data},"kind":"${told.kind}","prev":"${prev}","seq":${seq},"ts":"${timeOf(seq)}","v":1}`
      const text = shape.alter?.(seq, body) ?? body
      const line = { seq, hash: leafOf(text), bytes: lineOf(text) }
      file.lines.push(line)
      lines.push(line)
      leaves.push(line.hash)
    }
    const good = Buffer.concat(file.lines.map((line) => line.bytes))
    const torn = shape.torn?.[index] ?? ''
    writeFileSync(join(directory, file.name), Buffer.concat([good, Buffer.from(torn)]))
    files.push(file)
    previous = { name: file.name, good, torn }
  }
  return { directory, files, lines, root: treeHash(leaves) }
}

const genesisData = `{"created_by":"test","hash":"sha256-rfc6962-leaf","log_id":"${'0123456789abcdef'.repeat(2)}","origin":"gate.example.com/ledger","spec":"haltgate-ledger/1","vkey":""}`

function openData(
  leaves: readonly string[],
  previous: { readonly name: string; readonly good: Buffer; readonly torn: string },
  snapshot: string,
): string {
  const { name, good, torn } = previous
  const seq = leaves.length
  const frontier = JSON.stringify(frontierOf(leaves))
  const left =
    torn === '' ? 'null' : `{"bytes":${Buffer.byteLength(torn)},"sha256":"${sha256(torn)}"}`
  return `{"clean":${torn === ''},"first_seq":${seq},"frontier":${frontier},"previous":{"bytes":${good.length},"name":"${name}","sha256":"${sha256(good)}"},"snapshot":{"name":"${snapshotNameOf(seq)}","sha256":"${sha256(snapshot)}"},"torn":${left},"tree_size":${seq}}`
}
