/** Bearer tokens and roles: who may ask what, compared in constant time, and bounded in failures. */
import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * viewer and auditor read; operator reads, orders and answers; approver answers what waits, and reads only that; agent
 * asks what it would be answered, about itself.
 */
export type Role = 'viewer' | 'operator' | 'approver' | 'auditor' | 'agent'

/** Who shows a token: a role, and the name and groups that count where people are asked. */
export interface Caller {
  readonly role: Role
  readonly name: string
  readonly groups: readonly string[]
}

/** A caller whose token stands for nobody in particular. */
export const nobody: Caller = { role: 'viewer', name: '', groups: [] }

/** What a route asks for: nothing, or one of the roles that its row names. */
export type Access = 'open' | 'read' | 'order' | 'decide' | 'ask' | 'waiting' | 'answer'

export interface TokenTerms {
  readonly token: string
  readonly role: Role
}

const mayRead: ReadonlySet<Role> = new Set(['viewer', 'operator', 'auditor'])
const mayWait: ReadonlySet<Role> = new Set(['viewer', 'operator', 'approver', 'auditor'])
const mayAll: ReadonlySet<Role> = new Set([...mayWait, 'agent'])
const mayOrder: ReadonlySet<Role> = new Set(['operator'])
const mayAsk: ReadonlySet<Role> = new Set(['operator', 'agent'])
const mayAnswer: ReadonlySet<Role> = new Set(['operator', 'approver'])

/** Which roles may ask what. */
const allowed: Readonly<Record<Access, ReadonlySet<Role>>> = {
  open: mayAll,
  read: mayRead,
  order: mayOrder,
  decide: mayOrder,
  ask: mayAsk,
  waiting: mayWait,
  answer: mayAnswer,
}

export function may(role: Role, access: Access): boolean {
  return allowed[access].has(role)
}

/** The roles that a route is for, in words. */
export function rolesOf(access: Access): string {
  return [...allowed[access]].join(' or ')
}

const bearerPattern = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*)$/i

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** The people of a policy who may answer, by the SHA-256 of their tokens. */
export type Approvers = ReadonlyMap<
  string,
  { readonly groups: readonly string[]; readonly tokens: readonly string[] }
>

/** The agents of a policy, by the SHA-256 of the tokens that they show the proxy as well. */
export type Agents = ReadonlyMap<string, { readonly tokens: readonly string[] }>

/** Whom a policy gives tokens to. */
interface People {
  readonly approvers?: Approvers
  readonly agents?: Agents
}

interface Known {
  readonly digest: Buffer
  readonly caller: Caller
}

/** Keeps digests only: a token is not to be found in this process's heap by way of this room. */
export class Tokens {
  readonly #known: readonly Known[]
  #agents: Agents | undefined
  #approvers: Approvers | undefined
  #people: readonly Known[] = []

  constructor(tokens: readonly TokenTerms[]) {
    this.#known = tokens.map(({ token, role }) => {
      return { digest: digestOf(token), caller: { role, name: role, groups: [role] } }
    })
  }

  /** The role of an Authorization header; null where it shows no known token. */
  roleOf(authorization: string | undefined): Role | null {
    return this.callerOf(authorization)?.role ?? null
  }

  /**
   * Who shows an Authorization header; null where it shows no known token. Looks at every token, always.
   *
   * people  of the policy in force; what another one said no longer counts.
   */
  callerOf(authorization: string | undefined, people: People = {}): Caller | null {
    const shown = bearerPattern.exec(authorization ?? '')?.[1]
    if (shown === undefined) return null
    const digest = digestOf(shown)
    let found: Caller | null = null
    // Ours last: a token that a policy gives to a person as well stays what it was.
    for (const known of [...this.#peopleOf(people), ...this.#known]) {
      if (timingSafeEqual(known.digest, digest)) found = known.caller
    }
    return found
  }

  #peopleOf(people: People): readonly Known[] {
    const { agents, approvers } = people
    if (this.#agents === agents && this.#approvers === approvers) return this.#people
    const ofPeople = [...(approvers ?? [])].flatMap(([name, { groups, tokens }]) =>
      knownBy(tokens, { role: 'approver', name, groups }),
    )
    // An agent that shows an approver's token is that agent still: nobody answers its own request.
    const ofAgents = [...(agents ?? [])].flatMap(([name, { tokens }]) =>
      knownBy(tokens, { role: 'agent', name, groups: [] }),
    )
    this.#agents = agents
    this.#approvers = approvers
    this.#people = [...ofPeople, ...ofAgents]
    return this.#people
  }
}

function knownBy(tokens: readonly string[], caller: Caller): readonly Known[] {
  const digests = tokens.map((token) => Buffer.from(token, 'hex'))
  return digests
    .filter(({ length }) => length === digestBytes)
    .map((digest) => ({ digest, caller }))
}

/** Of SHA-256. */
const digestBytes = 32

/**
 * Counts wrong tokens in a fixed window. It only changes what a wrong token is answered: a right one always
 * passes, or an agent beside the gate could lock its operator out of `halt` by guessing.
 */
export class FailedTokens {
  readonly #max: number
  readonly #windowMs: number
  #since = 0
  #count = 0

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  /** Notes a failure at an instant; whole seconds to wait where there were too many, else null. */
  note(nowMs: number): number | null {
    if (nowMs - this.#since >= this.#windowMs) {
      this.#since = nowMs
      this.#count = 0
    }
    this.#count += 1
    if (this.#count <= this.#max) return null
    return Math.max(1, Math.ceil((this.#since + this.#windowMs - nowMs) / 1000))
  }
}
