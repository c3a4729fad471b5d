/** What injection puts into a pod, each part as the API of Kubernetes has it; inject-pod.ts says where it goes. */

import type { Fields } from './inject-json.ts'
import { controlPort, gateUid, type InjectOptions, proxyPort } from './inject-options.ts'
import { rulesOf } from './inject-rules.ts'

/** Names of what is added, all beginning alike. */
export interface PartNames {
  readonly gate: string
  readonly rules: string
  readonly trust: string
  readonly dataVolume: string
  readonly policyVolume: string
  readonly trustVolume: string
}

export function partNames(prefix: string): PartNames {
  return {
    gate: prefix,
    rules: `${prefix}-rules`,
    trust: `${prefix}-trust`,
    dataVolume: `${prefix}-data`,
    policyVolume: `${prefix}-policy`,
    trustVolume: `${prefix}-bundle`,
  }
}

/** Where every container finds the certificates that it has to trust. */
export const trustDirectory = '/etc/haltgate/trust'
export const bundleFile = `${trustDirectory}/bundle.pem`

const policyDirectory = '/etc/haltgate/policy'
const dataDirectory = '/var/lib/haltgate'

const proxyUrl = `http://127.0.0.1:${proxyPort}`

/** Of one container with another nothing leaves the pod, so they need no gate between them. */
const loopback = 'localhost,127.0.0.1,::1'

/** The variables that clients read, as `haltgate run` sets them but for loopback. */
export const agentEnvironment: readonly Fields[] = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'].map(
    (name) => ({ name, value: proxyUrl }),
  ),
  { name: 'NO_PROXY', value: loopback },
  { name: 'no_proxy', value: loopback },
  { name: 'NODE_USE_ENV_PROXY', value: '1' },
  ...[
    'CURL_CA_BUNDLE',
    'DENO_CERT',
    'GIT_SSL_CAINFO',
    'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
    'NODE_EXTRA_CA_CERTS',
    'REQUESTS_CA_BUNDLE',
    'SSL_CERT_FILE',
  ].map((name) => ({ name, value: bundleFile })),
]

export const trustMount = (names: PartNames): Fields => ({
  name: names.trustVolume,
  mountPath: trustDirectory,
  readOnly: true,
})

export function volumesOf(names: PartNames, options: InjectOptions): readonly Fields[] {
  const { ledgerClaim, policy } = options
  return [
    ledgerClaim === null
      ? { name: names.dataVolume, emptyDir: {} }
      : { name: names.dataVolume, persistentVolumeClaim: { claimName: ledgerClaim } },
    { name: names.policyVolume, configMap: { name: policy } },
    { name: names.trustVolume, emptyDir: { sizeLimit: '8Mi' } },
  ]
}

/** The rules first, so that nothing of the pod ever runs without them; then the bundle, then the gate itself. */
export function initContainersOf(
  names: PartNames,
  options: InjectOptions & { readonly agent: string },
): readonly Fields[] {
  return [rulesContainer(names, options), trustContainer(names, options), gate(names, options)]
}

function rulesContainer(names: PartNames, options: InjectOptions): Fields {
  return {
    name: names.rules,
    image: options.rulesImage,
    command: ['nft', rulesOf(options.transparentPort)],
    resources: resources('10m', '32Mi'),
    // The rules of a network belong to the root of its namespace; nothing else of root is needed.
    securityContext: {
      ...locked,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  }
}

function trustContainer(names: PartNames, options: InjectOptions): Fields {
  return {
    name: names.trust,
    image: options.image,
    args: ['ca', 'bundle', '--out', bundleFile],
    env: gateEnvironment(options),
    resources: resources('100m', '256Mi'),
    securityContext: asGate,
    volumeMounts: [
      { name: names.dataVolume, mountPath: dataDirectory },
      { name: names.trustVolume, mountPath: trustDirectory },
    ],
  }
}

/** A native sidecar: it starts before the pod's own containers, and ends after them. */
function gate(names: PartNames, options: InjectOptions): Fields {
  const { secret, transparentPort } = options
  const inlet = transparentPort === null ? [] : ['--transparent', `127.0.0.1:${transparentPort}`]
  return {
    name: names.gate,
    image: options.image,
    restartPolicy: 'Always',
    args: ['start', ...inlet],
    env: gateEnvironment(options),
    ...(secret === null ? {} : { envFrom: [{ secretRef: { name: secret } }] }),
    ports: [{ name: 'gate-control', containerPort: controlPort, protocol: 'TCP' }],
    startupProbe: probe('/readyz', { periodSeconds: 1, failureThreshold: 60 }),
    readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 2 }),
    livenessProbe: probe('/healthz', { periodSeconds: 10, failureThreshold: 6 }),
    resources: resources('100m', '256Mi'),
    securityContext: asGate,
    volumeMounts: [
      { name: names.dataVolume, mountPath: dataDirectory },
      { name: names.policyVolume, mountPath: policyDirectory, readOnly: true },
    ],
  }
}

/**
 * Each pod has a directory of its own in the volume, which the gate makes for itself alone. The control listener is on
 * the pod's address, for probes and Prometheus: what is not open there asks for a token.
 */
function gateEnvironment(options: InjectOptions): readonly Fields[] {
  return [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'HALTGATE_AGENT', value: options.agent },
    { name: 'HALTGATE_CONTROL', value: `0.0.0.0:${controlPort}` },
    { name: 'HALTGATE_DATA', value: `${dataDirectory}/$(POD_NAME)` },
    { name: 'HALTGATE_INSECURE_CONTROL', value: '1' },
    { name: 'HALTGATE_LISTEN', value: `127.0.0.1:${proxyPort}` },
    { name: 'HALTGATE_POLICY', value: `${policyDirectory}/policies.yaml` },
  ]
}

const locked: Fields = {
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
}

const asGate: Fields = {
  ...locked,
  capabilities: { drop: ['ALL'] },
  runAsGroup: gateUid,
  runAsNonRoot: true,
  runAsUser: gateUid,
}

const probe = (path: string, times: Fields): Fields => ({
  httpGet: { path, port: controlPort },
  timeoutSeconds: 2,
  ...times,
})

/** The limit of memory is what is asked for: a gate that is promised memory it does not have is killed. */
const resources = (cpu: string, memory: string): Fields => ({
  requests: { cpu, memory },
  limits: { cpu: '1', memory },
})
