/** Reads what a rule does to the requests that it sees into: what it looks for, what it puts in, by which way it sends. */
import { type DetectorName, detectorNames } from '../kernel/payload.ts'
import type { CapabilityTerms } from '../kernel/policy.ts'
import type { FileRule } from './file.ts'
import { readHost } from './host.ts'
import { type Declared, type Reading, sortedSet } from './reading.ts'
import type { PayloadSource, RuleSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** Names no proxy: the request is sent to its destination itself. */
export const direct = 'direct'

/** Too many honest requests hold these; who wants them looked for says so. */
const onRequest: readonly DetectorName[] = ['email-addresses', 'national-ids']

const detectorsDefault = detectorNames.filter((name) => !onRequest.includes(name))

interface At {
  readonly path: Path
  readonly reading: Reading
  readonly declared: Declared
}

type Inspection = Pick<RuleSource, 'payload' | 'inject' | 'upstream_proxy' | 'capability'>

/** Reads them; problems go to the reading. */
export function readInspection(raw: FileRule, at: At): Inspection {
  const { path, reading } = at
  const payload = readPayload(raw)
  const forcing = [
    ['decoder', raw.decoder !== undefined],
    ['payload', payload.length > 0],
    ['inject', raw.inject !== undefined],
    ['capability', raw.capability !== undefined],
  ] as const
  for (const [key, forces] of forcing) {
    if (!forces || raw.tls !== 'tunnel') continue
    const message = `\`${key}\` must see inside: with \`tls: tunnel\` it never could`
    reading.problem([...path, key], message, 'key')
  }
  return {
    payload,
    inject: readInject(raw, at),
    upstream_proxy: readUpstreamProxy(raw, at),
    capability: readCapability(raw, at),
  }
}

/** A token says that this gate decided: where nothing is enforced, nobody may rely on that. */
function readCapability(raw: FileRule, { path, reading, declared }: At): CapabilityTerms {
  const { capability } = raw
  if (capability === undefined) return ''
  const place = [...path, 'capability']
  if (declared.mode === 'observe') {
    reading.problem(place, '`capability` needs `mode: enforce`', 'key')
  }
  if (capability === 'attach' && isOpen(raw)) {
    const message = '`capability: attach` gives a token away: name the hosts that it is for'
    reading.problem(place, message, 'key')
  }
  if (raw.effect === 'deny' || raw.effect === 'halt') {
    reading.warn(place, `\`capability\` means nothing with effect: ${raw.effect}`, 'key')
  }
  return capability
}

/** True for a rule that is for any host. */
function isOpen({ hosts = [] }: FileRule): boolean {
  const read = hosts.map(readHost)
  return read.length === 0 || read.some((host) => 'kind' in host && host.kind === 'any')
}

function readPayload({ payload }: FileRule): readonly PayloadSource[] {
  const asked = typeof payload === 'string' ? { action: payload } : payload
  if (asked === undefined || asked.action === 'off') return []
  const { action, detectors = detectorsDefault, responses = false } = asked
  return [{ action, detectors: sortedSet(detectors), responses }]
}

/** A credential leaves with whatever request the rule matches: it must be meant for those hosts, and for no other. */
function readInject(raw: FileRule, { path, reading, declared }: At): string {
  if (raw.inject === undefined) return ''
  const place = [...path, 'inject']
  reading.refersTo(place, raw.inject, {
    declared: declared.credentials,
    what: 'credential',
    under: 'credentials',
  })
  if (isOpen(raw)) {
    const message = '`inject` gives a credential away: name the hosts that it is for'
    reading.problem(place, message, 'key')
  }
  if (declared.verdict !== 'deny') {
    reading.problem(place, '`inject` needs `defaults.verdict: deny`', 'key')
  }
  return raw.inject
}

function readUpstreamProxy(raw: FileRule, { path, reading, declared }: At): string {
  const name = raw.upstream_proxy ?? ''
  if (name !== '') refersToProxy([...path, 'upstream_proxy'], name, { reading, declared })
  return name
}

/** Reports a name that is no proxy's; `direct` is none. */
export function refersToProxy(
  path: Path,
  name: string,
  { reading, declared }: { readonly reading: Reading; readonly declared: Declared },
): void {
  if (name === direct) return
  const proxies = declared.upstreamProxies
  reading.refersTo(path, name, { declared: proxies, what: 'proxy', under: 'upstream_proxies' })
}
