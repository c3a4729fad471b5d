/** Exhaustive search, breadth first, of a small world: every state that can be reached, and the first bad one. */

export interface Move<W> {
  readonly label: string
  readonly world: W
}

export interface Model<W> {
  readonly initial: W
  /** Everything that can happen next. */
  next(world: W): readonly Move<W>[]
  /** The sentence that a step breaks, or null. A thrown error breaks one too. */
  bad(before: W, move: Move<W>): string | null
  /** Equal for worlds that have the same future. */
  keyOf(world: W): string
}

export interface Explored {
  readonly states: number
  readonly transitions: number
  /** What is broken, and the shortest way there; null where nothing is. */
  readonly violation: { readonly sentence: string; readonly trace: readonly string[] } | null
}

interface Node<W> {
  readonly world: W
  readonly label: string
  readonly parent: Node<W> | null
}

function traceOf<W>(node: Node<W> | null, last: string): readonly string[] {
  const labels = [last]
  for (let each = node; each !== null; each = each.parent) labels.unshift(each.label)
  return labels
}

function broken<W>(model: Model<W>, node: Node<W>): readonly Move<W>[] | Error {
  try {
    return model.next(node.world)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Searches until nothing is new, or something is broken. */
export function explore<W>(model: Model<W>): Explored {
  const seen = new Set([model.keyOf(model.initial)])
  let frontier: Node<W>[] = [{ world: model.initial, label: 'start', parent: null }]
  let transitions = 0
  const found = (node: Node<W>, label: string, sentence: string): Explored => {
    const violation = { sentence, trace: traceOf(node, label) }
    return { states: seen.size, transitions, violation }
  }
  while (frontier.length > 0) {
    const fresh: Node<W>[] = []
    for (const node of frontier) {
      const moves = broken(model, node)
      if (moves instanceof Error) return found(node, '?', moves.message)
      for (const move of moves) {
        transitions += 1
        const key = model.keyOf(move.world)
        const sentence = model.bad(node.world, move)
        if (sentence !== null) return found(node, move.label, sentence)
        if (seen.has(key)) continue
        seen.add(key)
        fresh.push({ world: move.world, label: move.label, parent: node })
      }
    }
    frontier = fresh
  }
  return { states: seen.size, transitions, violation: null }
}
