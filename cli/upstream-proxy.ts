/** The proxies that the gate sends through, by a flag and by its policy; none of them leads back to the gate. */
import { lookup } from 'node:dns/promises'
import type { UpstreamProxyTerms } from '../kernel/credential.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { Credential } from '../payload/credential.ts'
import { isOurs, type Surroundings } from '../proxy/addresses.ts'
import type { ChainedProxy } from '../proxy/chain.ts'
import type { Address, Settings, UpstreamProxy } from './settings.ts'

/** The listeners of this gate, asked anew each time: ports are known only once bound. */
export type Around = () => Surroundings

/** The proxy of `--upstream-proxy`; it is asked for addresses that were judged. */
export function chainedByFlag(
  { host, password, port, user }: UpstreamProxy,
  around: Around,
): ChainedProxy {
  const isOpen = user === '' && password === ''
  const authorization = isOpen ? null : basic(user, password)
  return { name: '', by: 'address', host, port, authorization, isOurs: oursBy(around) }
}

/** A proxy of the policy; null where its credential has no value, or none that a header can hold. */
export function chainedByPolicy(
  { by, credential, host, name, port }: UpstreamProxyTerms,
  credentials: ReadonlyMap<string, Credential>,
  around: Around,
): ChainedProxy | null {
  const proxy = { name, by, host, port, isOurs: oursBy(around) }
  if (credential === '') return { ...proxy, authorization: null }
  const known = credentials.get(credential)
  const authorization = known === undefined ? null : authorizationOf(known)
  return authorization === null ? null : { ...proxy, authorization }
}

const oursBy =
  (around: Around): ChainedProxy['isOurs'] =>
  (address, port) =>
    isOurs({ address, port }, around())

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`

/** What a header's value may hold (RFC 9110 5.5), in ASCII. */
const headerValueForm = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

function authorizationOf({ secret, terms }: Credential): string | null {
  const { placement } = terms
  if (placement.kind === 'basic') return basic(placement.user, secret)
  if (placement.kind !== 'header') return null
  const value = placement.format.replace('{secret}', () => secret)
  return headerValueForm.test(value) ? value : null
}

/**
 * Refuses a proxy that is a listener of this gate, by whatever name: what is sent there would come back for ever. A name
 * that does not resolve now is judged when it is dialled.
 *
 * errors  Failure policy-unavailable naming the proxy.
 */
export async function refuseLoops(
  policy: Policy,
  settings: Pick<Settings, 'control' | 'listen' | 'upstreamProxy'>,
  around: Around,
): Promise<void> {
  const { control, listen, upstreamProxy } = settings
  const flag = upstreamProxy === null ? [] : [{ ...upstreamProxy, name: '' }]
  const proxies = [...flag, ...policy.upstreamProxies.values()]
  if (proxies.length === 0) return
  const meant = await Promise.all(('path' in control ? [listen] : [listen, control]).map(found))
  const { interfaces, own } = around()
  const surroundings = { interfaces, own: [...own, ...meant.flat()] }
  for (const proxy of proxies) {
    const leads = (await found(proxy)).some((place) => isOurs(place, surroundings))
    if (!leads) continue
    const who = proxy.name === '' ? '--upstream-proxy' : `the upstream proxy ${proxy.name}`
    const why = 'leads to this gate itself: what is sent there would come back for ever'
    throw new Failure('policy-unavailable', `${who} ${why}`)
  }
}

async function found({ host, port }: Address): Promise<Surroundings['own']> {
  // A port that the system is to choose is nobody's yet.
  if (port === 0) return []
  try {
    const answers = await lookup(host, { all: true, verbatim: true })
    return answers.map(({ address }) => ({ address, port }))
  } catch {
    return []
  }
}
