/** Sends a prepared request to one judged address, by the way and in the protocol that it has to take. */
import type { Readable } from 'node:stream'
import type { Passage } from '../gate/passage.ts'
import { assert } from '../kernel/contract.ts'
import type { ReasonCode } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { wayOf } from './chain.ts'
import type { Desk } from './desk.ts'
import type { Prepared } from './inspect/prepare.ts'
import type { UpstreamHandler } from './upstream-call.ts'

interface Sending {
  readonly facts: RequestFacts
  readonly passage: Passage
  readonly prepared: Prepared
  readonly body: Readable | null
  /** A judged one, literal (I5). */
  readonly address: string
  /** What the client speaks. */
  readonly protocol: 'h2' | 'http/1.1'
}

/** Null where it is on its way; otherwise why it cannot be. */
export function send(
  desk: Desk,
  { address, body, facts, passage, prepared, protocol }: Sending,
  handler: UpstreamHandler,
): { readonly code: ReasonCode; readonly message: string } | null {
  const proxy = wayOf(desk.context.sight, passage.classification.upstreamProxy)
  if (proxy !== null && 'code' in proxy) return proxy
  const { host, method, port, scheme } = facts
  const { headers, path } = prepared
  const upstream = { host, port, proxy, address }
  const asked = { path, method, headers, body }
  if (scheme === 'http') {
    desk.pools.dispatch(upstream, asked, handler)
    return null
  }
  const { securePools } = desk
  assert(securePools !== null, 'what was asked inside TLS came through a tunnel that was inspected')
  securePools.dispatch({ ...upstream, protocol }, asked, handler)
  return null
}
