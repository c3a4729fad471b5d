/** Path globs: `*` within a segment, `**` across segments, matched in time linear in the path. */

import { type PathText, runsOf } from './path-text.ts'

export type PathMatcher = (path: PathText) => boolean

/** Pieces of a glob, each looked for once. */
export const globCharactersMax = 256

/** Stand for `**` and `*` in a glob: half characters, which no decoded text holds. */
export const anyMark = '\ud800'
const segmentMark = '\ud801'

/** A glob whose wildcards are marks, so that none of its other characters is taken for one. */
export function markGlob(glob: string): string {
  return glob.replaceAll('**', anyMark).replaceAll('*', segmentMark)
}

/** Compiles a glob, at most globCharactersMax long; `*` and `**` may match nothing at all. */
export function compileGlob(glob: string): PathMatcher {
  return compileMarked(markGlob(glob))
}

/** Literals of which each stands behind the one before, with no slash between them. */
type Part = readonly string[]

/** Compiles what markGlob made. */
export function compileMarked(marked: string): PathMatcher {
  const parts = marked.split(anyMark).map((part): Part => part.split(segmentMark))
  const [first = [''], ...rest] = parts
  const last = rest.pop()
  const begins = first.slice(1)
  const head = first[0] ?? ''
  if (last === undefined) return ({ text }) => text.startsWith(head) && isWhole(text, first)
  const middle = rest.map(floating)
  const tail = last.at(-1) ?? ''
  const runs = [...new Set(parts.flat().flatMap(runsOf))]
  return (path) => {
    const { text } = path
    if (!text.startsWith(head) || !text.endsWith(tail) || !path.mayHold(runs)) return false
    let at = follow(text, head.length, begins)
    for (const part of middle) {
      if (at < 0) return false
      at = findPart(text, at, part)
    }
    return at >= 0 && endsBehind(text, at, last)
  }
}

/** Where the literals end that follow from here, each at its first place; -1 where one has none before a slash. */
function follow(path: string, from: number, literals: Part): number {
  let at = from
  for (const literal of literals) {
    const place = path.indexOf(literal, at)
    if (place < 0 || hasSlash(path, at, place)) return -1
    at = place + literal.length
  }
  return at
}

/**
 * A glob without `**`. Taking each literal at its first place loses nothing: one that holds a slash has but one
 * place that the wildcard before it can reach, and of the others an earlier place leaves more to what follows.
 */
function isWhole(path: string, literals: Part): boolean {
  const [head = '', ...rest] = literals
  const tail = rest.pop()
  if (tail === undefined) return path === head
  const at = follow(path, head.length, rest)
  const place = path.length - tail.length
  return at >= 0 && place >= at && path.endsWith(tail) && !hasSlash(path, at, place)
}

/** What stands between two `**`: its literals behind the first, each with the slashes that those before it hold. */
interface Floating {
  readonly head: string
  readonly rest: readonly { readonly literal: string; readonly slashes: number }[]
}

function floating(part: Part): Floating {
  let slashes = 0
  const counted = part.map((literal) => {
    const before = slashes
    slashes += literal.split('/').length - 1
    return { literal, slashes: before }
  })
  return { head: part[0] ?? '', rest: counted.slice(1) }
}

/**
 * Where the first match behind `from` ends; -1 where there is none. Where a literal lies beyond the segment that it
 * must be in, no match begins before the segment that would bring it within reach: each try leaves a segment behind.
 */
function findPart(path: string, from: number, { head, rest }: Floating): number {
  let start = from
  for (;;) {
    const begin = path.indexOf(head, start)
    if (begin < 0) return -1
    let at = begin + head.length
    let next = -1
    for (const { literal, slashes } of rest) {
      const place = path.indexOf(literal, at)
      if (place < 0) return -1
      if (hasSlash(path, at, place)) {
        next = segmentBefore(path, place, slashes)
        break
      }
      at = place + literal.length
    }
    if (next < 0) return at
    start = next
  }
}

/** Where the segment begins that lies so many slashes before the one that a place is in. */
function segmentBefore(path: string, place: number, slashes: number): number {
  let at = place
  for (let count = 0; count <= slashes; count += 1) {
    at = at === 0 ? -1 : path.lastIndexOf('/', at - 1)
    if (at < 0) return 0
  }
  return at + 1
}

/** True where the path ends in the literals, none of them before `from`: each at its last place. */
function endsBehind(path: string, from: number, literals: Part): boolean {
  let end = path.length
  for (let index = literals.length - 1; index >= 0; index -= 1) {
    const literal = literals[index] ?? ''
    const isLast = index === literals.length - 1
    const place = isLast ? end - literal.length : lastPlace(path, literal, end)
    if (place < from || (!isLast && hasSlash(path, place + literal.length, end))) return false
    end = place
  }
  return true
}

/** The last place where a literal ends before `end`, or -1. */
function lastPlace(path: string, literal: string, end: number): number {
  return end < literal.length ? -1 : path.lastIndexOf(literal, end - literal.length)
}

function hasSlash(path: string, from: number, to: number): boolean {
  const slash = from < to ? path.indexOf('/', from) : -1
  return slash >= 0 && slash < to
}
