/** The catalogue of controls that comes with the gate: which requirements an entry bears evidence on. */
import { readFile } from 'node:fs/promises'
import { Failure } from '../kernel/reasons.ts'
import { formatProblem } from './problem.ts'
import { readYaml, type TextFile } from './yaml-text.ts'

/** What of haltgate can be evidence of a control. */
export const evidenceKinds = [
  'decision',
  'refusal',
  'halt',
  'approval',
  'budget',
  'ledger',
  'replay',
  'payload',
  'credential',
  'policy',
  'inspection',
] as const

export type EvidenceKind = (typeof evidenceKinds)[number]

export interface Control {
  /** `framework/control`, as domains name it. */
  readonly id: string
  /** Id of the framework. */
  readonly framework: string
  readonly title: string
  readonly evidence: readonly EvidenceKind[]
}

export interface Framework {
  readonly id: string
  readonly title: string
  /** The edition that its ids are of. */
  readonly edition: string
  readonly controls: readonly Control[]
}

export interface Catalogue {
  /** The day on which it was last read against its sources. */
  readonly version: string
  readonly frameworks: readonly Framework[]
  /** By `framework/control`. */
  readonly controls: ReadonlyMap<string, Control>
}

/** errors  Failure policy-unavailable, where the file is missing or broken. */
export async function loadCatalogue(): Promise<Catalogue> {
  const name = 'controls.yaml'
  let text: string
  try {
    text = await readFile(new URL(`./${name}`, import.meta.url), 'utf8')
  } catch (cause) {
    throw new Failure('policy-unavailable', 'the catalogue of controls cannot be read', { cause })
  }
  return readCatalogue({ name, text })
}

/** Reads the text of a catalogue; every framework and control is named once. */
export function readCatalogue(file: TextFile): Catalogue {
  const yaml = readYaml(file)
  if ('length' in yaml) throw broken(yaml.map(formatProblem).join('; '))
  const top = record(yaml.value, 'the catalogue')
  const frameworks = list(top['frameworks'], 'frameworks').map(frameworkOf)
  const controls = new Map<string, Control>()
  for (const control of frameworks.flatMap((framework) => framework.controls)) {
    if (controls.has(control.id)) throw broken(`${control.id} is there twice`)
    controls.set(control.id, control)
  }
  if (new Set(frameworks.map(({ id }) => id)).size < frameworks.length) {
    throw broken('a framework is there twice')
  }
  return { version: text(top['version'], 'version'), frameworks, controls }
}

function frameworkOf(value: unknown): Framework {
  const read = record(value, 'a framework')
  const id = text(read['id'], 'id of a framework')
  const controls = list(read['controls'], `controls of ${id}`).map((each): Control => {
    const control = record(each, `a control of ${id}`)
    const name = text(control['id'], `id of a control of ${id}`)
    const evidence = list(control['evidence'], `evidence of ${id}/${name}`).map((kind) => {
      const known = evidenceKinds.find((one) => one === kind)
      if (known === undefined) throw broken(`${id}/${name} names unknown evidence`)
      return known
    })
    const title = text(control['title'], `title of ${id}/${name}`)
    return { id: `${id}/${name}`, framework: id, title, evidence }
  })
  const title = text(read['title'], `title of ${id}`)
  return { id, title, edition: text(read['edition'], `edition of ${id}`), controls }
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isMap) throw broken(`${what} is no map`)
  return value as Readonly<Record<string, unknown>>
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw broken(`${what} is no list`)
  return value
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw broken(`${what} is no text`)
  return value
}

function broken(why: string): Failure {
  return new Failure('policy-unavailable', `the catalogue of controls is broken: ${why}`)
}
