/** Builds one running gate from settings: the only place where all rooms meet. */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Listen } from '../control/front.ts'
import { createMetrics, type Metrics } from '../control/metrics.ts'
import type { Control } from '../control/server.ts'
import { startControl } from '../control/server.ts'
import type { Seal } from '../gate/core.ts'
import type { Gate } from '../gate/gate.ts'
import { openGate } from '../gate/open.ts'
import type { Watch } from '../gate/ports.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { Verdict } from '../kernel/verdict.ts'
import { reloadProblems } from '../policy/reload.ts'
import { handleConnect } from '../proxy/connect.ts'
import { fingerprint } from '../proxy/identity.ts'
import { defaultLimits, type Limits } from '../proxy/limits.ts'
import { createResolver } from '../proxy/resolve.ts'
import { type ProxyServer, startProxy } from '../proxy/server.ts'
import { handleUpgrade } from '../proxy/websocket.ts'
import { systemClock } from './clock.ts'
import { connectionsWithin, openFilesMax } from './descriptors.ts'
import { controlToken, makeDataDirectory } from './files.ts'
import { readPolicy, requirePolicy, shownPath } from './policy-files.ts'
import { keepPolicy, storedTerms } from './policy-store.ts'
import { type Address, authorityOf, layoutOf, type Settings } from './settings.ts'
import { PolicySight } from './sight.ts'
import { version } from './version.ts'

export interface World {
  readonly gate: Gate
  readonly metrics: Metrics
  /** Where agents connect. */
  readonly proxy: Address
  /** Where operators connect. */
  readonly control: Listen
  readonly warnings: readonly string[]
  /** Reads the policy file again and puts it into force, or keeps the old one and says why. */
  reload(): Promise<Reloaded>
  /** Stops accepting, lets what is open finish, closes the ledger. */
  close(): Promise<void>
}

export type Reloaded =
  | { readonly ok: true; readonly digest: string }
  | { readonly ok: false; readonly problems: readonly string[] }

export interface WorldOptions {
  readonly settings: Settings
  readonly log: Logger
  readonly onSeal: (seal: Seal) => void
  /** Someone who counts decisions beside the metrics. */
  readonly watch?: Counter
  /** Limits of the proxy other than its defaults. */
  readonly limits?: Partial<Limits>
}

export interface Counter {
  decided(verdict: Verdict, code: string): void
}

/** errors  Failure policy-unavailable or ledger-unavailable; nothing is left listening. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const { settings, log } = options
  const layout = layoutOf(settings.dataDirectory)
  const { policy, warnings } = await requirePolicy(settings.policyFile)
  requireAgent(policy, settings.agent)
  makeDataDirectory(settings.dataDirectory)
  const token = controlToken(layout.token)
  const metrics = createMetrics()
  const gate = await openLedgerAndGate(options, policy, metrics)
  metrics.attach(gate)
  let control: Control | null = null
  const own: { address: string; port: number }[] = []
  const interfaces = interfaceReader()
  try {
    const limits = limitsFor(options)
    const sight = new PolicySight({
      ...{ settings, token },
      limits: { ...defaultLimits, ...limits },
      warn: (message) => log.warn({}, message),
      around: () => ({ own, interfaces: interfaces() }),
    })
    sight.use(await sight.prepare(policy))
    const reload = reloader({ gate, metrics, settings, sight })
    control = await startControl({
      listen: settings.control,
      gate,
      tokens: [{ token, role: 'operator' }],
      reload,
      metrics,
      version,
      durability: settings.durability,
      insecure: settings.insecureControl,
    })
    const { address } = control
    if ('port' in address) own.push({ address: address.host, port: address.port })
    const proxy = await startProxy({
      ...settings.listen,
      gate,
      openers: { tunnel: handleConnect, websocket: handleUpgrade },
      resolve: createResolver({
        own: () => own,
        interfaces,
        after: systemClock.after,
      }),
      listenerAgent: settings.agent,
      limits,
      sight,
      newId: idsOf(gate.bootId),
      monotonic: systemClock.monotonicMs,
      after: systemClock.after,
      log: (level, fields, message) => log[level](fields, message),
    })
    const listening = { host: proxy.address.address, port: proxy.address.port }
    own.push({ address: listening.host, port: listening.port })
    const parts = { gate, proxy, control }
    const close = (): Promise<void> => closeWorld(parts)
    return { gate, metrics, proxy: listening, control: address, warnings, reload, close }
  } catch (error) {
    // The proxy is opened last: where anything fails, it does not listen.
    await control?.close()
    await gate.close()
    throw listenFailure(error, settings.listen)
  }
}

/** As they were asked for, with no more connections than there are file descriptors for. */
function limitsFor({ limits, log, settings }: WorldOptions): Partial<Limits> {
  const asked = { ...settings.limits, ...limits }
  const files = openFilesMax()
  const wanted = asked.connectionsMax ?? defaultLimits.connectionsMax
  const connectionsMax = connectionsWithin(files, wanted)
  if (connectionsMax < wanted) {
    const way = 'fewer connections than asked for: raise the limit of open files (ulimit -n)'
    const level = asked.connectionsMax === undefined ? 'info' : 'warn'
    log[level]({ connections_max: connectionsMax, asked: wanted, open_files: files }, way)
  }
  return { ...asked, connectionsMax }
}

