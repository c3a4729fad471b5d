/** A real Prometheus on a free port of loopback, with the rules that come with haltgate; it ends with the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Teardown } from '../e2e/world.ts'

/** The sentence of a skipped test; false where the command is there. */
export function lacking(command: 'prometheus' | 'promtool'): string | false {
  if (spawnSync(command, ['--version']).status === 0) return false
  return `NOT TESTED: no ${command} on this machine (Debian: apt-get install prometheus)`
}

/** One series of an answer: its labels, and its newest value. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export class Prometheus {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  /** Scrapes `127.0.0.1:target` each second as the job `haltgate`. */
  static async open(t: Teardown, target: number): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'haltgate-prometheus-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
    const file = join(directory, 'prometheus.yml')
    writeFileSync(file, configuration(target))
    const child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(directory, 'tsdb')}`,
        '--web.listen-address=127.0.0.1:0',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    t.teardown(() => ended(child))
    return new Prometheus(`http://127.0.0.1:${await portOf(child)}`)
  }

  /** The series that an expression has now. errors  Error with what Prometheus says of it. */
  async query(expression: string): Promise<readonly Series[]> {
    const { result } = await this.#ask('query', `query=${encodeURIComponent(expression)}`)
    const found = result as readonly { metric: Record<string, string>; value: [number, string] }[]
    return found.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }

  /** Names of the alerts that fire, and what ails rules: empty where all can be evaluated. */
  async rules(): Promise<{
    readonly firing: readonly string[]
    readonly ailing: readonly string[]
  }> {
    const { groups } = await this.#ask('rules', 'type=alert')
    const rules = (groups as readonly { rules: readonly Rule[] }[]).flatMap((group) => group.rules)
    return {
      firing: rules.filter(({ state }) => state === 'firing').map(({ name }) => name),
      ailing: rules
        .filter(({ health }) => health !== 'ok')
        .map(({ name, health, lastError }) => `${name}: ${health} ${lastError ?? ''}`),
    }
  }

  async #ask(what: string, words: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#url}/api/v1/${what}?${words}`)
    const answer = (await response.json()) as { status: string; error?: string; data?: object }
    if (answer.status !== 'success') throw new Error(`${words}: ${answer.error}`)
    return { ...answer.data }
  }
}

interface Rule {
  readonly name: string
  readonly state: string
  readonly health: string
  readonly lastError?: string
}

const configuration = (target: number): string => `global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [${JSON.stringify(resolve('dashboards/alerts.yaml'))}]
scrape_configs:
  - job_name: haltgate
    static_configs: [{ targets: ["127.0.0.1:${target}"] }]
`

const patienceMs = 20_000

/** The port that it says it listens on: it chose a free one. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((done, fail) => {
    let said = ''
    const stop = (why: string): void => fail(new Error(`prometheus: ${why}: ${said}`))
    const timer = setTimeout(() => stop(`silent for ${patienceMs} ms`), patienceMs)
    child.once('error', (error) => stop(error.message))
    child.once('close', (code) => stop(`ended with ${code}`))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-20_000)
      const port = /msg="Listening on" address=\S*:(\d+)/.exec(said)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      done(Number(port))
    })
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('close', done))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await gone
  clearTimeout(timer)
}
