/** From spawn to ready, on an empty ledger and on the one that the bench filled; and from a halt to the last byte. */

import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { figure, median, quantile, type Section } from './figures.ts'
import { residentMib, type Started, startServer, stopServer } from './process.ts'

const proxyPort = 24200
const controlPort = 24201
const originPort = 24001

export interface StartOptions {
  /** A data directory that a gate of this bench left behind. */
  readonly filled: string
  readonly policy: string
  readonly rounds: number
}

function command(data: string, policy: string): string[] {
  const flags = ['--listen', `127.0.0.1:${proxyPort}`, '--control', `127.0.0.1:${controlPort}`]
  flags.push('--policy', policy, '--data', data, '--agent', 'bench', '--log-level', 'warn')
  return [process.execPath, 'dist/cli/main.js', 'start', ...flags]
}

/** Spawn to the first 200 of /readyz. */
async function ready(data: string, policy: string): Promise<{ ms: number; mib: number }> {
  const begun = performance.now()
  const started = await startServer(command(data, policy), controlPort)
  while ((await ask('GET', '/readyz', null)) !== 200) {
    if (performance.now() - begun > 60_000) throw new Error('the gate was never ready')
  }
  const ms = performance.now() - begun
  const mib = residentMib(started.pid)
  await stopServer(started)
  return { ms, mib }
}

function ask(
  method: string,
  path: string,
  call: { token: string; body: string } | null,
): Promise<number> {
  return new Promise((resolve) => {
    const headers: Record<string, string> = {}
    if (call !== null) {
      headers['authorization'] = `Bearer ${call.token}`
      headers['content-type'] = 'application/json'
    }
    const asked = request({ host: '127.0.0.1', port: controlPort, method, path, headers })
    asked.on('response', (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    asked.on('error', () => resolve(0))
    asked.end(call?.body)
  })
}

/** Opens an endless download, halts its run, and says how long after the order the last byte came. */
async function halts(data: string, policy: string, count: number): Promise<number[]> {
  const started: Started = await startServer(command(data, policy), controlPort)
  const token = readFileSync(join(data, 'control.token'), 'utf8').trim()
  const times: number[] = []
  for (let index = 0; index < count; index += 1) {
    times.push(await haltOnce(token, `bench-${process.pid}-${index}`))
  }
  await stopServer(started)
  return times
}

function haltOnce(token: string, run: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let ordered = 0
    let last = 0
    const socket = connect(proxyPort, '127.0.0.1')
    const credentials = Buffer.from(`bench+${run}:`).toString('base64')
    const host = `localhost:${originPort}`
    socket.write(
      `GET http://${host}/endless HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`,
    )
    socket.on('data', () => {
      last = performance.now()
      if (ordered !== 0) return
      ordered = performance.now()
      const body = JSON.stringify({ scope: `run:bench/${run}`, reason: 'bench' })
      ask('POST', '/api/v1/halts', { token, body }).catch(reject)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Math.max(0, last - ordered)))
    setTimeout(() => reject(new Error('a halted download went on')), 10_000).unref()
  })
}

export async function benchStart(directory: string, options: StartOptions): Promise<Section> {
  const { filled, policy, rounds } = options
  const empty: { ms: number; mib: number }[] = []
  const full: { ms: number; mib: number }[] = []
  for (let round = 0; round < rounds; round += 1) {
    empty.push(await ready(join(directory, `empty-${round}`), policy))
    full.push(await ready(filled, policy))
  }
  const cut = await halts(join(directory, 'halts'), policy, rounds * 10)
  const rows = [
    ['start on an empty ledger, ms', figure(median(empty.map(({ ms }) => ms))), '≤ 500'],
    [
      'start on the filled ledger, ms',
      figure(median(full.map(({ ms }) => ms))),
      '≤ 2,000 at 1,000,000 entries',
    ],
    ['RSS when ready, MiB', figure(median(empty.map(({ mib }) => mib))), '≤ 90'],
    ['halt ordered to last byte, p50 ms', figure(median(cut)), ''],
    ['halt ordered to last byte, p99 ms', figure(quantile(cut, 0.99)), '≤ 50'],
  ]
  const note = `Medians of ${rounds}; the filled ledger is the one that this run's requests wrote.`
  return { title: 'Start and halt', heads: ['what', 'measured', 'goal'], rows, note }
}