/** An address that cannot be had is a failure of the machine, whichever listener wanted it. */
function listenFailure(error: unknown, proxy: Address): unknown {
  const cause = error instanceof Failure ? error.cause : error
  if (!(cause instanceof Error && 'syscall' in cause)) return error
  const message =
    error instanceof Failure
      ? error.message
      : `the proxy cannot have ${authorityOf(proxy)} (${cause.message}); choose another with --listen`
  return new Failure('ledger-unavailable', message, { cause: error })
}

function requireAgent(policy: Policy, agent: string | null): void {
  if (agent === null || policy.agents.has(agent)) return
  const known = [...policy.agents.keys()].join(', ')
  throw new Failure(
    'policy-unavailable',
    `--agent ${agent}: the policy declares no such agent (it has: ${known === '' ? 'none' : known})`,
  )
}

function openLedgerAndGate(options: WorldOptions, policy: Policy, metrics: Metrics): Promise<Gate> {
  const { settings } = options
  const layout = layoutOf(settings.dataDirectory)
  requireOldLedger(layout)
  return openGate({
    clock: systemClock,
    watch: watchOf(metrics, options.watch),
    policy,
    keyOf: fingerprint,
    deepCheck: process.env['GOVERNANCE_CONTRACTS_ENABLED'] === '1',
    onSeal: options.onSeal,
    termsOf: storedTerms(layout.policies),
    keep: async (kept) => keepPolicy(layout.policies, kept),
    ledger: {
      directory: layout.ledger,
      lockFile: layout.lock,
      origin: 'haltgate.local/ledger',
      createdBy: `haltgate ${version}`,
      durability: settings.durability,
      now: systemClock.now,
      random: (bytes) => randomBytes(bytes),
      verifyAll: settings.verifyAll,
      anyFilesystem: settings.anyFilesystem,
      watch: metrics,
    },
  })
}

/**
 * Refuses to begin a ledger where there was one: a directory that keeps policies had a durable genesis before
 * them, and a new ledger would forget what was halted and spent.
 *
 * errors  Failure ledger-unavailable, with the way out.
 */
function requireOldLedger({ ledger, policies }: ReturnType<typeof layoutOf>): void {
  const kept = existsSync(policies) && readdirSync(policies).some((name) => name.endsWith('.json'))
  if (!kept) return
  const segments = existsSync(ledger) ? readdirSync(ledger) : []
  const whole = segments.filter(
    (name) => segmentName.test(name) && statSync(join(ledger, name)).size > 0,
  )
  if (whole.length > 0) return
  throw new Failure(
    'ledger-unavailable',
    `${shownPath(ledger)} holds no entry, although a gate ran here before: its halts and spending would be ` +
      'forgotten. Put the segments back, or begin anew in another directory with --data DIR.',
  )
}

const segmentName = /^ledger-\d{15}\.jsonl$/

