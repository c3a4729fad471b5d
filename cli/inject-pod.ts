/**
 * Puts a gate into a pod, as a pure step over its JSON. A second step changes nothing: every part is made to be as it
 * should, whatever stood there by its name, so that no label or annotation of a pod is believed.
 */
import {
  eachOf,
  type Fields,
  fieldsOf,
  isFields,
  type Json,
  listOf,
  same,
  textOf,
} from './inject-json.ts'
import { capabilityName, objectionsTo } from './inject-judge.ts'
import { agentName, controlPort, gateUid, type InjectOptions, keys } from './inject-options.ts'
import {
  agentEnvironment,
  initContainersOf,
  type PartNames,
  partNames,
  trustDirectory,
  trustMount,
  volumesOf,
} from './inject-parts.ts'

export type InjectedPod =
  | { readonly ok: true; readonly template: Fields }
  | { readonly ok: false; readonly objections: readonly string[] }

/** template  a pod, or the template of one: `metadata` and `spec`; its other members stay. */
export function injectPod(template: Fields, options: InjectOptions): InjectedPod {
  const spec = fieldsOf(template['spec'])
  const metadata = fieldsOf(template['metadata'])
  const prefix = prefixOf(metadata, spec)
  const names = partNames(prefix)
  const agent = textOf(fieldsOf(metadata['annotations'])[keys.agent]) || options.agent
  const objections = [...objectionsTo(spec, options, names)]
  if (!agentName.test(agent)) objections.push(`the annotation ${keys.agent} is no name of an agent`)
  if (objections.length > 0) return { ok: false, objections }
  const injected = specWith(spec, { ...options, agent }, names)
  return {
    ok: true,
    template: { ...template, metadata: metadataWith(metadata, prefix), spec: injected },
  }
}

/** The prefix of an injected pod, or the first that nothing of the pod begins with. */
function prefixOf(metadata: Fields, spec: Fields): string {
  const kept = textOf(fieldsOf(metadata['annotations'])[keys.injected])
  if (/^haltgate(-[2-9])?$/.test(kept)) return kept
  const taken = ['containers', 'initContainers', 'ephemeralContainers', 'volumes']
    .flatMap((list) => eachOf(spec[list]))
    .map(({ name }) => textOf(name))
  const free = ['haltgate', ...[2, 3, 4, 5, 6, 7, 8, 9].map((count) => `haltgate-${count}`)].find(
    (prefix) => !taken.some((name) => Object.values(partNames(prefix)).includes(name)),
  )
  return free ?? 'haltgate'
}

function metadataWith(metadata: Fields, prefix: string): Fields {
  const annotations = fieldsOf(metadata['annotations'])
  // Whoever scrapes the pod already goes on doing so: there is one place for this in a pod.
  const scraped = annotations['prometheus.io/scrape'] !== undefined
  const scrape = {
    'prometheus.io/path': '/metrics',
    'prometheus.io/port': String(controlPort),
    'prometheus.io/scrape': 'true',
  }
  return {
    ...metadata,
    labels: { ...fieldsOf(metadata['labels']), [keys.injected]: 'true' },
    annotations: { ...annotations, ...(scraped ? {} : scrape), [keys.injected]: prefix },
  }
}

function specWith(spec: Fields, options: InjectOptions, names: PartNames): Fields {
  const added = initContainersOf(names, options)
  const volumes = volumesOf(names, options)
  const own = (list: Json | undefined, parts: readonly Fields[]): readonly Json[] =>
    listOf(list).filter((one) => !parts.some(({ name }) => isFields(one) && one['name'] === name))
  const held = (one: Json): Json => (isFields(one) ? containerWith(one, names) : one)
  return {
    ...spec,
    ...(options.ledgerClaim === null ? {} : { securityContext: groupWith(spec) }),
    initContainers: [...added, ...own(spec['initContainers'], added).map(held)],
    containers: own(spec['containers'], added).map(held),
    volumes: [...own(spec['volumes'], volumes), ...volumes],
  }
}

/** A claim belongs to root: the group of the pod makes it writable for the gate, once and not file by file. */
function groupWith(spec: Fields): Fields {
  return {
    fsGroup: gateUid,
    fsGroupChangePolicy: 'OnRootMismatch',
    ...fieldsOf(spec['securityContext']),
  }
}

/** A container that sends what it sends through the gate, and can become nobody else. */
function containerWith(container: Fields, names: PartNames): Fields {
  const mounts = listOf(container['volumeMounts']).filter(
    (one) => !(isFields(one) && one['mountPath'] === trustDirectory),
  )
  return {
    ...container,
    env: environmentWith(listOf(container['env'])),
    securityContext: contextWith(fieldsOf(container['securityContext'])),
    volumeMounts: [...mounts, trustMount(names)],
  }
}

/** Each variable once: where it stood, or at the end. */
function environmentWith(before: readonly Json[]): readonly Json[] {
  const missing = new Map(agentEnvironment.map((one) => [textOf(one['name']), one]))
  const known = new Set(missing.keys())
  const kept = before.flatMap((one) => {
    const name = isFields(one) ? textOf(one['name']) : ''
    if (!known.has(name)) return [one]
    const ours = missing.get(name)
    missing.delete(name)
    return ours === undefined ? [] : [ours]
  })
  return [...kept, ...missing.values()]
}

/**
 * Without SETUID no process becomes the gate's user, and without privilege escalation no program that belongs to that
 * user and is marked to run as it does either. NET_ADMIN could change the rules, NET_RAW writes packets past them.
 */
const dropped = ['NET_ADMIN', 'NET_RAW', 'SETGID', 'SETUID']

function contextWith(context: Fields): Fields {
  const capabilities = fieldsOf(context['capabilities'])
  const before = listOf(capabilities['drop'])
  const names = before.map(capabilityName)
  const more = names.includes('ALL') ? [] : dropped.filter((name) => !names.includes(name))
  return {
    ...context,
    allowPrivilegeEscalation: false,
    capabilities: { ...capabilities, drop: [...before, ...more] },
  }
}

/** Whether a pod is as injection with these options makes it. */
export function isInjected(template: Fields, options: InjectOptions): boolean {
  const injected = injectPod(template, options)
  return injected.ok && same(injected.template, template)
}
