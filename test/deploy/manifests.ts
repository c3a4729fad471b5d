/** The manifests of these tests, and what is to be said of every injected pod. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { eachOf, type Fields, fieldsOf, isFields, textOf } from '../../cli/inject-json.ts'
import { injectOptions } from '../../cli/inject-options.ts'

export const usual = injectOptions({})

const folder = join(process.cwd(), 'test', 'deploy')

export interface Manifest {
  readonly name: string
  readonly text: string
}

export const manifestsOf = (kind: 'pods' | 'refused'): readonly Manifest[] =>
  readdirSync(join(folder, kind)).map((name) => ({
    name,
    text: readFileSync(join(folder, kind, name), 'utf8'),
  }))

export const manifest = (name: string): string =>
  readFileSync(join(folder, 'pods', `${name}.yaml`), 'utf8')

/** Every document of a text, as Kubernetes reads it. */
export const documentsOf = (text: string): readonly Fields[] =>
  parseAllDocuments(text, { version: '1.1' })
    .map((document) => JSON.parse(JSON.stringify(document.toJS())))
    .filter(isFields)

/** The pod, or the template of one. */
export function podOf(value: Fields): Fields {
  const spec = fieldsOf(value['spec'])
  if (value['kind'] === 'Pod') return value
  const job = fieldsOf(fieldsOf(spec['jobTemplate'])['spec'])
  return fieldsOf(spec['template'] ?? job['template'])
}

export const podsOf = (text: string): readonly Fields[] =>
  documentsOf(text)
    .map(podOf)
    .filter((pod) => isFields(pod['spec']))

const specOf = (pod: Fields): Fields => fieldsOf(pod['spec'])

export const prefixOf = (pod: Fields): string =>
  textOf(fieldsOf(fieldsOf(pod['metadata'])['annotations'])['haltgate.internal/injected'])

/** Containers that injection added, by what comes behind their prefix. */
export function addedTo(pod: Fields): ReadonlyMap<string, Fields> {
  const prefix = prefixOf(pod)
  const added = eachOf(specOf(pod)['initContainers']).slice(0, 3)
  return new Map(added.map((one) => [textOf(one['name']).replace(prefix, 'gate'), one]))
}

/** The pod's own containers, those that come first too. */
export const ownOf = (pod: Fields): readonly Fields[] => [
  ...eachOf(specOf(pod)['initContainers']).slice(3),
  ...eachOf(specOf(pod)['containers']),
]

export const variable = (container: Fields, name: string): readonly string[] =>
  eachOf(container['env'])
    .filter((one) => one['name'] === name)
    .map((one) => textOf(one['value']))
