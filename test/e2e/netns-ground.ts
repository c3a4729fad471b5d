/**
 * Three hosts as network namespaces of this machine: an agent, a gate and an origin. The agent's only link leads to a bridge
 * of the gate's, and the origin's to the gate. Nothing of the machine's own network is touched, and all of it ends with
 * the test.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isInMemory, makeDirectory, type Teardown } from './world.ts'

export const addresses = {
  agent: '10.99.1.2',
  /** Where the agent sees the gate, and where the origin does. */
  gate: '10.99.1.1',
  gateOutside: '10.99.2.1',
  origin: '10.99.2.2',
  agent6: 'fd99:1::2',
  gate6: 'fd99:1::1',
  gateOutside6: 'fd99:2::1',
  origin6: 'fd99:2::2',
  metadata: '169.254.169.254',
} as const

export type Host = 'agent' | 'gate' | 'origin'

export interface Ended {
  readonly code: number
  readonly output: string
}

/** Why no such ground can be had on this machine; false where it can. */
export function lackOfGround(): string | false {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `haltgate-${process.pid}-probe`
  try {
    execFileSync('nft', ['--version'], { stdio: 'ignore' })
    execFileSync('python3', ['--version'], { stdio: 'ignore' })
    execFileSync('curl', ['--version'], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' })
    return false
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `network namespaces, iproute2, nftables, curl and python3 are needed: ${why}`
  }
}

/** What the origin counts: every packet that is for it, but for what neighbours ask each other; and who sent it. */
const watch = `table inet watch {
  counter arrived { }
  set senders { type ipv4_addr . inet_proto; size 64; flags dynamic; }
  set senders6 { type ipv6_addr . inet_proto; size 64; flags dynamic; }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "lo" accept
    meta pkttype != host accept
    icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
    counter name "arrived"
    update @senders { ip saddr . meta l4proto }
    update @senders6 { ip6 saddr . meta l4proto }
  }
}
`

export class Ground {
  readonly directory: string
  readonly #names: Readonly<Record<Host, string>>
  readonly #children: ChildProcess[] = []

  constructor(t: Teardown) {
    this.directory = makeDirectory(t)
    const name = (host: Host): string => `haltgate-${process.pid}-${host}`
    this.#names = { agent: name('agent'), gate: name('gate'), origin: name('origin') }
    writeFileSync(this.#resolver, `nameserver ${addresses.origin}\noptions timeout:1 attempts:1\n`)
    t.teardown(() => this.#end())
    this.#build()
  }

  get #resolver(): string {
    return join(this.directory, 'resolv.conf')
  }

  /** Whether its directory needs --any-filesystem. */
  get lenient(): readonly string[] {
    return isInMemory(this.directory) ? ['--any-filesystem'] : []
  }

  /** Runs a command on a host, as root there, to its end. */
  run(host: Host, command: readonly string[], waitMs = 10_000): Promise<Ended> {
    const [program = '', ...rest] = this.#on(host, command)
    return new Promise((resolve) => {
      execFile(program, rest, { timeout: waitMs }, (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : 1
        resolve({ code: error === null ? 0 : code, output: `${stdout}${stderr}` })
      })
    })
  }

  /** Starts a process on a host that lives as long as the test; resolves once it said something that matches. */
  start(host: Host, command: readonly string[], ready: RegExp): Promise<ChildProcess> {
    const [program = '', ...rest] = this.#on(host, command)
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#children.push(child)
    let said = ''
    return new Promise((resolve, reject) => {
      const hear = (piece: Buffer): void => {
        said += piece.toString()
        if (ready.test(said)) resolve(child)
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.once('close', (code) => reject(new Error(`ended with ${code}: ${said}`)))
    })
  }

  /** Loads rules into a host's nftables. */
  load(host: Host, rules: string): void {
    const [program = '', ...rest] = this.#on(host, ['nft', '-f', '-'])
    execFileSync(program, rest, { input: rules, stdio: ['pipe', 'pipe', 'pipe'] })
  }

  /** Whether the gate's host passes packets on by itself, as a router does. */
  forwards(isRouter: boolean): void {
    const value = isRouter ? '1' : '0'
    const keys = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']
    for (const key of keys) this.#do('gate', `sysctl -qw ${key}=${value}`)
  }

  /** Packets that came to the origin from outside so far, of every protocol. */
  async arrived(): Promise<number> {
    const { output } = await this.run('origin', [
      'nft',
      'list',
      'counter',
      'inet',
      'watch',
      'arrived',
    ])
    return Number(/packets (\d+)/.exec(output)?.[1] ?? Number.NaN)
  }

  /** Who sent what was counted since the last time that this was asked. */
  async senders(): Promise<string> {
    const said: string[] = []
    for (const name of ['senders', 'senders6']) {
      const listed = await this.run('origin', ['nft', 'list', 'set', 'inet', 'watch', name])
      said.push(/elements = \{[^}]*\}/.exec(listed.output)?.[0] ?? '')
      await this.run('origin', ['nft', 'flush', 'set', 'inet', 'watch', name])
    }
    return said.join(' ')
  }

  #on(host: Host, command: readonly string[]): readonly string[] {
    // Its own resolv.conf, in the mount namespace that `ip netns exec` makes.
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return [
      'ip',
      'netns',
      'exec',
      this.#names[host],
      'sh',
      '-c',
      script,
      this.#resolver,
      ...command,
    ]
  }

  #do(host: Host, line: string): void {
    execFileSync('ip', ['netns', 'exec', this.#names[host], ...line.split(' ')], { stdio: 'pipe' })
  }

  #build(): void {
    const { agent, agent6, gate, gate6, gateOutside, gateOutside6, metadata, origin, origin6 } =
      addresses
    const ip = (line: string): unknown =>
      execFileSync('ip', line.split(' '), { stdio: 'pipe', timeout: 5_000 })
    const names = this.#names
    for (const name of Object.values(names)) ip(`netns add ${name}`)
    // Made inside of the gate's namespace: no device ever stands in the machine's own.
    ip(`-n ${names.gate} link add to-agent type veth peer name eth0 netns ${names.agent}`)
    ip(`-n ${names.gate} link add outside type veth peer name eth0 netns ${names.origin}`)
    ip(`-n ${names.gate} link add agents type bridge`)
    ip(`-n ${names.gate} link set to-agent master agents`)
    for (const [host, device, four, six] of [
      ['gate', 'agents', gate, gate6],
      ['gate', 'outside', gateOutside, gateOutside6],
      ['agent', 'eth0', agent, agent6],
      ['origin', 'eth0', origin, origin6],
    ] as const) {
      ip(`-n ${names[host]} addr add ${four}/24 dev ${device}`)
      ip(`-n ${names[host]} -6 addr add ${six}/64 dev ${device} nodad`)
      ip(`-n ${names[host]} link set ${device} up`)
    }
    for (const name of Object.values(names)) ip(`-n ${name} link set lo up`)
    ip(`-n ${names.gate} link set to-agent up`)
    ip(`-n ${names.agent} route add default via ${gate}`)
    ip(`-n ${names.agent} -6 route add default via ${gate6}`)
    ip(`-n ${names.origin} route add default via ${gateOutside}`)
    ip(`-n ${names.origin} -6 route add default via ${gateOutside6}`)
    // What a cloud would answer at, one hop further.
    ip(`-n ${names.origin} addr add ${metadata}/32 dev lo`)
    ip(`-n ${names.gate} route add ${metadata}/32 via ${origin}`)
    this.load('origin', watch)
  }

  async #end(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const closed = new Promise((resolve) => child.once('close', resolve))
        child.kill('SIGKILL')
        await closed
      }),
    )
    for (const name of Object.values(this.#names)) {
      try {
        execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' })
      } catch {
        // It was not made.
      }
    }
  }
}
