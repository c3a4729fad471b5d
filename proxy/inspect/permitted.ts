/** Which tools of an MCP server could be called: asked of the policy once each, as often as an answer names them. */
import { ReadFacts } from '../../gate/body.ts'
import { decodeMcp } from '../../kernel/decoders/mcp.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Desk } from '../desk.ts'

/** Tools of one answer that are judged: each costs 0.13 ms where fifty rules have conditions (2026-11). */
export const toolsMax = 1_000

export class Permitted {
  readonly #desk: Desk
  readonly #facts: RequestFacts
  readonly #allowed = new Map<string, boolean>()

  /** facts  of the request that is answered. */
  constructor(desk: Desk, facts: RequestFacts) {
    this.#desk = desk
    // Of a call: the request that is answered may have opened a stream.
    this.#facts = { ...new ReadFacts(facts, null), method: 'POST', headers: facts.headers }
  }

  /** Whether more were asked about than are judged. */
  get isTooMany(): boolean {
    return this.#allowed.size > toolsMax
  }

  readonly allows = (tool: string): boolean => {
    const known = this.#allowed.get(tool)
    if (known !== undefined) return known
    // What is beyond the bound is refused as a whole, and so not asked about.
    const allowed = this.#allowed.size < toolsMax && this.#ask(tool)
    this.#allowed.set(tool, allowed)
    return allowed
  }

  /** Of a call without arguments, which are what nobody knows yet. */
  #ask(tool: string): boolean {
    const { path, query } = this.#facts
    const call = { jsonrpc: '2.0', id: 0, method: 'tools/call', params: { name: tool } }
    const body = Buffer.from(JSON.stringify(call))
    const contentType = 'application/json'
    const decoded = decodeMcp({ method: 'POST', path, query, contentType, body })
    if (!decoded.ok) return false
    return this.#desk.context.gate.allows(new ReadFacts(this.#facts, decoded.content))
  }
}
