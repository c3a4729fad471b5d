/** Decoders of the parts of a snapshot: a scope, a purse, a hold. */
import { assert } from './contract.ts'
import { dimensionPattern, type Vector } from './dimension.ts'
import { haltCauses } from './event.ts'
import { fields, list, natural, oneOf, string } from './fields.ts'
import type { HoldLine } from './hold-line.ts'
import type { Period } from './policy.ts'
import { parseScope, type ScopeId } from './scope.ts'
import type { Account, Hold, Purse, ScopeState } from './state.ts'

/** The id of a scope. */
export function scopeId(value: unknown): ScopeId {
  const scope = parseScope(string(value))
  assert(scope !== null, 'a scope is read')
  return scope
}

/** A scope as a snapshot holds it. */
export function scopeFrom(value: unknown): ScopeState {
  const read = fields(value, ['cause', 'incarnation', 'mode', 'scope', 'since'])
  const { cause } = read
  return {
    scope: scopeId(read['scope']),
    mode: oneOf(read['mode'], ['running', 'halted']),
    incarnation: natural(read['incarnation']),
    since: natural(read['since']),
    cause: cause === null ? null : oneOf(cause, haltCauses),
  }
}

function periodFrom(value: unknown): Period {
  if (typeof value === 'object' && value !== null && 'lengthMs' in value) {
    const read = fields(value, ['kind', 'lengthMs'])
    return { kind: oneOf(read['kind'], ['window']), lengthMs: natural(read['lengthMs']) }
  }
  const read = fields(value, ['kind'])
  return { kind: oneOf(read['kind'], ['run', 'lifetime', 'hour', 'day', 'month']) }
}

const accountNames = [
  'declared',
  'expired',
  'granted',
  'held',
  'overrun',
  'posted',
  'refills',
  'revoked',
  'tier',
]

function accountFrom(value: unknown): Account {
  const read = fields(value, accountNames)
  return {
    granted: natural(read['granted']),
    revoked: natural(read['revoked']),
    posted: natural(read['posted']),
    overrun: natural(read['overrun']),
    held: natural(read['held']),
    expired: natural(read['expired']),
    refills: list(read['refills']).map((item) => {
      const refill = fields(item, ['amount', 'at'])
      return { at: natural(refill['at']), amount: natural(refill['amount']) }
    }),
    tier: natural(read['tier']),
    declared: natural(read['declared']),
  }
}

const purseNames = [
  'accounts',
  'budget',
  'dimensions',
  'hosts',
  'hostsUntil',
  'instance',
  'key',
  'period',
  'scope',
]

/** A purse as a snapshot holds it. */
export function purseFrom(value: unknown): Purse {
  const read = fields(value, purseNames)
  return {
    key: string(read['key']),
    budget: string(read['budget']),
    scope: scopeId(read['scope']),
    period: periodFrom(read['period']),
    instance: string(read['instance']),
    dimensions: list(read['dimensions']).map(dimension),
    accounts: list(read['accounts']).map(accountFrom),
    hosts: list(read['hosts']).map(string),
    hostsUntil: list(read['hostsUntil']).map(natural),
  }
}

function dimension(value: unknown): string {
  const name = string(value)
  assert(dimensionPattern.test(name), 'a dimension is read')
  return name
}

/** Amounts by dimension. */
export function vectorFrom(value: unknown): Vector {
  assert(typeof value === 'object' && value !== null, 'a vector is read')
  const entries = Object.entries(value).map(([name, amount]) => [dimension(name), natural(amount)])
  return Object.fromEntries(entries)
}

/** What is held of one purse. */
export function lineFrom(value: unknown): HoldLine {
  const read = fields(value, ['amounts', 'purse'])
  return { purse: string(read['purse']), amounts: list(read['amounts']).map(natural) }
}

const holdNames = ['admittedAt', 'incarnations', 'lines', 'path', 'request', 'state', 'vector']

/** A hold as a snapshot holds it. */
export function holdFrom(value: unknown): Hold {
  const read = fields(value, holdNames)
  return {
    request: string(read['request']),
    state: oneOf(read['state'], ['held', 'dispatched']),
    admittedAt: natural(read['admittedAt']),
    path: list(read['path']).map(scopeId),
    incarnations: list(read['incarnations']).map(natural),
    lines: list(read['lines']).map(lineFrom),
    vector: vectorFrom(read['vector']),
  }
}
