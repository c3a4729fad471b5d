/** The envelope of an entry, and what a writer hands in: members fixed by docs/ledger.md. */

export const entryKinds = [
  'log.genesis',
  'segment.open',
  'boot.open',
  'boot.close',
  'decision',
  'preview',
  'approval',
  'settlement',
  'extension',
  'rejected',
  'halt',
  'reinstate',
  'grant',
  'revoke',
  'policy.load',
  'alert',
  'incident',
  'checkpoint',
  'key.rotate',
  'anchor',
  'clock.step',
  'erasure',
  'system',
] as const

export type EntryKind = (typeof entryKinds)[number]

/** Opaque ids of who acted; absent ones are left out. Keys ascend: agent, key, principal, project, run, tenant. */
export interface Actor {
  readonly agent?: string
  readonly key?: string
  /** The human on whose behalf: the kernel's `actor`. */
  readonly principal?: string
  readonly project?: string
  readonly run?: string
  readonly tenant?: string
}

/** What is handed to `append`: already canonical, that is, every object literal has its keys in ascending order. */
export interface Draft {
  readonly kind: EntryKind
  readonly actor: Actor
  readonly data: object
}

/** Names one durable entry: its index and its RFC 6962 leaf hash, 64 lower-case hex digits. */
export interface Receipt {
  readonly seq: number
  readonly hash: string
}

/** An entry as it was read back from a verified line. */
export interface Entry extends Receipt {
  readonly v: 1
  readonly ts: string
  readonly prev: string
  readonly boot: string
  readonly kind: string
  readonly actor: Actor
  readonly data: Readonly<Record<string, unknown>>
}
