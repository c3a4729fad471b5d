/** `npm run bench`: every figure of one run, side by side, on one machine; it never gates. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { table } from '../cli/table.ts'
import { benchDecide } from './decide.ts'
import { benchCheckpoints, benchEvidence } from './evidence.ts'
import type { Section } from './figures.ts'
import { benchHttp, type Running } from './http.ts'
import { benchInspect } from './inspect.ts'
import { benchKernel } from './kernel.ts'
import { benchLedger, fillLedger } from './ledger.ts'
import { inspectingPeersOf, type Peer, peersOf } from './peers.ts'
import { residentMib, startServer, stopServer } from './process.ts'
import { benchStart } from './start.ts'
import { benchTunnel } from './tunnel.ts'
import { benchVerify } from './verify.ts'

const ports = { http: 24001, raw: 24002, tls: 24003, decide: 24010, evidence: 24020 }

/** `--quick` for a look; the figures in README come from a run without it. */
const quick = process.argv.includes('--quick')
const rounds = quick ? 1 : 3
const seconds = quick ? 1 : 4

/** `--only http,tunnel` measures nothing else; verify and start read what http wrote. */
const only = process.argv[process.argv.indexOf('--only') + 1]?.split(',') ?? []
const wants = (name: string): boolean => !process.argv.includes('--only') || only.includes(name)

/** `--entries 10000000` makes another ledger for evidence: some 0.8 KB of disk each, twice while it is bundled. */
const entriesAt = process.argv.indexOf('--entries')
const evidenceEntries =
  entriesAt < 0 ? (quick ? 20_000 : 500_000) : Number(process.argv[entriesAt + 1])

function print(section: Section): void {
  process.stdout.write(`\n## ${section.title}\n${section.note}\n\n`)
  process.stdout.write(`${table(section.heads, section.rows)}\n`)
}

function machine(peers: readonly Peer[]): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const cpu = cpus()
  const names = peers.slice(1).map(({ name, version }) => `${name} ${version}`)
  const memory = Math.round(totalmem() / 2 ** 30)
  return [
    `machine  ${cpu.length} × ${cpu[0]?.model ?? 'CPU'}, ${memory} GiB, Linux ${release()}, Node ${process.version}`,
    `commit   ${commit}`,
    `peers    ${names.join(', ')}`,
    `rounds   ${rounds} of ${seconds} s, interleaved, medians${quick ? ' (--quick: only a look)' : ''}`,
  ].join('\n')
}

async function startAll(peers: readonly Peer[]): Promise<Running[]> {
  const running: Running[] = []
  for (const peer of peers) {
    const { environment } = peer
    const started = await startServer(peer.command, peer.port, { environment })
    await new Promise((done) => setTimeout(done, 1000))
    running.push({ peer, started, idleMib: residentMib(started.pid) })
  }
  return running
}

/** Of the origin, for localhost. errors  Error where openssl is missing. */
function makeCertificate(key: string, certificate: string): void {
  const flags = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  flags.push('-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost')
  flags.push('-addext', 'subjectAltName=DNS:localhost')
  execFileSync('openssl', flags, { stdio: 'ignore' })
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-bench-'))
  const peers = peersOf(directory, ports)
  process.stdout.write(`# haltgate bench\n${machine(peers)}\n`)
  const [key, certificate] = [join(directory, 'origin.key'), join(directory, 'origin.pem')]
  makeCertificate(key, certificate)
  const origin = spawn(process.execPath, [
    'dist/bench/origin.js',
    String(ports.http),
    String(ports.raw),
    String(ports.tls),
    key,
    certificate,
  ])
  const running: Running[] = []
  try {
    if (wants('kernel')) print(benchKernel(quick ? 0.5 : 3))
    if (wants('decide')) {
      const decide = { directory, port: ports.decide, seconds: quick ? 1 : 6 }
      print(await benchDecide(decide))
    }
    if (wants('ledger')) print(await benchLedger(join(directory, 'raw'), seconds))
    const bulkBytes = (quick ? 64 : 1024) * 1024 * 1024
    running.push(...(await startAll(wants('http') || wants('tunnel') ? peers : [])))
    if (wants('http')) print(await benchHttp(running, { directory, ports, rounds, seconds }))
    if (wants('tunnel')) {
      print(await benchTunnel(running, { ports, rounds, setups: quick ? 200 : 3000, bulkBytes }))
    }
    for (const { started } of running.splice(0)) await stopServer(started)
    if (wants('inspect')) {
      running.push(...(await startAll(inspectingPeersOf(directory, ports, certificate))))
      const [handshakes, requests] = quick ? [100, 1000] : [400, 8_000]
      const options = { port: ports.tls, rounds, handshakes, requests, bulkBytes }
      print(await benchInspect(running, options))
      for (const { started } of running.splice(0)) await stopServer(started)
    }
    const data = join(directory, 'haltgate', 'data')
    if (wants('http') && wants('verify')) print(benchVerify(data, { rounds, replay: true }))
    if (wants('verify')) {
      const filled = join(directory, 'filled')
      mkdirSync(filled)
      await fillLedger(filled, quick ? 20_000 : 1_000_000)
      print(benchVerify(filled, { rounds, replay: false }))
    }
    if (wants('evidence')) {
      print(await benchCheckpoints(join(directory, 'checkpoints'), quick ? 4 : 24))
      const options = { directory, entries: evidenceEntries, rounds, port: ports.evidence }
      for (const section of await benchEvidence(options)) print(section)
    }
    const policy = join(directory, 'haltgate', 'policies.yaml')
    const start = { filled: data, policy, rounds: quick ? 1 : 5 }
    if (wants('http') && wants('start')) print(await benchStart(directory, start))
  } finally {
    for (const { started } of running) await stopServer(started)
    origin.kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
