/** What the chain tells of entries on which signatures and anchors bear: plain values, so that any thread can tell them. */

/** Where a finding about a mark points to. */
export interface MarkPlace {
  readonly segment: string
  readonly offset: number
  readonly seq: number
}

/** An entry `checkpoint` or `key.rotate`. */
export interface NoteMark {
  readonly kind: 'checkpoint' | 'key.rotate'
  readonly at: MarkPlace
  readonly ts: string
  /** As the entry has it; empty where it has none. */
  readonly note: string
  /** The key that a `key.rotate` brings; empty where it names none. */
  readonly vkey: string
  /** Root over the entries before it; null where they are not proven to be in their place. */
  readonly root: string | null
  /** Whether this key signed the note, where somebody looked already. */
  readonly looked: { readonly vkey: string; readonly signed: boolean } | null
}

/** The first entry of a file. */
export interface FirstMark {
  readonly kind: 'first'
  /** True for a genesis. */
  readonly genesis: boolean
  readonly at: MarkPlace
  /** The key in force behind it; empty where none is. */
  readonly vkey: string
  /** Of a genesis; empty in a segment. */
  readonly origin: string
}

export type Mark =
  | NoteMark
  | FirstMark
  /** The writer began or ended. */
  | { readonly kind: 'boot.open' | 'boot.close'; readonly ts: string }
  /** The first entry in a file, or behind a note, that waits for a checkpoint. */
  | { readonly kind: 'waiting'; readonly ts: string }
  /** An entry `anchor`. */
  | {
      readonly kind: 'anchor'
      readonly sha256: string
      readonly slot: number
      readonly store: string
    }
  /** A size that was asked for: the root over the entries before, and the time of the one behind. */
  | {
      readonly kind: 'size'
      readonly size: number
      readonly root: string | null
      readonly ts: string
    }
