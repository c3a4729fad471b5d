/** Where a setting comes from: flag, then environment, then default; every command reads them the same way. */
import { join, resolve } from 'node:path'

export interface Flags {
  readonly listen?: string
  readonly control?: string
  readonly policy?: string
  readonly data?: string
  readonly agent?: string
  readonly durability?: string
  readonly logLevel?: string
  readonly anyFilesystem?: boolean
  readonly insecureControl?: boolean
  readonly verifyOnStart?: string
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Settings {
  readonly listen: Address
  readonly control: Address | { readonly path: string }
  readonly policyFile: string
  readonly dataDirectory: string
  readonly agent: string | null
  readonly durability: 'group' | 'os'
  readonly logLevel: string
  readonly anyFilesystem: boolean
  readonly insecureControl: boolean
  readonly verifyAll: boolean
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
export function settingsOf(flags: Flags, environment: Environment): Settings {
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
  return {
    listen: addressOf(pick(flags.listen, 'HALTGATE_LISTEN', '127.0.0.1:3128'), '--listen'),
    control: controlOf(control),
    policyFile: resolve(pick(flags.policy, 'HALTGATE_POLICY', 'policies.yaml')),
    dataDirectory: resolve(pick(flags.data, 'HALTGATE_DATA', 'data')),
    agent: flags.agent ?? nonEmpty(environment['HALTGATE_AGENT']) ?? null,
    durability,
    logLevel: pick(flags.logLevel, 'HALTGATE_LOG_LEVEL', 'info'),
    anyFilesystem: flags.anyFilesystem ?? environment['HALTGATE_ANY_FILESYSTEM'] === '1',
    insecureControl: flags.insecureControl ?? environment['HALTGATE_INSECURE_CONTROL'] === '1',
    verifyAll: verify === 'all',
  }
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
} {
  return {
    ledger: join(dataDirectory, 'ledger'),
    lock: join(dataDirectory, 'ledger.lock'),
    policies: join(dataDirectory, 'policies'),
    token: join(dataDirectory, 'control.token'),
    sentinel: join(dataDirectory, 'HALT'),
  }
}

/** `host:port` as a URL writes it, brackets around IPv6. */
export function authorityOf(address: Address): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}
