/** One question of the API server, and its answer: AdmissionReview v1 in, allowed with a patch or refused out. */
import { eachOf, type Fields, fieldsOf, isFields, type Json, textOf } from './inject-json.ts'
import { objectionsTo } from './inject-judge.ts'
import { type InjectOptions, keys } from './inject-options.ts'
import { partNames } from './inject-parts.ts'
import { jsonPatch, stepsBetween } from './inject-patch.ts'
import { injectPod } from './inject-pod.ts'

/** Which pods of a namespace are injected: all of them, or those whose annotation asks for it. */
export type Reach = 'all' | 'asked'

export interface Review {
  readonly reach: Reach
  readonly options: InjectOptions
}

export interface Reviewed {
  readonly answer: Fields
  /** For the log: what was done with which pod, and why. */
  readonly outcome: 'injected' | 'unchanged' | 'refused'
  readonly pod: string
  readonly why: string
}

const reviewVersion = 'admission.k8s.io/v1'

/** Null where the question is none that has an answer. */
export function reviewed(question: Json | undefined, review: Review): Reviewed | null {
  if (!isFields(question) || question['kind'] !== 'AdmissionReview') return null
  const request = fieldsOf(question['request'])
  const uid = textOf(request['uid'])
  if (question['apiVersion'] !== reviewVersion || uid === '' || uid.length > 256) return null
  const pod = nameOf(request)
  const answer = (response: Fields): Fields => ({
    apiVersion: reviewVersion,
    kind: 'AdmissionReview',
    response: { uid, ...response },
  })
  const decided = decide(request, review)
  if ('objections' in decided) {
    const message = `haltgate: ${decided.objections.join('; ')}`.slice(0, messageCharactersMax)
    const response = { allowed: false, status: { code: 403, message, reason: 'Forbidden' } }
    return { answer: answer(response), outcome: 'refused', pod, why: message }
  }
  const { steps } = decided
  if (steps.length === 0) {
    return { answer: answer({ allowed: true }), outcome: 'unchanged', pod, why: '' }
  }
  const patch = Buffer.from(JSON.stringify(jsonPatch(steps))).toString('base64')
  const response = { allowed: true, patch, patchType: 'JSONPatch' }
  return { answer: answer(response), outcome: 'injected', pod, why: '' }
}

/** A person reads it in the answer of `kubectl`. */
const messageCharactersMax = 2_000

type Decided =
  | { readonly steps: ReturnType<typeof stepsBetween> }
  | { readonly objections: readonly string[] }

function decide(request: Fields, { options, reach }: Review): Decided {
  const pod = request['object']
  const resource = fieldsOf(request['resource'])
  const isPod = resource['group'] === '' && resource['resource'] === 'pods' && isFields(pod)
  if (!isPod) return { objections: ['this webhook is for pods; mend its rules'] }
  const metadata = fieldsOf(pod['metadata'])
  const asked = textOf(fieldsOf(metadata['annotations'])[keys.inject])
  if (request['subResource'] === 'ephemeralcontainers') return ephemeral(pod, options)
  if (asked !== '' && asked !== 'true' && asked !== 'false') {
    return { objections: [`the annotation ${keys.inject} is "true" or "false"`] }
  }
  if (reach === 'all' && asked === 'false') {
    return { objections: [`every pod of this namespace has a gate; take out ${keys.inject}`] }
  }
  if (reach === 'asked' && asked !== 'true') return { steps: [] }
  const injected = injectPod(pod, options)
  return injected.ok ? { steps: stepsBetween(pod, injected.template) } : injected
}

/** A container that is added to a running pod cannot be changed here, so it has to be harmless as it is. */
function ephemeral(pod: Fields, options: InjectOptions): Decided {
  const prefix = textOf(fieldsOf(fieldsOf(pod['metadata'])['annotations'])[keys.injected])
  if (prefix === '') return { steps: [] }
  const spec = fieldsOf(pod['spec'])
  const objections = [...objectionsTo(spec, options, partNames(prefix))]
  for (const container of eachOf(spec['ephemeralContainers'])) {
    const context = fieldsOf(container['securityContext'])
    const drops = fieldsOf(context['capabilities'])['drop']
    const isHeld = Array.isArray(drops) && drops.includes('ALL')
    if (isHeld && context['allowPrivilegeEscalation'] === false) continue
    const name = textOf(container['name'])
    objections.push(
      `the container ${name} may become another user; drop ALL capabilities and set allowPrivilegeEscalation to false`,
    )
  }
  return objections.length > 0 ? { objections } : { steps: [] }
}

function nameOf(request: Fields): string {
  const metadata = fieldsOf(fieldsOf(request['object'])['metadata'])
  const name = textOf(request['name']) || textOf(metadata['name'])
  const called = name || `${textOf(metadata['generateName'])}*`
  return `${textOf(request['namespace'])}/${called}`.slice(0, 512)
}
