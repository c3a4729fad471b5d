/** Path globs: `*` within a segment, `**` across segments, matched in time linear in the path. */

export type PathMatcher = (path: string) => boolean

/** States of the automaton, and so the cost of one character of a path at worst. */
export const globCharactersMax = 256

type Element = { readonly literal: string } | 'segment' | 'any'

/**
 * Compiles a glob. All states are followed at once, so that no path makes it backtrack.
 *
 * glob  at most globCharactersMax long; `*` and `**` may match nothing at all.
 */
export function compileGlob(glob: string): PathMatcher {
  const elements = parseGlob(glob)
  if (!glob.includes('*')) return (path) => path === glob
  const last = elements.at(-1)
  const isPrefix = last === 'any' && glob.indexOf('*') === glob.length - 2
  if (isPrefix) {
    const prefix = glob.slice(0, -2)
    return (path) => path.startsWith(prefix)
  }
  return automaton(elements)
}

function parseGlob(glob: string): readonly Element[] {
  const elements: Element[] = []
  for (let index = 0; index < glob.length; index += 1) {
    const character = glob[index] ?? ''
    if (character !== '*') elements.push({ literal: character })
    else if (glob[index + 1] === '*') {
      elements.push('any')
      index += 1
    } else elements.push('segment')
  }
  return elements
}

function automaton(elements: readonly Element[]): PathMatcher {
  // Generation in which a state was last entered, so that nothing is cleared between characters.
  const entered = new Float64Array(elements.length + 1)
  let generation = 0
  const enter = (states: number[], first: number): void => {
    for (let state = first; entered[state] !== generation; state += 1) {
      entered[state] = generation
      states.push(state)
      const element = elements[state]
      if (element !== 'segment' && element !== 'any') return
    }
  }
  return (path) => {
    generation += 1
    let states: number[] = []
    enter(states, 0)
    for (let index = 0; index < path.length && states.length > 0; index += 1) {
      generation += 1
      const character = path[index] ?? ''
      const next: number[] = []
      for (const state of states) {
        const element = elements[state]
        if (element === undefined) continue
        if (element === 'any') enter(next, state)
        else if (element === 'segment') {
          if (character !== '/') enter(next, state)
        } else if (element.literal === character) enter(next, state + 1)
      }
      states = next
    }
    return states.includes(elements.length)
  }
}
