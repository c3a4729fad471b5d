/** `npm run conformance`: runs the suite against any proxy, prints a table, and ends with 1 where a case failed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { addressOf } from '../../cli/settings.ts'
import { suite } from './cases/suite.ts'
import { makeCertificate } from './certificate.ts'
import { type Gate, openHaltgate, policyText } from './haltgate.ts'
import { type Origins, startOrigins } from './origins.ts'
import { type Peer, peers, startPeer } from './peers.ts'
import type { Target } from './play.ts'
import { countsOf, report } from './report.ts'
import { runSuite } from './run.ts'

const usage = `npm run conformance -- [--proxy HOST:PORT | --peer haltgate|${peers.join('|')}] [--haltgate]
                       [--only PATTERN] [--json] [--origins PORT] [--policy]

  --proxy     the proxy to be tested; it must allow localhost at the ports of the origins, PORT + 0, 2 and 3,
              deny /*/secret there, and everything else
  --peer      starts a proxy of this machine with such a policy, and ends it (default: haltgate, in this process)
  --haltgate  the proxy is a haltgate: its exact statuses and codes are checked too
  --origins   the first of the four ports of the origins (default: 24500 with --proxy, otherwise any)
  --policy    prints a policies.yaml that fits, and ends
`

interface Tested {
  readonly target: Target
  readonly gate: Gate | null
  readonly revive: (() => Promise<void>) | null
  stop(): Promise<readonly string[]>
}

function flags() {
  return parseArgs({
    options: {
      proxy: { type: 'string' },
      peer: { type: 'string', default: 'haltgate' },
      haltgate: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      origins: { type: 'string' },
      policy: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values
}

const isPeer = (name: string): name is Peer => peers.some((peer) => peer === name)

async function startTested(
  { proxy, peer }: { readonly proxy?: string | undefined; readonly peer: string },
  directory: string,
  { ports }: Origins,
): Promise<Tested> {
  if (proxy !== undefined) {
    return { target: addressOf(proxy, '--proxy'), gate: null, revive: null, stop: async () => [] }
  }
  if (isPeer(peer)) {
    const started = await startPeer(peer, directory, ports)
    const stop = async (): Promise<readonly string[]> => {
      await started.stop()
      return []
    }
    const { target, revive } = started
    return { target, gate: null, revive, stop }
  }
  const gate = await openHaltgate(directory, ports)
  return { target: gate.target, gate, revive: null, stop: () => gate.close() }
}

async function main(): Promise<number> {
  const { proxy, peer, haltgate, only, json, origins: first, policy, help } = flags()
  if (help || (peer !== 'haltgate' && !isPeer(peer))) {
    process.stdout.write(usage)
    return help ? 0 : 2
  }
  const firstPort = Number(first ?? (proxy === undefined && !policy ? '0' : '24500'))
  if (policy) {
    const [plain, shut, tls, tcp] = [firstPort, firstPort + 1, firstPort + 2, firstPort + 3]
    process.stdout.write(policyText({ plain, shut, tls, tcp }))
    return 0
  }
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-wire-'))
  const origins = await startOrigins(firstPort, makeCertificate(directory))
  try {
    const tested = await startTested({ proxy, peer }, directory, origins)
    const begun = performance.now()
    const exact = haltgate || tested.gate !== null
    const pattern = new RegExp(only)
    const { target, gate, revive } = tested
    const running = { proxy: target, origins, gate, revive, exact, topics: suite, only: pattern }
    const verdicts = await runSuite(running).finally(() => (gate === null ? tested.stop() : null))
    const problems = gate === null ? [] : await tested.stop()
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    const text = json
      ? JSON.stringify({ verdicts, problems, seconds: Number(seconds) }, null, 2)
      : [report(verdicts), ...problems, `${seconds} s`].join('\n\n')
    process.stdout.write(`${text}\n`)
    return countsOf(verdicts).failed + problems.length === 0 ? 0 : 1
  } finally {
    await origins.close()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

process.exitCode = await main()
