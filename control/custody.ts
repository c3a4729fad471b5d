/** What metrics tell of the ledger outside of the gate: its newest checkpoint, its anchor, its index. */
import type { DurableCheckpoint } from '../ledger/checkpoint.ts'
import type { Sample } from './bounded.ts'
import type { Samples } from './exposition.ts'

/** Read at each scrape; what is not set up is null. */
export interface CustodyView {
  readonly checkpoint: DurableCheckpoint | null
  readonly anchor: {
    readonly lagEntries: number
    readonly lagMs: number
    readonly failures: number
    /** Of the newest anchor; -1 before the first. */
    readonly slot: number
    readonly segmentsWaiting: number
  } | null
  /** Cosigned size of the witness that is furthest behind. */
  readonly witnessedSize: number | null
  /** Entries that the index has not read yet. */
  readonly indexLag: number | null
}

const one = (value: number): readonly Sample[] => [{ labels: [], value }]

export function custodySamples(view: CustodyView): Samples {
  const { anchor, checkpoint, indexLag, witnessedSize } = view
  return {
    ...(checkpoint === null
      ? {}
      : {
          haltgate_checkpoint_size: one(checkpoint.size),
          haltgate_checkpoint_timestamp_seconds: one(checkpoint.at / 1_000),
        }),
    ...(anchor === null
      ? {}
      : {
          haltgate_anchor_lag_entries: one(anchor.lagEntries),
          haltgate_anchor_lag_seconds: one(anchor.lagMs / 1_000),
          haltgate_anchor_failures_total: one(anchor.failures),
          haltgate_anchor_slot: one(anchor.slot),
          haltgate_anchor_segments_waiting: one(anchor.segmentsWaiting),
        }),
    ...(witnessedSize === null ? {} : { haltgate_witnessed_size: one(witnessedSize) }),
    ...(indexLag === null ? {} : { haltgate_index_lag_entries: one(indexLag) }),
  }
}
