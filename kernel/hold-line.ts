/** What one purse is held for a request, open or waiting: a line of a hold or of an approval. */

export interface HoldLine {
  readonly purse: string
  /** Parallel to the dimensions of the purse. */
  readonly amounts: readonly number[]
}
