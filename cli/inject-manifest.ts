/**
 * Manifests as texts: which of their documents have pods, and these documents injected, with their comments and order,
 * or as they were before. What injection does not touch stays byte for byte.
 */
import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { tooDeep } from '../policy/yaml-depth.ts'
import { eachOf, type Fields, fieldsOf, isFields, type Json, textOf } from './inject-json.ts'
import { type InjectOptions, keys } from './inject-options.ts'
import { stepsBetween } from './inject-patch.ts'
import { injectPod, isInjected } from './inject-pod.ts'
import { piecesOf, readDocument, writeDocument, type YamlDocument } from './inject-yaml.ts'

/** Of one file; the API server takes 3 MiB, and one manifest 1.5 MiB. */
export const manifestBytesMax = 4 * 1024 * 1024

/** An annotation of at most this: all of one object together may have 256 KiB. */
const originalBytesMax = 200_000

/** Where the kinds have their pod. */
const podPlaces: ReadonlyMap<string, readonly string[]> = new Map([
  ['v1 Pod', []],
  ['apps/v1 Deployment', ['spec', 'template']],
  ['apps/v1 StatefulSet', ['spec', 'template']],
  ['apps/v1 DaemonSet', ['spec', 'template']],
  ['apps/v1 ReplicaSet', ['spec', 'template']],
  ['batch/v1 Job', ['spec', 'template']],
  ['batch/v1 CronJob', ['spec', 'jobTemplate', 'spec', 'template']],
])

export interface Outcome {
  readonly text: string
  /** Sentences; where there is one, the text is as it was. */
  readonly objections: readonly string[]
  /** How many of the documents were changed. */
  readonly changed: number
}

interface Read {
  readonly text: string
  readonly document: YamlDocument
  readonly value: Fields
  /** Where its pod is. */
  readonly place: readonly string[]
  /** How it is told of: kind and name. */
  readonly called: string
}

/** The text of a document after a change, or why there is none. */
type Answer = string | readonly string[]

export const injectText = (text: string, options: InjectOptions): Outcome =>
  changed(text, (read) => injected(read, options))

export const uninjectText = (text: string): Outcome => changed(text, restored)

function changed(text: string, change: (read: Read) => Answer): Outcome {
  const refuse = (sentence: string): Outcome => ({ text, objections: [sentence], changed: 0 })
  if (Buffer.byteLength(text) > manifestBytesMax) {
    return refuse(`a file of more than ${manifestBytesMax} bytes is no manifest; divide it`)
  }
  const deep = tooDeep(text)
  if (deep !== null) return refuse(`line ${deep.line}: nested too deep for a manifest`)
  const objections: string[] = []
  let count = 0
  const after = piecesOf(text).map((piece, index) => {
    if (!piece.isDocument) return piece.text
    const answer = changedPiece(piece.text, `the part ${index + 1} of the file`, change)
    if (typeof answer === 'string') {
      if (answer !== piece.text) count += 1
      return answer
    }
    objections.push(...answer)
    return piece.text
  })
  if (objections.length > 0) return { text, objections, changed: 0 }
  return { text: after.join(''), objections, changed: count }
}

function changedPiece(text: string, called: string, change: (read: Read) => Answer): Answer {
  const read = readPiece(text, called)
  if (read === null) return text
  if ('objections' in read) return read.objections
  const answer = change(read)
  if (typeof answer === 'string') return answer
  return answer.map((sentence) => `${read.called}: ${sentence}`)
}

/** Null where a document has no pod. */
function readPiece(
  text: string,
  called: string,
): Read | null | { readonly objections: readonly string[] } {
  const document = readDocument(text)
  if ('objections' in document) {
    return { objections: document.objections.map((one) => `${called}: ${one}`) }
  }
  const { value } = document
  if (!isFields(value)) return null
  const kind = textOf(value['kind'])
  const name = textOf(fieldsOf(value['metadata'])['name'])
  const place = podPlaces.get(`${textOf(value['apiVersion'])} ${kind}`)
  const read = { text, document, value, called: `${kind} ${name}`.trim() }
  if (place !== undefined) return { ...read, place }
  if (!hidesPod(value)) return null
  const sentence = 'its pods would run without a gate: this kind is not known; inject its pods'
  return { objections: [`${read.called || called}: ${sentence}`] }
}

