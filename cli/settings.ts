/** Where a setting comes from: flag, then environment, then default; every command reads them the same way. */
import { join, resolve } from 'node:path'
import { parseFields, type VaultField } from '../evidence/vault/commitment.ts'
import type { Limits } from '../proxy/limits.ts'
import { limitFlags } from './limit-flags.ts'
import { pluginsOfEnvironment } from './policy-files.ts'

export interface Flags {
  readonly listen?: string
  readonly transparent?: string
  readonly control?: string
  readonly policy?: string
  readonly data?: string
  readonly agent?: string
  readonly durability?: string
  readonly logLevel?: string
  readonly anyFilesystem?: boolean
  readonly insecureControl?: boolean
  readonly verifyOnStart?: string
  readonly caCert?: string
  readonly caKey?: string
  readonly upstreamCa?: string
  readonly upstreamProxy?: string
  readonly notifyUrl?: string
  readonly origin?: string
  readonly anchor?: string
  readonly vault?: string
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Settings {
  readonly listen: Address
  /** Where the network redirects to what asks no proxy; null where nothing is. */
  readonly transparent: Address | null
  readonly control: Address | { readonly path: string }
  readonly policyFile: string
  readonly dataDirectory: string
  readonly agent: string | null
  readonly durability: 'group' | 'os'
  readonly logLevel: string
  readonly anyFilesystem: boolean
  readonly insecureControl: boolean
  readonly verifyAll: boolean
  /** An operator's own CA; null where the gate makes one. */
  readonly ca: CaPlace | null
  /** Files of further roots, by which upstreams are verified. */
  readonly upstreamCa: readonly string[]
  /** Where everything is sent through that no rule says anything else of; null where nothing is. */
  readonly upstreamProxy: UpstreamProxy | null
  /** Paths of an operator's own domain plugins. */
  readonly plugins: readonly string[]
  /** Where people are told of what waits for them; null where nowhere. */
  readonly notifyUrl: string | null
  /** Name of a ledger that is begun, a URL without scheme; null for one made of its id. */
  readonly origin: string | null
  /** Where checkpoints are held outside, `s3://bucket/prefix`; null where nowhere. */
  readonly anchor: string | null
  /** Who cosigns checkpoints: `URL#VKEY`. */
  readonly witnesses: readonly string[]
  /** Fields that decisions commit to. */
  readonly vault: readonly VaultField[]
  /** Of the proxy, where they are other than its defaults. */
  readonly limits: Partial<Limits>
}

/** Where an authority is kept: a gate's own in its data directory, or an operator's wherever it is. */
export interface CaPlace {
  readonly certificateFile: string
  readonly keyFile: string
  /** Whether the gate makes it, rotates it, and may insist that nobody else reads it. */
  readonly ours: boolean
}

/** A proxy of the operator's, as `--upstream-proxy` has it. */
export interface UpstreamProxy extends Address {
  /** Empty where it needs none. */
  readonly user: string
  /** A secret: it is never printed, and never leaves but to this proxy. */
  readonly password: string
}

/** A flag or variable that is not understood: exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** errors  UsageError naming the flag and the variable. */
export function settingsOf(
  flags: Flags & Readonly<Record<string, unknown>>,
  environment: Environment,
): Settings {
  for (const [name, value] of Object.entries(flags)) {
    if (value === '') throw new UsageError(`--${hyphened(name)} is empty; leave it out or name one`)
  }
  const pick = (flag: string | undefined, variable: string, fallback: string): string =>
    flag ?? nonEmpty(environment[variable]) ?? fallback
  const durability = pick(flags.durability, 'HALTGATE_DURABILITY', 'group')
  if (durability !== 'group' && durability !== 'os') {
    throw new UsageError(`--durability (HALTGATE_DURABILITY) is group or os, not '${durability}'`)
  }
  const verify = pick(flags.verifyOnStart, 'HALTGATE_VERIFY_ON_START', 'last')
  if (verify !== 'last' && verify !== 'all') {
    throw new UsageError(
      `--verify-on-start (HALTGATE_VERIFY_ON_START) is last or all, not '${verify}'`,
    )
  }
  const control = pick(flags.control, 'HALTGATE_CONTROL', '127.0.0.1:3129')
  const agent = flags.agent ?? nonEmpty(environment['HALTGATE_AGENT']) ?? null
  return {
    listen: addressOf(pick(flags.listen, 'HALTGATE_LISTEN', '127.0.0.1:3128'), '--listen'),
    transparent: transparentOf(pick(flags.transparent, 'HALTGATE_TRANSPARENT', ''), agent),
    control: controlOf(control),
    policyFile: resolve(pick(flags.policy, 'HALTGATE_POLICY', 'policies.yaml')),
    dataDirectory: resolve(pick(flags.data, 'HALTGATE_DATA', 'data')),
    agent,
    durability,
    logLevel: pick(flags.logLevel, 'HALTGATE_LOG_LEVEL', 'info'),
    anyFilesystem: flags.anyFilesystem ?? environment['HALTGATE_ANY_FILESYSTEM'] === '1',
    insecureControl: flags.insecureControl ?? environment['HALTGATE_INSECURE_CONTROL'] === '1',
    verifyAll: verify === 'all',
    ca: operatorCa(
      fileOf(flags.caCert ?? environment['HALTGATE_CA_CERT']),
      fileOf(flags.caKey ?? environment['HALTGATE_CA_KEY']),
    ),
    upstreamCa: [fileOf(flags.upstreamCa ?? environment['HALTGATE_UPSTREAM_CA']) ?? []].flat(),
    upstreamProxy: upstreamProxyOf(
      flags.upstreamProxy ?? nonEmpty(environment['HALTGATE_UPSTREAM_PROXY']),
    ),
    plugins: pluginsOf(flags['plugin'], environment),
    notifyUrl: flags.notifyUrl ?? nonEmpty(environment['HALTGATE_NOTIFY_URL']) ?? null,
    origin: originOf(flags.origin ?? nonEmpty(environment['HALTGATE_ORIGIN'])),
    anchor: anchorOf(flags.anchor ?? nonEmpty(environment['HALTGATE_ANCHOR'])),
    witnesses: witnessesOf(flags['witness'], environment),
    vault: vaultOf(flags.vault ?? nonEmpty(environment['HALTGATE_VAULT'])),
    limits: limitsOf(flags, environment),
  }
}

/** errors  UsageError without an agent: whoever is redirected shows no credentials. */
function transparentOf(text: string, agent: string | null): Address | null {
  if (text === '') return null
  if (agent !== null) return addressOf(text, '--transparent')
  throw new UsageError(
    '--transparent (HALTGATE_TRANSPARENT) needs --agent NAME: what is redirected shows no credentials, so the listener has to say who speaks',
  )
}

/** Parts of a path: no empty one, none that leads up, nothing that a URL or a note would write otherwise. */
const pathPattern =
  /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*$/

/** A name as signed notes have it: no spaces, no plus signs (c2sp.org/signed-note). */
function originOf(text: string | undefined): string | null {
  if (text === undefined) return null
  const [host = '', ...rest] = text.split('/')
  const isHost = /^[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?$/.test(host)
  const isName = isHost && (rest.length === 0 || pathPattern.test(rest.join('/')))
  if (isName && text.length <= 200) return text
  throw new UsageError(
    `--origin (HALTGATE_ORIGIN) is a URL without scheme, for example gate.example.com/ledger, not '${text}'`,
  )
}

function anchorOf(text: string | undefined): string | null {
  if (text === undefined) return null
  const [, rest = ''] = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/(.*))?$/.exec(text) ?? []
  const isPlace = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/|$)/.test(text)
  const prefix = rest.replace(/\/$/, '')
  if (isPlace && (prefix === '' || pathPattern.test(prefix)) && text.length <= 200) return text
  throw new UsageError(
    `--anchor (HALTGATE_ANCHOR) is s3://BUCKET or s3://BUCKET/PREFIX, not '${text}'`,
  )
}

