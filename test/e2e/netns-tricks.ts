/** Every way around a gate that doctor tries, and some that take root: each as a command of the agent. */
import { execFileSync } from 'node:child_process'
import { addresses } from './netns-ground.ts'

export interface Trick {
  readonly name: string
  readonly command: readonly string[]
}

const { agent, gate, metadata, origin, origin6 } = addresses

/** The interpreter itself: what a PATH names may be a script that looks for it, which takes longer than any trick. */
const interpreter = ((): string => {
  try {
    const script = 'import sys; print(sys.executable)'
    return execFileSync('python3', ['-c', script], { encoding: 'utf8' }).trim()
  } catch {
    return 'python3'
  }
})()

const python = (...lines: readonly string[]): readonly string[] => [
  interpreter,
  '-c',
  ['import socket, struct, os', 'socket.setdefaulttimeout(0.5)', ...lines].join('\n'),
]
const shell = (script: string): readonly string[] => ['sh', '-c', script]

const tcp = (host: string, port: number, said = ''): readonly string[] =>
  python(
    `one = socket.create_connection(("${host}", ${port}))`,
    ...(said === '' ? [] : [`one.send(b"${said}")`]),
    'print(one.recv(99))',
  )

const udp = (host: string, port: number): readonly string[] =>
  python(
    `one = socket.socket(socket.${host.includes(':') ? 'AF_INET6' : 'AF_INET'}, socket.SOCK_DGRAM)`,
    `one.sendto(b"x", ("${host}", ${port}))`,
    'print(one.recv(99))',
  )

/** Sums as RFC 1071 has it, for packets that are made by hand. */
const sum = [
  'def sum(b):',
  '  s = sum_(struct.unpack("!%dH" % (len(b) // 2), b))',
  '  return ~((s >> 16) + (s & 65535)) & 65535',
  'sum_ = __builtins__.sum',
]

/**
 * An IPv4 header of its own making, whose source is a neighbour of the agent. Nobody listens at the port: an answer would
 * come to nobody, and the router would tell the origin so seconds later, in the middle of another trick.
 */
const forged = python(
  'head = struct.pack("!BBHHHBBH4s4s", 69, 0, 32, 1, 0, 64, 17, 0, ' +
    `socket.inet_aton("10.99.1.99"), socket.inet_aton("${origin}"))`,
  'body = struct.pack("!HHHH", 53, 9998, 12, 0) + b"leak"',
  'one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)',
  `one.sendto(head + body, ("${origin}", 0))`,
)

const curl = (...rest: readonly string[]): readonly string[] => ['curl', '-sk', '-m', '1', ...rest]

export const tricks: readonly Trick[] = [
  { name: 'direct TCP to an address', command: tcp(origin, 443, 'x') },
  { name: 'direct UDP', command: udp(origin, 9999) },
  { name: 'QUIC', command: udp(origin, 443) },
  { name: 'DNS over UDP', command: udp(origin, 53) },
  { name: 'DNS over TCP', command: tcp(origin, 53) },
  {
    name: 'names by the resolver',
    command: python('print(socket.getaddrinfo("secret.origin.test", 80))'),
  },
  { name: 'IPv6, a web port', command: tcp(origin6, 443, 'x') },
  { name: 'IPv6, another port', command: tcp(origin6, 8443) },
  { name: 'IPv6, UDP', command: udp(origin6, 9999) },
  { name: 'metadata of the cloud', command: curl(`http://${metadata}/latest/meta-data/`) },
  { name: 'curl --noproxy "*"', command: curl('--noproxy', '*', `https://${origin}/`) },
  { name: 'variables unset', command: ['env', '-i', '/usr/bin/env', ...curl(`http://${origin}/`)] },
  {
    name: 'DNS over HTTPS',
    command: curl('--resolve', `dns.test:443:${origin}`, 'https://dns.test/dns-query?dns=AAAB'),
  },
  {
    name: 'a name that no rule allows, TLS',
    command: curl('--resolve', `denied.test:443:${origin}`, 'https://denied.test/'),
  },
  {
    name: 'a name that no rule allows, HTTP',
    command: curl('-H', 'Host: denied.test', `http://${origin}/`),
  },
  { name: 'SSH on port 443', command: tcp(origin, 443, 'SSH-2.0-x\\r\\n') },
  { name: 'bytes on port 80', command: tcp(origin, 80, '\\x00\\x01\\x02\\r\\n\\r\\n') },
  ...[22, 25, 853, 8443].map((port) => ({
    name: `direct TCP to port ${port}`,
    command: tcp(origin, port),
  })),
  {
    name: 'ICMP echo',
    command: python(
      ...sum,
      'packet = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"leak"',
      'packet = packet[:2] + struct.pack("!H", sum(packet)) + packet[4:]',
      'one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)',
      `one.sendto(packet, ("${origin}", 0))`,
    ),
  },
  {
    name: 'ICMPv6 echo',
    command: python(
      'one = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)',
      `one.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"leak", ("${origin6}", 0))`,
    ),
  },
  {
    name: 'a protocol of its own (raw IP)',
    command: python(
      'one = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)',
      `one.sendto(b"leak", ("${origin}", 0))`,
    ),
  },
  { name: 'a forged source address', command: forged },
  {
    name: 'routes and rules of its own',
    command: shell(
      `ip route add ${origin}/32 via ${gate} table 99 && ip rule add to ${origin} table 99; ` +
        `${interpreter} -c 'import socket; socket.create_connection(("${origin}", 8443), 0.5)'; code=$?; ` +
        `ip rule del to ${origin} table 99; ip route flush table 99; exit $code`,
    ),
  },
  {
    name: 'another address of its own',
    command: shell(
      `ip addr add 10.99.1.77/24 dev eth0; ` +
        `${interpreter} -c 'import socket; socket.create_connection(("${origin}", 8443), 0.5, ("10.99.1.77", 0))'; ` +
        'code=$?; ip addr del 10.99.1.77/24 dev eth0; exit $code',
    ),
  },
  {
    name: 'its firewall flushed',
    command: shell(
      `nft flush ruleset; ${interpreter} -c 'import socket; socket.create_connection(("${origin}", 22), 0.5, ("${agent}", 0))'`,
    ),
  },
]
