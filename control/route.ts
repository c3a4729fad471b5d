/** What a route of the control listener is: one row of the table in routes.ts. */
import type { Reply } from './problem.ts'
import type { Schema } from './schemas.ts'
import type { Access, Role } from './token.ts'
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
}

export interface Call {
  /** Validated by the route's schema already. */
  readonly body: unknown
  readonly role: Role
}

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly access: Access
  readonly summary: string
  readonly body: Schema | null
  readonly answer: { readonly type: string; readonly schema: Schema }
  /** Statuses of its own, beside those of every route. */
  readonly refuses: readonly number[]
  readonly handle: (context: RouteContext, call: Call) => Reply | Promise<Reply>
}