/** errors  UsageError: each names whom to ask, and the key that its answers are verified by. */
function witnessesOf(flag: unknown, environment: Environment): readonly string[] {
  const asked = Array.isArray(flag) ? flag.map(String) : []
  const named = (environment['HALTGATE_WITNESSES'] ?? '').split(/[\s,]+/).filter(Boolean)
  const all = asked.length > 0 ? asked : named
  for (const one of all) {
    if (/^https?:\/\/[^\s#]+#[^\s#+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/.test(one)) continue
    throw new UsageError(`--witness (HALTGATE_WITNESSES) is URL#VKEY, not '${one}'`)
  }
  return all
}

/** errors  UsageError for what is no list of fields. */
function vaultOf(text: string | undefined): readonly VaultField[] {
  if (text === undefined) return []
  const fields = parseFields(text)
  if (typeof fields !== 'string') return fields
  throw new UsageError(`--vault (HALTGATE_VAULT): ${fields}`)
}

/** Paths of plugins: those of the flags, or those of the environment. */
function pluginsOf(given: unknown, environment: Environment): readonly string[] {
  if (Array.isArray(given) && given.length > 0) return given.map((path) => resolve(String(path)))
  return pluginsOfEnvironment(environment)
}

const proxyPattern =
  /^http:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([1-9]\d{0,4})\/?$/

/** errors  UsageError, which does not repeat what was given: it may hold a password. */
function upstreamProxyOf(text: string | undefined): UpstreamProxy | null {
  if (text === undefined) return null
  const [, user = '', password = '', host = '', port = ''] = proxyPattern.exec(text) ?? []
  const [name, secret] = [decoded(user), decoded(password)]
  const isHeld = name !== null && secret !== null && !name.includes(':')
  if (host === '' || Number(port) > 65_535 || !isHeld) {
    const form = 'http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with signs such as @ as %40'
    throw new UsageError(`--upstream-proxy (HALTGATE_UPSTREAM_PROXY) is ${form}`)
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port), user: name, password: secret }
}

/** Null where an escape is broken, or hides a control character, which credentials do not hold (RFC 7617). */
function decoded(text: string): string | null {
  try {
    const read = decodeURIComponent(text)
    return /[\u0000-\u001f\u007f]/.test(read) ? null : read
  } catch {
    return null
  }
}

const fileOf = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : resolve(text)

/** The place that two flags name. errors  UsageError where only one is given. */
function operatorCa(
  certificateFile: string | undefined,
  keyFile: string | undefined,
): CaPlace | null {
  if (certificateFile === undefined && keyFile === undefined) return null
  if (certificateFile === undefined || keyFile === undefined) {
    throw new UsageError('--ca-cert FILE and --ca-key FILE go together: give both')
  }
  return { certificateFile, keyFile, ours: false }
}

/** The longest time that Node's timers keep; above it they fire at once. Enough for bytes and counts, too. */
const limitMax = 2 ** 31 - 1

function limitsOf(
  flags: Readonly<Record<string, unknown>>,
  environment: Environment,
): Partial<Limits> {
  const limits: Partial<Record<keyof Limits, number>> = {}
  for (const { key, flag, variable } of limitFlags) {
    const text = flags[key] ?? nonEmpty(environment[variable])
    if (text === undefined) continue
    const value = /^[1-9][0-9]{0,9}$/.test(String(text)) ? Number(text) : Number.NaN
    if (!(value <= limitMax)) {
      throw new UsageError(`${flag} (${variable}) is a number from 1 to ${limitMax}, not '${text}'`)
    }
    limits[key] = value
  }
  return limits
}

function controlOf(text: string): Settings['control'] {
  if (!text.startsWith('/') && !text.startsWith('unix:')) return addressOf(text, '--control')
  const path = text.replace(/^unix:/, '')
  if (path === '') throw new UsageError(`--control is unix:PATH, not '${text}'`)
  return { path: resolve(path) }
}

const hyphened = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

/** Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; port 0 lets the system choose. */
export function addressOf(text: string, flag: string): Address {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[2] ?? Number.NaN)
  if (match === null || !(port <= 65535)) {
    throw new UsageError(`${flag} is HOST:PORT, for example 127.0.0.1:3128, not '${text}'`)
  }
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '')
  return { host: host === '' ? '127.0.0.1' : host, port }
}

