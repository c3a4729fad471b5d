/** Bounds how often each agent asks: what it asks costs no budget, and every answer is an entry. */

/** Asks of one agent in a minute. */
export const asksMax = 600
export const paceMs = 60_000

interface Window {
  readonly since: number
  readonly count: number
}

export class Pace {
  readonly #windows = new Map<string, Window>()

  /** Seconds to wait before so many more are answered; 0 where they are, and then they count. */
  waitOf(agent: string, asks: number, nowMs: number): number {
    const known = this.#windows.get(agent)
    const isOver = known === undefined || nowMs - known.since >= paceMs
    const { since, count } = isOver ? { since: nowMs, count: 0 } : known
    if (count + asks > asksMax) return Math.max(1, Math.ceil((since + paceMs - nowMs) / 1000))
    this.#windows.set(agent, { since, count: count + asks })
    return 0
  }
}
