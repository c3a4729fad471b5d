/** A gate that asks people: a real ledger, time in the test's hand, and everything that people are told. */
import '../kernel/seed.ts'
import { createHash } from 'node:crypto'
import { type Test, test } from 'tap'
import type { ApprovalNotice } from '../../gate/approvals.ts'
import type { GateOptions } from '../../gate/open.ts'
import type { OrderAnswer } from '../../gate/orders.ts'
import type { Passage } from '../../gate/passage.ts'
import type { AdmitPorts, Prove, Read } from '../../gate/ports.ts'
import type { Refusal } from '../../gate/refusal.ts'
import type { Policy } from '../../kernel/policy.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { settled } from './clock.ts'
import { allGood, compiled, GateWorld, policyText, type WorldOptions } from './world.ts'

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export const noop = (): void => undefined

export interface Answering {
  readonly by?: string
  readonly groups?: readonly string[]
  readonly reason?: string
  readonly permits?: number
  readonly permitsMs?: number
}

/** A rule that lets a person decide about ask.example.com. */
export function asking(approval = '', more = ''): string {
  const terms = approval === '' ? '' : `, approval: { ${approval} }`
  return `  - { id: person, hosts: [ask.example.com], effect: approve${terms}${more} }\n`
}

export const policy = (approval = '', budgets = '', rules = ''): string =>
  policyText(budgets, { rules: asking(approval) + rules })

/** The key `approvers` of a policy, before its agents. */
export function people(
  each: readonly { readonly name: string; readonly group: string; readonly hash: string }[],
): string {
  const rows = each.map(
    ({ name, group, hash }) => `  ${name}: { groups: [${group}], tokens: ["sha256:${hash}"] }`,
  )
  return `approvers:\n${rows.join('\n')}\nagents:`
}

export class ApprovalWorld extends GateWorld {
  readonly told: ApprovalNotice[] = []
  /** Bytes of the body that the next requests have. */
  body = ''
  /** How often a body was read. */
  reads = 0
  prove: Prove | null = null
  resolved = 0

  override options(given: Policy): GateOptions {
    const { prove } = this
    return {
      ...super.options(given),
      hash: sha256,
      onApproval: (notice) => void this.told.push(notice),
      ...(prove === null ? {} : { prove }),
    }
  }

  override read: Read = async ({ decoder }) => {
    this.reads += 1
    const { body } = this
    const bodyHash = sha256(body)
    if (decoder === '') return { ok: true, content: null, bodyHash }
    const parsed = JSON.parse(body)
    const content = { decoder, body: parsed, facts: {}, model: null }
    return { ok: true, content, bodyHash }
  }

  /** Asks as an agent does. */
  ask(
    more: Partial<RequestFacts> = {},
    left: AdmitPorts['left'] = noop,
  ): Promise<Passage | Refusal> {
    const facts = this.facts({ host: 'ask.example.com', method: 'POST', path: '/orders', ...more })
    const resolve = (): ReturnType<typeof allGood> => {
      this.resolved += 1
      return allGood()
    }
    const charge = { requests: 1, effort: 1, inflight: 1 }
    return this.gate.admit(facts, { charge, ask: {} }, { resolve, read: this.read, left })
  }

  /** Asks, and is told to wait: the id of the approval. */
  async wait(more: Partial<RequestFacts> = {}): Promise<string> {
    const answer = await this.ask(more)
    if (!answer.refused) throw new Error('it passed')
    const { approval, code } = answer
    if (code !== 'approval-required' || approval === null) {
      throw new Error(`${code}: ${answer.reasons[0]?.message}`)
    }
    return approval.id
  }

  /** Asks, passes, and is over. */
  async passes(more: Partial<RequestFacts> = {}): Promise<boolean> {
    const answer = await this.ask(more)
    if (answer.refused) return false
    answer.open(noop)
    answer.settle({ outcome: 'settled', actual: {}, status: 200, cut: '' })
    return true
  }

  answer(kind: 'approve' | 'deny', approval: string, more: Answering = {}): Promise<OrderAnswer> {
    const { by = 'maria', groups = [], reason = '', permits = 0, permitsMs = 0 } = more
    return this.gate.answerApproval({ kind, approval, by, groups, reason, permits, permitsMs })
  }

  approve(approval: string, more: Answering = {}): Promise<OrderAnswer> {
    return this.answer('approve', approval, more)
  }

  deny(approval: string, more: Answering = {}): Promise<OrderAnswer> {
    return this.answer('deny', approval, more)
  }

  /** Lets a real disk and all that waits for it go as far as they can. */
  async calm(): Promise<void> {
    await settled()
    await this.quiet()
    await settled()
  }
}

export interface ApprovalTest extends WorldOptions {
  readonly policy: string
  readonly prove?: Prove
}

/** A test over an open gate; at its end replay follows the ledger to the live state. */
export function approvalTest(
  name: string,
  options: ApprovalTest,
  play: (t: Test, world: ApprovalWorld) => Promise<void>,
): void {
  void test(name, async (t) => {
    const world = new ApprovalWorld(options)
    world.prove = options.prove ?? null
    t.teardown(() => world.place.remove())
    await world.open(await compiled(options.policy))
    t.teardown(() => world.close())
    await play(t, world)
    await world.close()
    t.equal(world.replayed(t), world.digest, 'replay follows the ledger to the live state')
  })
}

/** The code of a refusal; `passes` where it is none. */
export const codeOf = (answer: Passage | Refusal): string =>
  answer.refused ? answer.code : 'passes'
