/** What a route of the control listener is: one row of the table in routes.ts. */
import type { AuditPorts } from './audit/ports.ts'
import type { DecisionPorts } from './decide/ports.ts'
import type { ErasurePort } from './erasure-port.ts'
import type { Reply } from './problem.ts'
import type { Schema } from './schemas.ts'
import type { Access, Caller, Role } from './token.ts'
import type { GateView } from './view.ts'

export type Reloaded =
  | { readonly ok: true; readonly digest: string }
  | { readonly ok: false; readonly problems: readonly string[] }

/** What the routes speak to. */
export interface RouteContext {
  readonly gate: GateView
  readonly reload: () => Promise<Reloaded>
  /** Prometheus text; may be some moments old. */
  readonly scrape: () => Promise<string>
  readonly version: string
  readonly durability: string
  readonly listMax: number
  /** What decides about actions that are asked by this API; null where nothing does. */
  readonly decisions: DecisionPorts | null
  /** Who erases from the vault; absent or null where there is none. */
  readonly erasures?: ErasurePort | null
  /** The index of the ledger; null where this gate keeps none. */
  readonly audit: AuditPorts | null
}

export interface Call {
  /** Validated by the route's schema already. */
  readonly body: unknown
  readonly role: Role
  /** Who asks, as far as a token says it. */
  readonly caller: Caller
  /** What stands in the path where the route has a `:name`. */
  readonly params: Readonly<Record<string, string>>
  /** Validated by the route's schema already; empty where it takes none. */
  readonly query: Readonly<Record<string, string>>
}

/** Why a request never came to its route: the listener's own sentence, and whether there was too much of it. */
export interface Malformed {
  readonly status: 400 | 413 | 415
  readonly detail: string
  readonly isTooLarge: boolean
}

export interface Route {
  readonly method: 'GET' | 'POST'
  /** With `:name` where a part of it is given. */
  readonly path: string
  /** Of the parameters of its path; absent where any short name will do. */
  readonly params?: Schema
  /** Absent or null where it takes none. */
  readonly query?: Schema | null
  readonly access: Access
  readonly summary: string
  readonly body: Schema | null
  readonly answer: { readonly type: string; readonly schema: Schema }
  /** Statuses of its own, beside those of every route. */
  readonly refuses: readonly number[]
  readonly handle: (context: RouteContext, call: Call) => Reply | Promise<Reply>
  /** Answers what its schemas refused; absent where the listener does, without an entry. */
  readonly malformed?: (context: RouteContext, why: Malformed) => Promise<Reply>
}
