/** Decoders of what people were asked and domains remember, as a snapshot holds it: approvals, permits, marks. */
import type { Approval, Permit, Quorum, Yes } from './approval.ts'
import { lineFrom, scopeId, vectorFrom } from './decode.ts'
import { fields, list, natural, oneOf, string } from './fields.ts'
import type { Mark } from './mark.ts'
import type { Principal } from './scope.ts'

function principalFrom(value: unknown): Principal {
  const read = fields(value, ['actor', 'agent', 'key', 'project', 'run', 'tenant'])
  const maybe = (name: string): string | null => (read[name] === null ? null : string(read[name]))
  return {
    agent: string(read['agent']),
    run: string(read['run']),
    tenant: maybe('tenant'),
    project: maybe('project'),
    actor: maybe('actor'),
    key: maybe('key'),
  }
}

function quorumFrom(value: unknown): Quorum {
  const read = fields(value, ['need', 'of'])
  return { need: natural(read['need']), of: list(read['of']).map(string) }
}

function yesFrom(value: unknown): Yes {
  const read = fields(value, ['by', 'groups', 'permits', 'permitsMs'])
  return {
    by: string(read['by']),
    groups: list(read['groups']).map(string),
    permits: natural(read['permits']),
    permitsMs: natural(read['permitsMs']),
  }
}

const approvalNames = [
  'askedAt',
  'digest',
  'expiresAt',
  'host',
  'id',
  'incarnations',
  'kind',
  'lines',
  'path',
  'policy',
  'principal',
  'quorums',
  'reason',
  'state',
  'vector',
  'wantedBy',
  'yes',
]

/** An approval as a snapshot holds it. */
export function approvalFrom(value: unknown): Approval {
  const read = fields(value, approvalNames)
  return {
    id: string(read['id']),
    digest: string(read['digest']),
    kind: string(read['kind']),
    state: oneOf(read['state'], ['pending', 'approved', 'denied', 'expired']),
    principal: principalFrom(read['principal']),
    host: string(read['host']),
    wantedBy: list(read['wantedBy']).map(string),
    quorums: list(read['quorums']).map(quorumFrom),
    askedAt: natural(read['askedAt']),
    expiresAt: natural(read['expiresAt']),
    policy: string(read['policy']),
    path: list(read['path']).map(scopeId),
    incarnations: list(read['incarnations']).map(natural),
    lines: list(read['lines']).map(lineFrom),
    vector: vectorFrom(read['vector']),
    yes: list(read['yes']).map(yesFrom),
    reason: string(read['reason']),
  }
}

const permitNames = [
  'agent',
  'incarnations',
  'kind',
  'left',
  'path',
  'policy',
  'until',
  'wantedBy',
  'yes',
]

/** A permit as a snapshot holds it. */
export function permitFrom(value: unknown): Permit {
  const read = fields(value, permitNames)
  return {
    kind: string(read['kind']),
    agent: string(read['agent']),
    left: natural(read['left']),
    until: natural(read['until']),
    policy: string(read['policy']),
    path: list(read['path']).map(scopeId),
    incarnations: list(read['incarnations']).map(natural),
    yes: list(read['yes']).map(yesFrom),
    wantedBy: list(read['wantedBy']).map(string),
  }
}

/** A mark as a snapshot holds it. */
export function markFrom(value: unknown): Mark {
  const read = fields(value, ['amount', 'key', 'until'])
  return {
    key: string(read['key']),
    amount: natural(read['amount']),
    until: natural(read['until']),
  }
}
