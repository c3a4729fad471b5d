/** Reads one rule of the file into its canonical form, and reports whatever in it has no meaning. */
import { dimensionPattern } from '../kernel/dimension.ts'
import { actionPattern, factPattern } from '../kernel/domain.ts'
import { looksLikeAmount, readAmount } from './amount.ts'
import type { FileRule } from './file.ts'
import { readHost } from './host.ts'
import { readNetwork } from './network.ts'
import { readApproval } from './read-approval.ts'
import { readInspection } from './read-inspection.ts'
import { checkMeaning } from './read-meaning.ts'
import { readTarget } from './read-target.ts'
import { type Declared, type Reading, sortedSet } from './reading.ts'
import type { RuleSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** A resource of this form is a name; any other is an expression. */
export const resourceLiteral = /^res_[a-z0-9_]+(:[^"]*)?$/

/** Ports of a rule that lets requests pass, where it names none. */
const webPorts = [80, 443]

/** Effects that speak on every port where the rule names none: a forgotten port must not open a way around. */
const onEveryPort: readonly string[] = ['deny', 'halt', 'approve']

/** The gate counts these itself; what a rule says about them would be ignored. */
const counted: readonly string[] = ['bytes_up', 'bytes_down', 'wall', 'hosts', 'refusals']

interface At {
  readonly path: Path
  readonly reading: Reading
  readonly declared: Declared
}

/** Reads a rule; null where its state says that it has no effect. Problems go to the reading. */
export function readRule(raw: FileRule, at: At): RuleSource | null {
  const { path, reading } = at
  const state = raw.state ?? 'active'
  reading.isName([...path, 'id'], raw.id, 'a rule')
  const ports = onEveryPort.includes(raw.effect) ? [] : webPorts
  const rule = {
    id: raw.id,
    reason: raw.reason ?? '',
    ...readTarget(raw, at, ports),
    effect: raw.effect,
    decoder: raw.decoder ?? ('' as const),
    domain: raw.domain ?? '',
    action: matching(raw.action, { pattern: actionPattern, at, key: 'action' }),
    resource: readResource(raw, at),
    tls: raw.tls ?? ('' as const),
    context: readContext(raw, at),
    charge: readCharge(raw, at),
    addresses: readAddresses(raw, at),
    approval: readApproval(raw, at),
    ...readInspection(raw, at),
  }
  checkMeaning(rule, raw, at)
  return state === 'active' || state === 'draft' ? { ...rule, state } : null
}

interface Shape {
  readonly pattern: RegExp
  readonly at: At
  readonly key: string
}

function matching(text: string | undefined, { pattern, at, key }: Shape): string {
  if (text === undefined) return ''
  if (!pattern.test(text)) {
    at.reading.problem([...at.path, key], `\`${key}\` must match ${pattern.source}`)
  }
  return text
}

function readResource(raw: FileRule, { path, reading }: At): string {
  if (raw.resource === undefined) return ''
  if (!resourceLiteral.test(raw.resource)) {
    reading.expression([...path, 'resource'], raw.resource, 'text')
  }
  return raw.resource
}

function readContext(raw: FileRule, { path, reading }: At): Readonly<Record<string, string>> {
  for (const [name, text] of Object.entries(raw.context ?? {})) {
    const place = [...path, 'context', name]
    if (!factPattern.test(name) || name === 'constructor') {
      reading.problem(place, `"${name}" is no name of a fact: a-z, 0-9 and _`, 'key')
    }
    reading.expression(place, text, 'fact')
  }
  return raw.context ?? {}
}

function readCharge(
  raw: FileRule,
  { path, reading }: At,
): Readonly<Record<string, number | string>> {
  const charge: Record<string, number | string> = {}
  for (const [dimension, written] of Object.entries(raw.charge ?? {})) {
    const place = [...path, 'charge', dimension]
    if (!isDimension(dimension, place, reading)) continue
    if (counted.includes(dimension)) {
      reading.problem(place, `\`${dimension}\` is counted by the gate itself`, 'key')
    }
    const text = reading.scalarText(place)
    if (typeof written === 'string' && !looksLikeAmount(text)) {
      charge[dimension] = reading.expression(place, written, 'amount')
      continue
    }
    const amount = readAmount(dimension, text)
    if ('problem' in amount) reading.problem(place, amount.problem)
    else charge[dimension] = amount.value
  }
  return charge
}

/** True for a name that a dimension may have; otherwise a problem. */
export function isDimension(name: string, place: Path, reading: Reading): boolean {
  // Every object has a `constructor`: a vector would seem to hold one.
  if (dimensionPattern.test(name) && name !== 'constructor') return true
  reading.problem(place, `"${name}" is no name of a dimension: a-z, 0-9 and _`, 'key')
  return false
}

function readAddresses(raw: FileRule, { path, reading }: At): readonly string[] {
  const cidrs = raw.addresses ?? []
  const hosts = (raw.hosts ?? []).map(readHost)
  const isOpen = hosts.length === 0 || hosts.some((host) => 'kind' in host && host.kind === 'any')
  if (cidrs.length > 0 && isOpen) {
    const message = '`addresses` opens private ranges: name the hosts that may resolve there'
    reading.problem([...path, 'addresses'], message, 'key')
  }
  return sortedSet(
    cidrs.map((text, index) => {
      const place = [...path, 'addresses', index]
      const network = readNetwork(text)
      if (network === null) {
        reading.problem(place, `"${text}" is no CIDR such as 10.0.0.0/8 or ::1/128`)
        return text
      }
      const { metadata, wide, cidr } = network
      if (metadata !== null && wide) {
        reading.warn(place, `${metadata}, a cloud's metadata address, stays forbidden`)
      } else if (metadata !== null) {
        const message = `${text} covers ${metadata}, a cloud's metadata address, which is never allowed`
        reading.problem(place, message)
      }
      return cidr
    }),
  )
}