/** A list, or a kind of somebody's own, in which pods stand that would pass unseen. */
function hidesPod(value: Fields): boolean {
  const spec = fieldsOf(value['spec'])
  const job = fieldsOf(fieldsOf(spec['jobTemplate'])['spec'])
  const inner = [value, spec, job].map((one) => fieldsOf(one['template']))
  const hasPod = [...inner, value].some((one) => {
    return eachOf(fieldsOf(one['spec'])['containers']).length > 0
  })
  return hasPod || eachOf(value['items']).some(hidesPod)
}

const inside = (value: Fields, place: readonly string[]): Fields =>
  place.reduce((outer, name) => fieldsOf(outer[name]), value)

const annotationsOf = (value: Fields): Fields =>
  fieldsOf(fieldsOf(value['metadata'])['annotations'])

function injected(read: Read, options: InjectOptions): Answer {
  const { place, value } = read
  if (annotationsOf(value)[keys.original] === undefined) return injectedFirst(read, options)
  const before = originalOf(value)
  if (typeof before !== 'string') return before
  if (isInjected(inside(value, place), options)) return read.text
  // Other options: from the beginning, so that what is kept is still what it was made of.
  const again = readPiece(before, read.called)
  return again === null || 'objections' in again
    ? ['the original that it keeps is no manifest; inject the file that it was made of']
    : injectedFirst(again, options)
}

function injectedFirst(read: Read, options: InjectOptions): Answer {
  const { document, place, text, value } = read
  const pod = injectPod(inside(value, place), options)
  if (!pod.ok) return pod.objections
  const original = deflateRawSync(text).toString('base64')
  if (original.length > originalBytesMax) return ['it is too long to be kept in an annotation']
  const whole = within(value, place, pod.template)
  const annotations = { [keys.digest]: digestOf(whole), [keys.original]: original }
  return writeDocument(document, stepsBetween(value, annotated(whole, annotations)))
}

/** The text that an injected manifest was made of, or why it cannot be told. */
function originalOf(value: Fields): Answer {
  const { [keys.digest]: digest, [keys.original]: kept } = annotationsOf(value)
  if (digestOf(value) !== digest) {
    return [
      'it was edited after it was injected; edit the file that it was made of, and inject that',
    ]
  }
  try {
    const bytes = Buffer.from(textOf(kept), 'base64')
    return inflateRawSync(bytes, { maxOutputLength: manifestBytesMax }).toString('utf8')
  } catch {
    return ['the original that it keeps cannot be read; take the file that it was made of']
  }
}

function restored(read: Read): Answer {
  const annotations = annotationsOf(read.value)
  if (annotations[keys.original] !== undefined) return originalOf(read.value)
  const pod = inside(read.value, read.place)
  if (annotationsOf(pod)[keys.injected] === undefined) return read.text
  return ['it keeps no original: the webhook injected it; take the file that it was made of']
}

function within(value: Fields, place: readonly string[], pod: Fields): Fields {
  const [name, ...rest] = place
  if (name === undefined) return pod
  return { ...value, [name]: within(fieldsOf(value[name]), rest, pod) }
}

function annotated(value: Fields, more: Fields): Fields {
  const metadata = fieldsOf(value['metadata'])
  const annotations = { ...annotationsOf(value), ...more }
  return { ...value, metadata: { ...metadata, annotations } }
}

/** Of what a manifest says, but for what injection writes down about it. */
function digestOf(value: Fields): string {
  const { [keys.digest]: _digest, [keys.original]: _original, ...others } = annotationsOf(value)
  const metadata = { ...fieldsOf(value['metadata']), annotations: others }
  const text = JSON.stringify(sorted({ ...value, metadata }))
  return createHash('sha256').update(text).digest('hex')
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isFields(value)) return value
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(members.map(([name, one]) => [name, sorted(one)]))
}
