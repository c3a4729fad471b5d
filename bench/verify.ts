/** Verification and replay of one ledger, as processes of their own, next to hashing the same file. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { figure, median, type Section } from './figures.ts'

interface Cost {
  readonly cpuSeconds: number
  readonly peakMib: number
}

/** CPU and peak memory of a command, by GNU time. errors  Error where the command fails. */
function costOf(command: readonly string[]): Cost {
  const ran = spawnSync('/usr/bin/time', ['-f', 'COST %U %S %M', ...command], { encoding: 'utf8' })
  const cost = /COST ([\d.]+) ([\d.]+) (\d+)/.exec(ran.stderr)
  if (ran.status !== 0 || cost === null) {
    throw new Error(
      `${command.join(' ')} failed: ${ran.stdout.slice(-300)} ${ran.stderr.slice(-300)}`,
    )
  }
  const [user = 0, system = 0, kib = 0] = cost.slice(1).map(Number)
  return { cpuSeconds: user + system, peakMib: kib / 1024 }
}

function segmentsOf(data: string): string[] {
  const ledger = join(data, 'ledger')
  const names = readdirSync(ledger).filter((name) => name.startsWith('ledger-'))
  return names.sort().map((name) => join(ledger, name))
}

function entriesOf(segments: readonly string[]): number {
  return Number(
    execFileSync('sh', ['-c', 'cat "$@" | wc -l', 'sh', ...segments], { encoding: 'utf8' }),
  )
}

/**
 * data      a data directory whose gate has ended; its ledger is read only.
 * replay    whether its policies are kept beside it, so that --replay can decide again.
 */
export function benchVerify(data: string, options: { rounds: number; replay: boolean }): Section {
  const segments = segmentsOf(data)
  const bytes = segments.reduce((sum, file) => sum + statSync(file).size, 0)
  const entries = entriesOf(segments)
  const verify = [process.execPath, 'dist/cli/main.js', 'audit', 'verify', '--data', data, '--json']
  const commands: [string, readonly string[]][] = [
    ['openssl dgst -sha256', ['openssl', 'dgst', '-sha256', ...segments]],
    ['sha256sum', ['sha256sum', ...segments]],
    ['audit verify', verify],
  ]
  if (options.replay) commands.push(['audit verify --replay', [...verify, '--replay']])
  const costs = new Map<string, Cost[]>(commands.map(([name]) => [name, []]))
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [name, command] of commands) costs.get(name)?.push(costOf(command))
  }
  const cpu = (name: string): number =>
    median((costs.get(name) ?? []).map((cost) => cost.cpuSeconds))
  const openssl = cpu('openssl dgst -sha256')
  const rows = commands.map(([name]) => [
    name,
    figure(cpu(name)),
    figure(cpu(name) / openssl),
    figure(entries / cpu(name)),
    figure(Math.max(...(costs.get(name) ?? []).map((cost) => cost.peakMib))),
  ])
  const heads = ['command', 'CPU s', '÷ openssl', 'entries/CPU-s', 'peak MiB']
  const size = `${entries.toLocaleString('en-US')} entries, ${Math.round(bytes / 1e6)} MB`
  const note = `${size}; start of node included. Goals: verify ≤ 6.5 × openssl, ≤ 96 MiB; replay ≥ 100,000 entries/s.`
  return {
    title: `Verification (${options.replay ? 'of a gate' : 'of the writer'})`,
    heads,
    rows,
    note,
  }
}
