/** A haltgate in this process for the suite: its policy, limits that come soon, names that a case decides, its ledger. */
import dns from 'node:dns'
import { readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { askControl } from '../../cli/control-client.ts'
import { openLog } from '../../cli/log.ts'
import { storedTerms } from '../../cli/policy-store.ts'
import { layoutOf, settingsOf } from '../../cli/settings.ts'
import { openWorld } from '../../cli/world.ts'
import { openReplay } from '../../gate/replay.ts'
import type { Entry } from '../../ledger/entry.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Limits } from '../../proxy/limits.ts'
import { type Case, markIn } from './case.ts'
import type { Origins } from './origins.ts'
import type { Target } from './play.ts'

/** statfs(2): TMPFS_MAGIC. */
const tmpfs = 0x01021994

/** Addresses that a rule allows by name only, so that it is their range that is judged. */
const literals = [
  ...[
    '127.0.0.1',
    '127.0.0.2',
    '"::1"',
    '0.0.0.0',
    '"::"',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
  ],
  ...['169.254.169.254', '169.254.170.2', '100.100.100.200', '"fd00:ec2::254"', '100.64.0.1'],
  ...[
    '"64:ff9b::7f00:1"',
    '"64:ff9b::a9fe:a9fe"',
    '"64:ff9b:1::7f00:1"',
    '"2002:7f00:1::"',
    '"fe80::1"',
  ],
  ...['"::7f00:1"', '"::ffff:0:7f00:1"', '"2001:0:7f00:1::"', '224.0.0.1', '255.255.255.255'],
]

export function policyText({ plain, tcp, tls }: Origins['ports']): string {
  return `version: 1
defaults: { verdict: deny, tls: tunnel }
agents:
  tester: { tenant: acme, project: lab }
rules:
  - id: origin
    hosts: [localhost]
    ports: [${plain}, ${tcp}, ${tls}]
    addresses: [127.0.0.0/8, "::1/128"]
    effect: allow
  - { id: secret, hosts: [localhost], ports: [${plain}], paths: ["/*/secret", "/*/secret/**"], effect: deny }
  - { id: literals, hosts: [${literals.join(', ')}], ports: [80, 443, ${plain}, ${tcp}], effect: allow }
  - { id: outside, hosts: ["*.wire.test"], ports: [80, 443, ${plain}, ${tcp}], effect: allow }
  - id: inside
    hosts: ["*.inside.test"]
    ports: [80, 443, ${plain}, ${tcp}]
    addresses: [127.0.0.0/8]
    effect: allow
budgets:
  - { id: metered, scope: run, ports: [${plain}], paths: ["/*/metered"], limits: { bytes_down: 64KiB }, on_limit: block }
  - { id: killed, scope: run, ports: [${plain}], paths: ["/*/killed"], limits: { bytes_down: 64KiB }, on_limit: kill }
  - { id: upped, scope: run, ports: [${plain}], paths: ["/*/upped"], limits: { bytes_up: 64KiB }, on_limit: block }
  - { id: timed, scope: run, ports: [${plain}], paths: ["/*/timed"], limits: { wall: 300ms }, on_limit: block }
  - { id: counted, scope: run, ports: [${plain}], paths: ["/*/counted"], limits: { requests: 2 }, on_limit: block }
  - { id: rated, scope: run, ports: [${plain}], paths: ["/*/rated"], window: 60s, limits: { requests: 1 }, on_limit: block }
  - { id: tunnel, scope: run, hosts: [metered.inside.test], ports: [${tcp}], limits: { bytes_down: 64KiB }, on_limit: block }
`
}

/** So short that a case can wait for them. */
const limits: Partial<Limits> = {
  connectionsMax: 320,
  headersTimeoutMs: 500,
  idleTimeoutMs: 1_500,
  keepAliveTimeoutMs: 2_000,
  dialTimeoutMs: 1_000,
  upstreamHeadersTimeoutMs: 900,
  drainMs: 300,
  lingerMs: 300,
}

export interface Gate {
  readonly target: Target
  /** Names that cases ask for, and the answers to them. */
  names(script: Case): void
  halt(scope: string): Promise<void>
  /** Where the ledger ends now. */
  mark(): number
  /** Each entry but rejections, in few words, with the offset at which it stands and the request it is about. */
  entries(): readonly Said[]
  /** Ends it and verifies and replays its ledger. */
  close(): Promise<readonly string[]>
}

interface Said {
  readonly at: number
  readonly request: string
  /** The mark in the path of a decision, or in the run that asked; empty where there is none. */
  readonly mark: string
  readonly text: string
}

/** Opens a gate whose data lies in a directory of its own. */
export async function openHaltgate(directory: string, ports: Origins['ports']): Promise<Gate> {
  writeFileSync(join(directory, 'policies.yaml'), policyText(ports))
  const settings = settingsOf(
    {
      ...{ listen: '127.0.0.1:0', control: '127.0.0.1:0', logLevel: 'silent', agent: 'tester' },
      ...{ policy: join(directory, 'policies.yaml'), data: join(directory, 'data') },
      anyFilesystem: statfsSync(directory).type === tmpfs,
    },
    {},
  )
  const names = new Names()
  const problems: string[] = []
  const world = await openWorld({
    settings,
    log: openLog('silent'),
    onSeal: (seal) => problems.push(`the gate sealed itself: ${JSON.stringify(seal)}`),
    limits,
  })
  const { ledger } = layoutOf(settings.dataDirectory)
  const asked = { ...settings, control: world.control }
  return {
    target: { host: world.proxy.host, port: world.proxy.port },
    names: (script) => names.take(script),
    halt: async (scope) => {
      const body = { scope, reason: 'a case asks for it' }
      const answer = await askControl(asked, 'POST', { path: '/api/v1/halts', body })
      if (answer.status >= 300) problems.push(`the halt of ${scope} was answered ${answer.status}`)
    },
    mark: () => readLedger(ledger).length,
    entries: () => saidIn(readLedger(ledger)),
    close: async () => {
      await world.close()
      names.restore()
      return [...problems, ...(await verify(settings.dataDirectory))]
    },
  }
}

/** Stands in for the system's resolver: what no case names is asked of the system as before. */
class Names {
  readonly #lookup = dns.lookup
  readonly #answers = new Map<string, string[][]>()

  constructor() {
    const system = this.#lookup
    const lookup = (name: string, options: object, callback: (...all: unknown[]) => void): void => {
      const lists = this.#answers.get(name)
      const list = lists !== undefined && lists.length > 1 ? lists.shift() : lists?.[0]
      if (list === undefined && !name.endsWith('.test')) {
        system(name, options, callback)
        return
      }
      const addresses = (list ?? []).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }))
      const error = addresses.length === 0 ? new Error('ENOTFOUND') : null
      setImmediate(() => callback(error, addresses))
    }
    Object.assign(dns, { lookup })
    syncBuiltinESMExports()
  }

  take(script: Case): void {
    for (const [name, lists] of Object.entries(script.names ?? {})) {
      this.#answers.set(
        name,
        lists.map((list) => [...list]),
      )
    }
  }

  restore(): void {
    Object.assign(dns, { lookup: this.#lookup })
    syncBuiltinESMExports()
  }
}

function readLedger(directory: string): string {
  const files = readdirSync(directory).filter((name) => /^ledger-\d+\.jsonl$/.test(name))
  return files
    .sort()
    .map((name) => readFileSync(join(directory, name), 'latin1'))
    .join('')
}

function saidIn(text: string): readonly Said[] {
  const said: Said[] = []
  let at = 0
  for (const line of text.split('\n')) {
    if (line !== '') {
      const { actor, kind, data } = JSON.parse(line) as Entry
      const request = typeof data['request'] === 'string' ? data['request'] : ''
      const words = wordsOf(kind, data)
      const mark = markIn(`${data['path'] ?? ''} ${JSON.stringify(actor)}`)
      if (words !== null) said.push({ at, request, mark, text: [kind, ...words].join(' ').trim() })
    }
    at += line.length + 1
  }
  return said
}

/** What a case may name of an entry; null for those that no case speaks of. */
function wordsOf(kind: string, data: Entry['data']): readonly string[] | null {
  if (kind === 'decision') {
    const reasons = Array.isArray(data['reasons']) ? data['reasons'] : []
    const codes = reasons.map((reason: { readonly code?: unknown }) => String(reason.code))
    const verdict = String(data['verdict'])
    // Equals of a flood of refusals share an entry: none of them is one case's own.
    return verdict === 'deny' || verdict === 'halt' ? null : [verdict, ...new Set(codes)]
  }
  if (kind === 'settlement') return [String(data['outcome']), String(data['cut'] ?? '')]
  return null
}

async function verify(dataDirectory: string): Promise<readonly string[]> {
  const layout = layoutOf(dataDirectory)
  const replay = openReplay(storedTerms(layout.policies))
  const report = await verifyLedger({ directory: layout.ledger, lockFile: layout.lock, replay })
  const problems: string[] = []
  if (report.exit !== 0) problems.push(`the ledger: ${JSON.stringify(report.findings.slice(0, 3))}`)
  const { mismatches = -1 } = report.replay ?? {}
  if (mismatches !== 0) problems.push(`the ledger replays with ${mismatches} mismatches`)
  return problems
}
