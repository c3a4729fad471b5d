/** Holds a reader to time that is linear in its input, far more generously than any machine's jitter. */
import { ensure } from './fuzzed.ts'

/** For anything at all: a pause of the machine, a first compilation. */
const allowanceMs = 300

/** A quadratic reader of 64 KiB takes 4 s at 1 ns a step; a linear one of 20 steps a byte takes 1.3 ms. */
const bytesPerMs = 1024

/** Only what is late every time is slow by itself: the other times it was the machine. */
const attemptsMax = 3

/** What `run` answers; throws where it takes too long again and again. */
export function timely<T>(bytes: number, run: () => T): T {
  const limitMs = allowanceMs + bytes / bytesPerMs
  for (let attempt = 1; ; attempt += 1) {
    const before = performance.now()
    const answer = run()
    const tookMs = performance.now() - before
    if (tookMs <= limitMs) return answer
    ensure(attempt < attemptsMax, `${bytes} bytes took ${Math.round(tookMs)} ms`)
  }
}
