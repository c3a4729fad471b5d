/** What no rule in a pod's network can hold back: such a pod is refused, each reason with the way out. */

import { eachOf, type Fields, fieldsOf, isFields, listOf, textOf } from './inject-json.ts'
import { controlPort, gateUid, type InjectOptions, proxyPort } from './inject-options.ts'
import { type PartNames, trustDirectory } from './inject-parts.ts'

/** With one of these a process can change the rules, forge packets, or become the gate's user or somebody outside. */
const freeing = new Set(
  (
    'ALL BPF DAC_READ_SEARCH NET_ADMIN NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN ' +
    'SYS_BOOT SYS_MODULE SYS_PTRACE SYS_RAWIO'
  ).split(' '),
)

/** Each a sentence; none where the pod can be held. */
export function objectionsTo(
  spec: Fields,
  options: InjectOptions,
  names: PartNames,
): readonly string[] {
  const added = new Set<string>([names.gate, names.rules, names.trust])
  const own = ['initContainers', 'containers', 'ephemeralContainers']
    .flatMap((list) => eachOf(spec[list]))
    .filter(({ name }) => !added.has(textOf(name)))
  return [
    ...aboutPod(spec, options),
    ...aboutVolumes(spec, options, names),
    ...own.flatMap((container) => aboutContainer(container, { spec, options, names })),
  ]
}

function aboutPod(spec: Fields, options: InjectOptions): readonly string[] {
  const found: string[] = []
  if (!eachOf(spec['containers']).length) found.push('the pod has no containers')
  for (const shared of ['hostNetwork', 'hostPID', 'hostIPC']) {
    if (spec[shared] !== true) continue
    found.push(`${shared} puts the pod into the node's own namespace; take it out`)
  }
  const os = textOf(fieldsOf(spec['os'])['name'])
  const selected = textOf(fieldsOf(spec['nodeSelector'])['kubernetes.io/os'])
  if (os === 'windows' || selected === 'windows') {
    found.push('the pod is for Windows, whose network has no nftables; run its agent on Linux')
  }
  const context = fieldsOf(spec['securityContext'])
  if (context['runAsUser'] === gateUid) found.push(clash('the pod'))
  if (options.ledgerClaim !== null && context['fsGroupChangePolicy'] === 'Always') {
    const why = 'opens the keys of the ledger to a group at each start'
    found.push(`fsGroupChangePolicy Always ${why}; make it OnRootMismatch`)
  }
  return found
}

function aboutVolumes(
  spec: Fields,
  { allowHostPath, ledgerClaim }: InjectOptions,
  names: PartNames,
): readonly string[] {
  const found: string[] = []
  for (const volume of eachOf(spec['volumes'])) {
    const name = textOf(volume['name'])
    if (isFields(volume['hostPath']) && !allowHostPath) {
      const why = 'may hold a socket of the node that leads out'
      found.push(`the volume ${name} is a hostPath, which ${why}; see --allow-host-path`)
    }
    const claim = textOf(fieldsOf(volume['persistentVolumeClaim'])['claimName'])
    if (claim !== '' && claim === ledgerClaim && name !== names.dataVolume) {
      found.push(`the volume ${name} is the claim of the ledger; take another`)
    }
  }
  return found
}

const clash = (who: string): string =>
  `${who} runs as user ${gateUid}, whose packets leave as the gate's do; choose another runAsUser`

interface Around {
  readonly spec: Fields
  readonly options: InjectOptions
  readonly names: PartNames
}

function aboutContainer(container: Fields, { spec, options, names }: Around): readonly string[] {
  const found: string[] = []
  const who = `the container ${textOf(container['name']) || 'without a name'}`
  const context = fieldsOf(container['securityContext'])
  if (context['runAsUser'] === gateUid) found.push(clash(who))
  const user = context['runAsUser'] ?? fieldsOf(spec['securityContext'])['runAsUser']
  if (options.requireUser && typeof user !== 'number') {
    found.push(`${who} does not say its user, and its image might say ${gateUid}; set runAsUser`)
  }
  if (context['privileged'] === true) found.push(`${who} is privileged; take it out`)
  for (const capability of listOf(fieldsOf(context['capabilities'])['add'])) {
    if (!freeing.has(capabilityName(capability))) continue
    found.push(`${who} adds the capability ${capabilityName(capability)}, a way out; take it out`)
  }
  const taken = [proxyPort, controlPort, ...[options.transparentPort ?? []].flat()]
  for (const port of eachOf(container['ports'])) {
    if (!taken.some((one) => one === port['containerPort'])) continue
    found.push(`${who} uses the port ${String(port['containerPort'])}, which is the gate's`)
  }
  for (const mount of eachOf(container['volumeMounts'])) {
    const isOurs = textOf(mount['name']) === names.trustVolume
    const path = `${textOf(mount['mountPath'])}/`.replace(/\/+/g, '/')
    if (!isOurs && `${trustDirectory}/`.startsWith(path) && path !== '/etc/') {
      found.push(`${who} mounts something at ${textOf(mount['mountPath'])}, where the bundle goes`)
    }
    if (!isOurs && textOf(mount['name']) === names.dataVolume) {
      found.push(`${who} mounts the volume of the ledger`)
    }
  }
  return found
}

/** As the kernel calls it, however it is written. */
export const capabilityName = (value: unknown): string =>
  String(value).toUpperCase().replace(/^CAP_/, '')
