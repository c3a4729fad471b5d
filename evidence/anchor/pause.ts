/** How long whoever is refused waits before the next try: twice as long each time, up to a minute, with chance in it. */

const firstMs = 1_000
export const longestMs = 60_000

/** tries  how often it failed so far, from 1; chance from 0 to below 1. Half of the pause is left to chance. */
export function pauseMs(tries: number, chance: number): number {
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(tries - 1, 10))
  return Math.round(whole * (0.5 + 0.5 * chance))
}
