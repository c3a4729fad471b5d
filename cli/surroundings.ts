/** What a gate is given of its machine: ids, addresses, and someone who counts. */
import { networkInterfaces } from 'node:os'
import type { Metrics } from '../control/metrics.ts'
import type { Watch } from '../gate/ports.ts'
import type { Verdict } from '../kernel/verdict.ts'
import { systemClock } from './clock.ts'

export interface Counter {
  decided(verdict: Verdict, code: string): void
}

/** Addresses of a machine seldom change, and reading them costs a tenth of a request (profiled 2026-11-21). */
const interfacesMs = 5_000

/** Every address of this machine: where a listener on a wildcard address can be reached. */
export function interfaceReader(): () => readonly string[] {
  let found: readonly string[] = []
  let readAt = Number.NEGATIVE_INFINITY
  const read = (): readonly string[] => {
    const now = systemClock.monotonicMs()
    if (now - readAt < interfacesMs) return found
    readAt = now
    try {
      found = Object.values(networkInterfaces()).flatMap(
        (all) => all?.map((one) => one.address) ?? [],
      )
    } catch {
      // No file descriptor is left (EMFILE): the addresses that were known still stand.
    }
    return found
  }
  // Once before anything is listened to: later there may be no descriptor to ask with.
  read()
  return read
}

/** Ids of requests, unique for all time: the boot's ULID and a counter. */
export function idsOf(bootId: string): () => string {
  let count = 0
  return () => {
    count += 1
    return `${bootId}-${count.toString(36)}`
  }
}

/** The metrics, and beside them someone who hears of each decision. */
export function watchOf(metrics: Metrics, also: Counter | undefined): Watch {
  if (also === undefined) return metrics
  return {
    decided: (verdict, code, domain, seconds) => {
      metrics.decided(verdict, code, domain, seconds)
      also.decided(verdict, code)
    },
    admitted: (seconds) => metrics.admitted(seconds),
    appended: (kind) => metrics.appended(kind),
    stepped: () => metrics.stepped(),
    severed: (scope, cause) => metrics.severed(scope, cause),
    opened: (kind) => metrics.opened(kind),
    ended: (end) => metrics.ended(end),
  }
}
