/** What an operator says about injection, and the fixed names, ports and ids that every injected pod has. */
import { UsageError } from './settings.ts'
import { version } from './version.ts'

/** The user of the gate in a pod: whatever it sends leaves, and nobody else's does. */
export const gateUid = 1337

export const proxyPort = 3128
export const controlPort = 3129

/**
 * Names of labels and annotations. Their prefix must be a DNS name, and `.internal` belongs to nobody (ICANN reserved
 * it for private use in 2024): it claims no domain that somebody could hold.
 */
export const keys = {
  /** Of a namespace: enabled or asked. Of a pod: "true" or "false". */
  inject: 'haltgate.internal/inject',
  /** Of a pod: the name of its agent. */
  agent: 'haltgate.internal/agent',
  /** Of an injected pod: as an annotation the prefix of the names that were added, as a label "true". */
  injected: 'haltgate.internal/injected',
  /** Of an injected manifest: the text that it was made of. */
  original: 'haltgate.internal/original',
  /** Of an injected manifest: SHA-256 of what injection made of it. */
  digest: 'haltgate.internal/digest',
} as const

export interface InjectOptions {
  readonly image: string
  /** Has `nft`, and sets the rules of the pod's network. */
  readonly rulesImage: string
  readonly agent: string
  /** A ConfigMap of the pod's namespace with policies.yaml. */
  readonly policy: string
  /** A Secret of the pod's namespace, whose values the gate has as variables; null where there is none. */
  readonly secret: string | null
  /** A PersistentVolumeClaim for ledgers; null for a volume that ends with the pod. */
  readonly ledgerClaim: string | null
  /** Where TCP to 80 and 443 is redirected to; null where it is refused. */
  readonly transparentPort: number | null
  readonly allowHostPath: boolean
  /** Whether each container has to say its user. */
  readonly requireUser: boolean
}

const name = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
export const agentName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const imageName = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}$/

/** errors  UsageError naming the flag. */
export function injectOptions(flags: Readonly<Record<string, unknown>>): InjectOptions {
  const text = (flag: string, form: RegExp, fallback: string): string => {
    const value = String(flags[flag] ?? fallback)
    if (form.test(value)) return value
    const written = flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new UsageError(`--${written} '${value.slice(0, 100)}' is no name that Kubernetes takes`)
  }
  return {
    image: text('image', imageName, `haltgate:${version}`),
    rulesImage: text('rulesImage', imageName, `haltgate-rules:${version}`),
    agent: text('agent', agentName, 'local'),
    policy: text('policy', name, 'haltgate-policy'),
    secret: flags['secret'] === undefined ? null : text('secret', name, ''),
    ledgerClaim: flags['ledgerClaim'] === undefined ? null : text('ledgerClaim', name, ''),
    transparentPort: transparentPortOf(flags['transparent']),
    allowHostPath: flags['allowHostPath'] === true,
    requireUser: flags['requireUser'] === true,
  }
}

function transparentPortOf(value: unknown): number | null {
  if (value === undefined || value === false) return null
  const port = value === true ? 3130 : Number(value)
  const isFree = port !== proxyPort && port !== controlPort
  if (Number.isInteger(port) && port >= 1024 && port <= 65_535 && isFree) return port
  throw new UsageError(
    `--transparent is a port from 1024 to 65535 but ${proxyPort} and ${controlPort}, not '${String(value)}'`,
  )
}
