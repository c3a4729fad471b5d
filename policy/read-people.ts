/** Reads who may answer approvals, and whose signed statements count. */
import type { ApproverTerms, IssuerTerms } from '../kernel/policy.ts'
import type { PolicyFile } from './file.ts'
import { type Reading, sortedSet } from './reading.ts'
import type { AgentSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** Who holds the control token: it answers under this name, of a group of this name. */
export const operator = 'operator'

/** Who signs capability tokens. */
const gate = 'haltgate'

const tokenPattern = /^sha256:[0-9a-f]{64}$/

const kindPattern = /^[a-z][a-z0-9-]{0,63}$/

/** 32 bytes in base64url without padding; the last sign holds four bits, and two that are zero. */
const keyPattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

interface At {
  readonly reading: Reading
  readonly isBroken: (path: Path) => boolean
}

/** Approvers by name, ascending. A token that an agent has too would let it approve what it asks for. */
export function readApprovers(
  { approvers }: PolicyFile,
  { reading, isBroken, agents }: At & { readonly agents: readonly AgentSource[] },
): readonly ApproverTerms[] {
  const owners = new Map<string, string>()
  for (const { name, tokens } of agents) {
    for (const token of tokens) owners.set(token, `agent "${name}"`)
  }
  return entries(approvers, 'approvers', isBroken).map(([name, { groups = [], tokens = [] }]) => {
    const path = ['approvers', name]
    reading.isName(path, name, 'an approver', 'key')
    if (name === operator) {
      reading.problem(path, '`operator` is whoever holds the control token', 'key')
    }
    groups.forEach((group, index) => {
      reading.isName([...path, 'groups', index], group, 'a group')
    })
    readTokens(tokens, { reading, path, owners, owner: `approver "${name}"` })
    const hashes = tokens.map((token) => token.slice('sha256:'.length))
    return { name, groups: sortedSet(groups), tokens: sortedSet(hashes) }
  })
}

/** Reports what is no hash of a token, and a token that somebody has already. */
export function readTokens(
  tokens: readonly string[],
  { reading, path, owners, owner }: Owning,
): void {
  tokens.forEach((token, index) => {
    const place = [...path, 'tokens', index]
    const first = owners.get(token)
    if (!tokenPattern.test(token)) {
      reading.problem(place, 'a token is `sha256:` and 64 lower-case hex digits, never itself')
    } else if (first !== undefined) reading.problem(place, `this token is already one of ${first}`)
    owners.set(token, first ?? owner)
  })
}

interface Owning {
  readonly reading: Reading
  /** Of whoever has the tokens. */
  readonly path: Path
  /** Whose each token is that was read before. */
  readonly owners: Map<string, string>
  readonly owner: string
}

/** Issuers by name, ascending. */
export function readIssuers(
  { issuers }: PolicyFile,
  { reading, isBroken }: At,
): readonly IssuerTerms[] {
  return entries(issuers, 'issuers', isBroken).map(([name, { kinds = [], key = '' }]) => {
    const path = ['issuers', name]
    reading.isName(path, name, 'an issuer', 'key')
    if (name === gate) reading.problem(path, '`haltgate` is the gate itself', 'key')
    kinds.forEach((kind, index) => {
      const place = [...path, 'kinds', index]
      if (!kindPattern.test(kind)) reading.problem(place, `"${kind}" is no kind such as consent`)
      if (kind === 'capability') {
        reading.problem(
          place,
          'capability tokens are signed by the gate itself, and by nobody else',
        )
      }
    })
    if (key !== '' && !keyPattern.test(key)) {
      const message = 'a key is an Ed25519 public key: its 32 bytes in base64url, without padding'
      reading.problem([...path, 'key'], message)
    }
    return { name, kinds: sortedSet(kinds), key }
  })
}

/** Entries that the schema let pass, ascending by name. */
export function entries<T>(
  map: Readonly<Record<string, T>> | undefined,
  key: string,
  isBroken: (path: Path) => boolean,
): readonly (readonly [string, T])[] {
  if (map === undefined || isBroken([key])) return []
  return Object.entries(map)
    .filter(([name]) => !isBroken([key, name]))
    .sort(([left], [right]) => (left < right ? -1 : 1))
}
