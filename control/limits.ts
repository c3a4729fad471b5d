/** Every bound of the control listener, by name and unit. */

export interface ControlLimits {
  readonly bodyBytesMax: number
  readonly headerBytesMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** A socket on which nothing moves, a reader that does not read included, ends after this. */
  readonly idleTimeoutMs: number
  readonly connectionsMax: number
  /** How long close() waits for answers under way before it destroys their sockets. */
  readonly closeTimeoutMs: number
  readonly failedTokensMax: number
  readonly failedTokensWindowMs: number
  /** A scrape within this time of another is given the same text: /metrics is open, and not free. */
  readonly scrapeCacheMs: number
  /** Runs and purses that one answer lists; the total is always said. */
  readonly listMax: number
  /** The API's library is loaded so long after the start, or for its first request. */
  readonly apiLoadDelayMs: number
}

export const controlLimits: ControlLimits = {
  bodyBytesMax: 64 * 1024,
  headerBytesMax: 8 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  connectionsMax: 128,
  closeTimeoutMs: 2_000,
  failedTokensMax: 20,
  failedTokensWindowMs: 10_000,
  scrapeCacheMs: 1_000,
  listMax: 10_000,
  apiLoadDelayMs: 500,
}
