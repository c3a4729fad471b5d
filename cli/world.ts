/** Builds one running gate from settings: the only place where all rooms meet. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { AuditPorts } from '../control/audit/ports.ts'
import type { ErasurePort } from '../control/erasure-port.ts'
import type { Listen } from '../control/front.ts'
import { createMetrics, type Metrics } from '../control/metrics.ts'
import type { Control } from '../control/server.ts'
import { startControl } from '../control/server.ts'
import type { Seal } from '../gate/core.ts'
import type { Gate } from '../gate/gate.ts'
import { openGate } from '../gate/open.ts'
import type { Clock } from '../gate/ports.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { DurableCheckpoint } from '../ledger/checkpoint.ts'
import type { CompiledPolicy } from '../policy/load.ts'
import { handleConnect } from '../proxy/connect.ts'
import { fingerprint } from '../proxy/identity.ts'
import { defaultLimits, type Limits } from '../proxy/limits.ts'
import { createResolver, type Lookup } from '../proxy/resolve.ts'
import { type ProxyServer, startProxy } from '../proxy/server.ts'
import { handleUpgrade } from '../proxy/websocket.ts'
import { systemClock } from './clock.ts'
import { Custody } from './custody.ts'
import { decisionPorts } from './decisions.ts'
import { connectionsWithin, openFilesMax } from './descriptors.ts'
import { controlToken, makeDataDirectory } from './files.ts'
import { Notary } from './notary.ts'
import { Notices, noticeTarget } from './notices.ts'
import { requirePolicy } from './policy-files.ts'
import { keepPolicy, storedTerms } from './policy-store.ts'
import { type Reloaded, reloader } from './reloader.ts'
import { type Address, authorityOf, layoutOf, type Settings } from './settings.ts'
import { shownPath } from './shown-path.ts'
import { PolicySight } from './sight.ts'
import { type Counter, idsOf, interfaceReader, watchOf } from './surroundings.ts'
import { Custodian } from './vault.ts'
import { version } from './version.ts'

export interface World {
  readonly gate: Gate
  readonly metrics: Metrics
  /** Where agents connect. */
  readonly proxy: Address
  /** Where the network redirects agents to; null where it does not. */
  readonly transparent: Address | null
  /** Where operators connect. */
  readonly control: Listen
  readonly warnings: readonly string[]
  /** Reads the policy file again and puts it into force, or keeps the old one and says why. */
  reload(): Promise<Reloaded>
  /** Stops accepting, lets what is open finish, closes the ledger. */
  close(): Promise<void>
}

export interface WorldOptions {
  readonly settings: Settings
  readonly log: Logger
  readonly onSeal: (seal: Seal) => void
  /** Someone who counts decisions beside the metrics. */
  readonly watch?: Counter
  /** Another clock than the system's. */
  readonly clock?: Clock
  /** Another resolver than the system's. */
  readonly lookup?: Lookup
  /** Limits of the proxy other than its defaults. */
  readonly limits?: Partial<Limits>
  /** Told of each checkpoint. */
  readonly heartbeat?: (checkpoint: DurableCheckpoint) => void
}

/** errors  Failure policy-unavailable or ledger-unavailable; nothing is left listening. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const { settings, log } = options
  const layout = layoutOf(settings.dataDirectory)
  const { warnings, ...shown } = await requirePolicy(settings.policyFile, settings.plugins)
  const { policy } = shown
  requireAgent(policy, settings.agent)
  makeDataDirectory(settings.dataDirectory)
  const token = controlToken(layout.token)
  const metrics = createMetrics()
  const { clock = systemClock } = options
  const notary = new Notary(layout.signingKey, clock.now)
  const notices = noticesOf(options)
  const custody = new Custody({ settings, clock, log, heartbeat: options.heartbeat ?? null })
  const custodian = await Custodian.open(settings, clock.now)
  const parts = { custodian, custody, metrics, notary, notices }
  const gate = await openLedgerAndGate(options, policy, parts)
  const erasures =
    custodian?.serve(gate, (error) => log.error({ error }, 'an erasure is not over')) ?? null
  notices?.begin(gate.approvals())
  metrics.attach(gate)
  metrics.attachCustody(() => custody.view())
  let control: Control | null = null
  const own: { address: string; port: number }[] = []
  const interfaces = interfaceReader()
  try {
    await custody.begin(gate)
    const limits = limitsFor(options)
    const sight = new PolicySight({
      ...{ settings, token, notary },
      limits: { ...defaultLimits, ...limits },
      warn: (message) => log.warn({}, message),
      around: () => ({ own, interfaces: interfaces() }),
    })
    sight.use(await sight.prepare(policy))
    const reload = reloader({ gate, metrics, settings, sight, shown })
    control = await openControl({
      ...{ clock, custody, erasures, gate, metrics, notary, reload, settings, shown, token },
    })
    const { address } = control
    if ('port' in address) own.push({ address: address.host, port: address.port })
    const lookup = options.lookup === undefined ? {} : { lookup: options.lookup }
    const { after, monotonicMs: monotonic } = systemClock
    const proxy = await startProxy({
      ...settings.listen,
      transparent: settings.transparent,
      ...{ gate, limits, sight, after, monotonic, soon: setImmediate },
      openers: { tunnel: handleConnect, websocket: handleUpgrade },
      resolve: createResolver({ own: () => own, interfaces, after, ...lookup }),
      listenerAgent: settings.agent,
      newId: idsOf(gate.bootId),
      log: (level, fields, message) => log[level](fields, message),
    })
    own.push(...[proxy.address, proxy.transparent ?? []].flat())
    const listening = listenedAt(proxy.address)
    const transparent = proxy.transparent && listenedAt(proxy.transparent)
    const opened = { custodian, custody, gate, proxy, control, notices }
    const close = (): Promise<void> => closeWorld(opened)
    const listeners = { proxy: listening, transparent, control: address }
    return { gate, metrics, ...listeners, warnings, reload, close }
  } catch (error) {
    // The proxy is opened last: where anything fails, it does not listen.
    await control?.close()
    await gate.close()
    await custodian?.close()
    await custody.close()
    throw listenFailure(error, settings)
  }
}

const listenedAt = ({ address, port }: { address: string; port: number }): Address => ({
  host: address,
  port,
})

interface ControlParts {
  readonly clock: Clock
  readonly erasures: ErasurePort | null
  readonly custody: Custody
  readonly gate: Gate
  readonly metrics: Metrics
  readonly notary: Notary
  readonly reload: () => Promise<Reloaded>
  readonly settings: Settings
  readonly shown: { readonly policy: CompiledPolicy }
  readonly token: string
}

/** The operators' listener, with what decides about actions that are asked there. */
function openControl(parts: ControlParts): Promise<Control> {
  const { clock, custody, erasures, gate, metrics, notary, reload, settings, shown, token } = parts
  const { ledger } = layoutOf(settings.dataDirectory)
  const { monotonicMs } = systemClock
  const ids = { policy: () => shown.policy, newId: idsOf(`${gate.bootId}-d`) }
  return startControl({
    listen: settings.control,
    gate,
    tokens: [{ token, role: 'operator' }],
    reload,
    metrics,
    version,
    durability: settings.durability,
    audit: auditPorts(custody, gate, clock),
    erasures,
    decisions: decisionPorts({ gate, notary, ledger, monotonicMs, now: clock.now, ...ids }),
    insecure: settings.insecureControl,
  })
}

