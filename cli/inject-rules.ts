/** The nftables rules of an injected pod: only the gate's user leaves it. One text, tested in network namespaces. */
import { gateUid } from './inject-options.ts'

/**
 * The rules as `nft` takes them. They may be set twice, as when the kubelet runs an init container again.
 *
 * The order matters. What the gate's user sends leaves, and marks its connection. Loopback is open: the gate listens
 * there. Answers to connections from outside leave, as probes need. Whatever else has an owner is refused. Packets that
 * have none are the kernel's: it sends on what the gate wrote before it closed, and looks for its IPv6 neighbours.
 *
 * transparentPort  where the gate listens for TCP to 80 and 443 of everybody else; null where it is refused.
 */
export function rulesOf(transparentPort: number | null): string {
  const { nat, redirected } = redirect(transparentPort)
  return `table inet haltgate
delete table inet haltgate
table inet haltgate {${nat}
  chain leave {
    type filter hook output priority filter; policy drop;
    meta skuid ${gateUid} ct mark set ${gateUid} accept
    oifname "lo" accept${redirected}
    ct direction reply ct state established,related accept
    meta skuid 0-4294967294 counter reject with icmpx type admin-prohibited
    meta l4proto tcp ct mark ${gateUid} ct state established accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
    counter reject with icmpx type admin-prohibited
  }
  chain pass {
    type filter hook forward priority filter; policy drop;
  }
}
`
}

/** A redirected packet is still seen as leaving by its first interface: its new address is what tells it. */
function redirect(port: number | null): { readonly nat: string; readonly redirected: string } {
  if (port === null) return { nat: '', redirected: '' }
  return {
    nat: `
  chain redirect_web {
    type nat hook output priority -100; policy accept;
    meta skuid ${gateUid} accept
    oifname "lo" accept
    meta nfproto ipv4 tcp dport { 80, 443 } redirect to :${port}
  }`,
    redirected: `
    ip daddr 127.0.0.1 tcp dport ${port} ct status dnat accept`,
  }
}