/** The files of a data directory (docs/ledger.md). */
export function layoutOf(dataDirectory: string): {
  readonly ledger: string
  readonly lock: string
  readonly policies: string
  readonly token: string
  readonly sentinel: string
  readonly ca: string
  readonly keys: string
  readonly hashKey: string
  /** Of capability tokens. */
  readonly signingKey: string
  /** Private keys of checkpoints. */
  readonly checkpointKeys: string
  /** Derived from the ledger, and made again where it is lost. */
  readonly index: string
  readonly vault: string
  /** Subjects of the vault are named under it. */
  readonly vaultKey: string
  /** Cosigned checkpoints. */
  readonly witnessed: string
} {
  return {
    ledger: join(dataDirectory, 'ledger'),
    lock: join(dataDirectory, 'ledger.lock'),
    policies: join(dataDirectory, 'policies'),
    token: join(dataDirectory, 'control.token'),
    sentinel: join(dataDirectory, 'HALT'),
    ca: join(dataDirectory, 'ca'),
    keys: join(dataDirectory, 'keys'),
    hashKey: join(dataDirectory, 'keys', 'hash.key'),
    signingKey: join(dataDirectory, 'keys', 'capability.jwk'),
    checkpointKeys: join(dataDirectory, 'keys', 'checkpoint'),
    index: join(dataDirectory, 'ledger', 'index.sqlite'),
    vault: join(dataDirectory, 'vault'),
    vaultKey: join(dataDirectory, 'keys', 'vault.key'),
    witnessed: join(dataDirectory, 'witnessed'),
  }
}

/** `host:port` as a URL writes it, brackets around IPv6. */
export function authorityOf(address: Address): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}