/** The index, and the gate where something is written down. */
function auditPorts(custody: Custody, gate: Gate, clock: Clock): AuditPorts {
  return {
    now: clock.now,
    page: async (ask) => (await custody.index()).page(ask),
    records: async (ask) => (await custody.index()).records(ask),
    record: async (note) => {
      const answer = await gate.record(note)
      if (answer.ok) return { receipt: answer.receipt }
      const [reason] = answer.reasons
      throw new Failure(
        reason?.code ?? 'ledger-unavailable',
        reason?.message ?? 'it is not recorded',
      )
    },
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
function listenFailure(error: unknown, { listen, transparent }: Settings): unknown {
  const cause = error instanceof Failure ? error.cause : error
  if (!(cause instanceof Error && 'syscall' in cause)) return error
  const isOther = transparent !== null && 'port' in cause && cause.port === transparent.port
  const [flag, wanted] = isOther ? ['--transparent', transparent] : ['--listen', listen]
  const message =
    error instanceof Failure
      ? error.message
      : `the proxy cannot have ${authorityOf(wanted)} (${cause.message}); choose another with ${flag}`
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

/** Tells people of what waits for them, where they said where. */
function noticesOf({ clock = systemClock, log, settings }: WorldOptions): Notices | null {
  const target = noticeTarget(settings.notifyUrl, process.env)
  if (target === null) return null
  return new Notices({
    ...target,
    clock,
    log: (level, fields, message) => log[level](fields, message),
  })
}

interface GateParts {
  readonly custodian: Custodian | null
  readonly custody: Custody
  readonly metrics: Metrics
  readonly notary: Notary
  readonly notices: Notices | null
}

function openLedgerAndGate(
  options: WorldOptions,
  policy: Policy,
  { custodian, custody, metrics, notary, notices }: GateParts,
): Promise<Gate> {
  const { settings } = options
  const layout = layoutOf(settings.dataDirectory)
  requireOldLedger(layout)
  const clock = options.clock ?? systemClock
  return openGate({
    clock,
    watch: watchOf(metrics, options.watch),
    policy,
    keyOf: fingerprint,
    hash: (text) => createHash('sha256').update(text).digest('hex'),
    prove: notary.prove,
    ...custodian?.committing,
    ...(notices === null ? {} : { onApproval: notices.tell }),
    deepCheck: process.env['GOVERNANCE_CONTRACTS_ENABLED'] === '1',
    onSeal: options.onSeal,
    anchorLagMs: () => custody.lagMs(),
    termsOf: storedTerms(layout.policies),
    keep: async (kept) => keepPolicy(layout.policies, kept),
    ledger: {
      directory: layout.ledger,
      lockFile: layout.lock,
      origin: settings.origin ?? ((logId) => `haltgate.local/${logId}`),
      checkpoints: {
        directory: layout.checkpointKeys,
        published: (checkpoint) => custody.published(checkpoint),
        trouble: (error) => custody.trouble(error),
      },
      createdBy: `haltgate ${version}`,
      durability: settings.durability,
      now: clock.now,
      soon: setImmediate,
      random: (bytes) => randomBytes(bytes),
      verifyAll: settings.verifyAll,
      anyFilesystem: settings.anyFilesystem,
      watch: metrics,
      ...custodian?.before,
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

async function closeWorld(parts: {
  custodian: Custodian | null
  custody: Custody
  gate: Gate
  proxy: ProxyServer
  control: Control
  notices: Notices | null
}): Promise<void> {
  parts.gate.drain()
  parts.notices?.close()
  await parts.proxy.close()
  await parts.control.close()
  await parts.gate.close()
  await parts.custodian?.close()
  await parts.custody.close()
}
