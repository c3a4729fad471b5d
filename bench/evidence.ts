/** What evidence costs: checkpoints beside commits, and every command of an auditor beside hashing the same files. */
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { proveEntry } from '../evidence/proof/prove.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { figure, median, quantile, type Section } from './figures.ts'
import { decisionOf, makeLedger, openMade } from './make-ledger.ts'
import { cpuSeconds, residentMib, startServer, stopServer } from './process.ts'

/** Ten checkpoints of the cadence in each round. */
const roundEntries = 10_240

/** CPU of this process for each entry, in microseconds. */
async function commitCost(ledger: Ledger, writers: number): Promise<number> {
  const before = process.cpuUsage()
  let appended = 0
  const writer = async (): Promise<void> => {
    while (appended < roundEntries) {
      appended += 1
      await ledger.append(decisionOf(appended))
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  const { system, user } = process.cpuUsage(before)
  return (user + system) / roundEntries
}

/** Two ledgers side by side, of which one signs; who goes first changes from round to round. */
export async function benchCheckpoints(directory: string, rounds: number): Promise<Section> {
  const plain = await openMade(join(directory, 'plain'), {
    checkpoints: false,
    durability: 'group',
  })
  const signed = await openMade(join(directory, 'signed'), {
    checkpoints: true,
    durability: 'group',
  })
  const rows: string[][] = []
  for (const writers of [16, 64]) {
    const costs: { readonly plain: number; readonly signed: number }[] = []
    for (const ledger of [plain, signed]) await commitCost(ledger, writers)
    for (let round = 0; round < rounds; round += 1) {
      const first = await commitCost(round % 2 === 0 ? plain : signed, writers)
      const second = await commitCost(round % 2 === 0 ? signed : plain, writers)
      const [without, beside] = round % 2 === 0 ? [first, second] : [second, first]
      costs.push({ plain: without, signed: beside })
    }
    const ratios = costs.map((cost) => cost.signed / cost.plain)
    rows.push([
      String(writers),
      figure(median(costs.map((cost) => cost.plain))),
      figure(median(costs.map((cost) => cost.signed))),
      median(ratios).toFixed(3),
      `${quantile(ratios, 0.25).toFixed(3)} to ${quantile(ratios, 0.75).toFixed(3)}`,
    ])
  }
  await plain.close()
  await signed.close()
  const heads = ['writers', 'µs CPU/entry', 'with checkpoints', 'ratio', 'its middle half']
  const note = `${rounds} rounds of ${roundEntries} entries each, interleaved; medians. Goal: ratio ≤ 1.01.`
  return { title: 'Commits with and without checkpoints', heads, rows, note }
}

interface Cost {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly peakMib: number
}

/** By GNU time. errors  Error where the command fails. */
function costOf(command: readonly string[]): Cost {
  const given = ['-f', 'COST %e %U %S %M', ...command]
  const ran = spawnSync('/usr/bin/time', given, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  const cost = /COST ([\d.]+) ([\d.]+) ([\d.]+) (\d+)/.exec(ran.stderr)
  if (ran.status !== 0 || cost === null) {
    throw new Error(`${command.join(' ')} failed: ${ran.stderr.slice(-300)}`)
  }
  const [wallSeconds = 0, user = 0, system = 0, kib = 0] = cost.slice(1).map(Number)
  return { wallSeconds, cpuSeconds: user + system, peakMib: kib / 1024 }
}

export interface EvidenceOptions {
  readonly directory: string
  readonly entries: number
  readonly rounds: number
  /** Of the gate that is started; the next one is its control listener's. */
  readonly port: number
}

/** A ledger of its own for all commands; two tables: what they cost, and how long a proof takes. */
export async function benchEvidence(options: EvidenceOptions): Promise<readonly Section[]> {
  const data = join(options.directory, 'evidence')
  const { entries } = options
  await makeLedger(data, { entries, checkpoints: true, durability: 'os' })
  const proofs = await benchProofs(data, entries)
  const costs = new Map<string, Cost[]>()
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [name, command, without] of commandsOf(options.directory, data)) {
      for (const path of without) rmSync(path, { force: true })
      const known = costs.get(name) ?? []
      costs.set(name, [...known, costOf(command)])
    }
    costs.set('start to ready', [
      ...(costs.get('start to ready') ?? []),
      await ready(data, options),
    ])
  }
  return [costSection(data, entries, costs), proofs]
}

type Command = readonly [name: string, command: readonly string[], without: readonly string[]]

function indexFiles(data: string): readonly string[] {
  return ['', '-wal', '-shm'].map((end) => join(data, 'ledger', `index.sqlite${end}`))
}

function segmentsOf(data: string): readonly string[] {
  const ledger = join(data, 'ledger')
  const names = readdirSync(ledger).filter((name) => name.startsWith('ledger-'))
  return names.sort().map((name) => join(ledger, name))
}

/** In this order: the index is there from the first query on; what they write is taken away before each. */
function commandsOf(directory: string, data: string): readonly Command[] {
  const audit = (...words: readonly string[]): readonly string[] => {
    const [verb = '', ...flags] = words
    return [process.execPath, 'dist/cli/main.js', 'audit', verb, '--data', data, ...flags]
  }
  const out = join(directory, 'evidence.out')
  const exported = (form: string): Command => {
    return [`export ${form}`, audit('export', '--format', form, '--out', out), [out]]
  }
  const proof = audit('prove', '--seq', '17', '--out', out)
  const verify = (level: string, workers: string): Command => {
    const command = audit('verify', '--require', level, '--workers', workers)
    return [`verify, ${level}, workers ${workers}`, command, []]
  }
  return [
    ['haltgate --version', [process.execPath, 'dist/cli/main.js', '--version'], []],
    ['openssl dgst -sha256', ['openssl', 'dgst', '-sha256', ...segmentsOf(data)], []],
    verify('chain', '1'),
    verify('chain', '2'),
    verify('signed', '1'),
    verify('signed', '2'),
    ['prove, no index', proof, [out, ...indexFiles(data)]],
    ['query that makes the index', audit('query', '--kind', 'incident'), indexFiles(data)],
    ['query of few hits', audit('query', '--kind', 'incident'), []],
    ['query that scans in vain', audit('query', '--host', 'nowhere.example'), []],
    ['prove, index', proof, [out]],
    exported('jsonl'),
    exported('csv'),
    exported('ocsf'),
    ['export --bundle', audit('export', '--bundle', out), [out]],
  ]
}

const policyText = `version: 1
agents: { bench: {} }
rules:
  - { id: read, hosts: [localhost], methods: [GET], effect: allow }
budgets:
  - { id: per-run, scope: run, limits: { requests: 1000000000 }, on_limit: block }
`

/** From spawn to the first 200 of /readyz. */
async function ready(data: string, { directory, port }: EvidenceOptions): Promise<Cost> {
  const policy = join(directory, 'evidence.yaml')
  writeFileSync(policy, policyText)
  const [listen, control] = [`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`]
  const flags = ['--listen', listen, '--control', control, '--policy', policy, '--data', data]
  const command = [process.execPath, 'dist/cli/main.js', 'start', ...flags, '--agent', 'bench']
  const begun = performance.now()
  const started = await startServer(command, port + 1)
  try {
    while (performance.now() - begun < 60_000) {
      const { status } = await fetch(`http://${control}/readyz`)
      if (status !== 200) continue
      const wallSeconds = (performance.now() - begun) / 1000
      const { pid } = started
      return { wallSeconds, cpuSeconds: cpuSeconds(pid), peakMib: residentMib(pid) }
    }
    throw new Error('the gate was never ready')
  } finally {
    await stopServer(started)
  }
}

function costSection(
  data: string,
  entries: number,
  costs: ReadonlyMap<string, readonly Cost[]>,
): Section {
  const cpu = (name: string): number =>
    median((costs.get(name) ?? []).map((cost) => cost.cpuSeconds))
  const [openssl, verify] = [cpu('openssl dgst -sha256'), cpu('verify, chain, workers 1')]
  const rows = [...costs].map(([name, all]) => [
    name,
    figure(median(all.map((cost) => cost.wallSeconds))),
    figure(cpu(name)),
    figure(cpu(name) / openssl),
    figure(cpu(name) / verify),
    figure(entries / cpu(name)),
    figure(Math.max(...all.map((cost) => cost.peakMib))),
  ])
  const bytes = segmentsOf(data).reduce((sum, file) => sum + statSync(file).size, 0)
  const heads = ['what', 'wall s', 'CPU s', '÷ openssl', '÷ verify', 'entries/CPU-s', 'peak MiB']
  const size = `${entries.toLocaleString('en-US')} entries, ${Math.round(bytes / 1e6)} MB`
  const note = `${size}; start of node included, which the first line has alone. Goals: verify ≤ 6.5 × openssl, ≤ 96 MiB; index ≥ 100,000 rows/s.`
  return { title: 'Evidence', heads, rows, note }
}

/** So many entries are proven, spread over the ledger by the golden ratio. */
const provenByIndex = 200
const provenBySegments = 5

async function benchProofs(data: string, entries: number): Promise<Section> {
  const directory = join(data, 'ledger')
  const command = [process.execPath, 'dist/cli/main.js', 'audit', 'query', '--data', data]
  costOf([...command, '--kind', 'incident'])
  const [indexFile = ''] = indexFiles(data)
  const rows: string[][] = []
  for (const [name, file, count] of [
    ['by the index', indexFile, provenByIndex],
    ['by the segments', null, provenBySegments],
  ] as const) {
    const times: number[] = []
    const begun = process.cpuUsage()
    for (let at = 0; at < count; at += 1) {
      const seq = Math.floor(((at * 0.618_033_988_749_895) % 1) * entries)
      const before = performance.now()
      const proven = await proveEntry({ directory, indexFile: file }, { seq })
      times.push(performance.now() - before)
      const wanted = file === null ? 'segments' : 'index'
      if (!proven.proven) throw new Error(proven.sentence)
      if (proven.source !== wanted) throw new Error(`entry ${seq} was proven by ${proven.source}`)
    }
    const { system, user } = process.cpuUsage(begun)
    const cpuMs = (system + user) / 1000 / count
    const quantiles = [quantile(times, 0.5), quantile(times, 0.95), cpuMs]
    rows.push([name, String(count), ...quantiles.map(figure)])
  }
  const heads = ['proofs', 'count', 'p50 ms', 'p95 ms', 'CPU ms each']
  const note = `Of ${entries.toLocaleString('en-US')} entries, in this process; each is verified before it is answered.`
  return { title: 'Inclusion proofs', heads, rows, note }
}