/** Addresses of a machine seldom change, and reading them costs a tenth of a request (profiled 2026-11-21). */
const interfacesMs = 5_000

/** Every address of this machine: where a listener on a wildcard address can be reached. */
function interfaceReader(): () => readonly string[] {
  let found: readonly string[] = []
  let readAt = Number.NEGATIVE_INFINITY
  const read = (): readonly string[] => {
    const now = systemClock.monotonicMs()
    if (now - readAt < interfacesMs) return found
    readAt = now
    try {
      found = Object.values(networkInterfaces()).flatMap(
        (all) => all?.map((one) => one.address) ?? [],
      )
    } catch {
      // No file descriptor is left (EMFILE): the addresses that were known still stand.
    }
    return found
  }
  // Once before anything is listened to: later there may be no descriptor to ask with.
  read()
  return read
}

/** Ids of requests, unique for all time: the boot's ULID and a counter. */
function idsOf(bootId: string): () => string {
  let count = 0
  return () => {
    count += 1
    return `${bootId}-${count.toString(36)}`
  }
}

/** The metrics, and beside them someone who hears of each decision. */
function watchOf(metrics: Metrics, also: WorldOptions['watch']): Watch {
  if (also === undefined) return metrics
  return {
    decided: (verdict, code, domain, seconds) => {
      metrics.decided(verdict, code, domain, seconds)
      also.decided(verdict, code)
    },
    admitted: (seconds) => metrics.admitted(seconds),
    appended: (kind) => metrics.appended(kind),
    stepped: () => metrics.stepped(),
    severed: (scope, cause) => metrics.severed(scope, cause),
    opened: (kind) => metrics.opened(kind),
    ended: (end) => metrics.ended(end),
  }
}

interface ReloadParts {
  readonly gate: Gate
  readonly metrics: Metrics
  readonly settings: Settings
  readonly sight: PolicySight
}

/** Reloads one at a time; a loosened limit, an unreadable file or a typo keeps the old policy. */
function reloader(parts: ReloadParts): () => Promise<Reloaded> {
  const layout = layoutOf(parts.settings.dataDirectory)
  let last: Promise<Reloaded> = Promise.resolve({ ok: true, digest: parts.gate.policy.digest })
  const once = async (): Promise<Reloaded> => {
    const { gate } = parts
    const read = await readPolicy(parts.settings.policyFile)
    if ('problems' in read) return refuse(parts, read.problems)
    const { policy } = read
    if (policy.digest === gate.policy.digest) {
      // What its credentials are read from may say something else by now.
      parts.sight.use(await parts.sight.prepare(policy))
      return { ok: true, digest: policy.digest }
    }
    if (parts.settings.agent !== null && !policy.agents.has(parts.settings.agent)) {
      return refuse(parts, [`the agent ${parts.settings.agent} of this listener is gone`])
    }
    const problems = reloadProblems(gate.policy, policy)
    if (problems.length > 0) return refuse(parts, problems)
    const vision = await parts.sight.prepare(policy)
    keepPolicy(layout.policies, policy)
    const before = parts.sight.vision
    const loading = gate.load(policy, 'reload')
    // In the turn in which the policy is in force: no request is given another policy's credentials.
    parts.sight.use(vision)
    const loaded = await loading
    if (!loaded.ok && before !== null) parts.sight.use(before)
    if (loaded.ok) return { ok: true, digest: policy.digest }
    return refuse(
      parts,
      loaded.reasons.map(({ message }) => message),
    )
  }
  return () => {
    last = last.then(once, once).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      return refuse(parts, [why])
    })
    return last
  }
}

async function refuse(parts: ReloadParts, problems: readonly string[]): Promise<Reloaded> {
  parts.metrics.reloadFailed()
  await parts.gate.refuseLoad(problems)
  return { ok: false, problems }
}

async function closeWorld(parts: {
  gate: Gate
  proxy: ProxyServer
  control: Control
}): Promise<void> {
  parts.gate.drain()
  await parts.proxy.close()
  await parts.control.close()
  await parts.gate.close()
}
