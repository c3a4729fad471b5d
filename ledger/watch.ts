/** Told of each commit, for metrics; must not throw and must not wait. */

export interface Watch {
  /** seconds  from the write to the answer of the disk. */
  committed(entries: number, bytes: number, seconds: number): void
}
