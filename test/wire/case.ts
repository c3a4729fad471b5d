/** What a case of the conformance suite is: bytes that are sent to a proxy, and what may come of them. */

/**
 * One step of a script, on the client's connection or on the origin's. Texts are latin1, a character for a byte,
 * and filled in by `fill`: `{id}` is the case's own mark, `{plain}`, `{tcp}`, `{tls}` and `{shut}` are ports.
 */
export type Step =
  | string
  | Buffer
  /** In pieces of so many bytes, each a packet of its own. */
  | { readonly pieces: string | Buffer; readonly size: number }
  /** Again and again until the peer is gone, or so often. */
  | { readonly repeat: string; readonly times: number }
  /** Until the peer has sent this, counted from where the last such step ended. */
  | { readonly hear: string }
  /** Until an origin has seen this of the case. */
  | { readonly seen: string }
  /** Half-close, reset, stop reading, read again, or wait until the peer is gone. */
  | { readonly act: 'end' | 'reset' | 'pause' | 'resume' | 'gone' }
  /** A TLS handshake on the connection with this SNI; what follows is said inside. */
  | { readonly tls: string }
  /** On the origin: the answer to a WebSocket handshake. */
  | { readonly accept: 'right' | 'wrong' }
  /** First of all steps: so many connections, each of which says this and is answered, or is held. */
  | { readonly crowd: number; readonly text: string; readonly held?: boolean }
  /** The client tells the origin to go on with its answer, and the origin waits for that. */
  | { readonly cue: 'give' | 'take' }
  /** haltgate only: an operator halts this scope. */
  | { readonly halt: string }

export type Script = readonly Step[]

/** The bounds of a number, both included. */
export type Between = readonly [least: number, most: number]

export interface Expect {
  /**
   * refused  an answer of 4xx or 5xx, or none at all, and no origin is asked
   * served   an answer below 400, and one origin was asked
   * safe     either of these: what reaches an origin can be read in one way only
   * cut      whatever was answered is not a whole answer below 400
   * answered somehow, or closed
   */
  readonly outcome: 'refused' | 'served' | 'safe' | 'cut' | 'answered'
  /** The status of the first answer is one of these, where there is an answer. */
  readonly status?: readonly number[]
  /** How many requests reach an origin: none where refused, one where served, at most one otherwise. */
  readonly requests?: Between
  /** How many final answers the client gets at most: 1 unless said. */
  readonly answers?: number
  /** What each request at an origin holds, and what none does. */
  readonly requestHas?: readonly RegExp[]
  readonly requestLacks?: readonly RegExp[]
  /** What the client hears in all, and what it does not. */
  readonly clientHas?: readonly RegExp[]
  readonly clientLacks?: readonly RegExp[]
  /** What comes through a tunnel to the origin that only records: nothing, or what is said here. */
  readonly tunnelled?: RegExp
  /** How many of a crowd are served. */
  readonly served?: Between
  /** The proxy ends the connection by itself. */
  readonly closes?: boolean
}

/** What haltgate does exactly, where a peer may do otherwise. */
export interface Exact {
  /** What is known to be wrong with it: the case fails, and the day it passes this goes. */
  readonly fault?: string
  readonly status?: number
  readonly code?: string
  /**
   * What the ledger has of the case, in any order: `decision allow`, `settlement settled halted`. Refusals are left
   * out, since equals of a flood share an entry.
   */
  readonly entries?: readonly string[]
}

export interface Case {
  readonly name: string
  /** RFC and section, CVE or paper. */
  readonly why: string
  readonly send: Script
  /** What the origin answers each request with; 200 and `ok` where it does not say. */
  readonly answer?: Script
  /** The origin answers as soon as it has the head, without waiting for the body. */
  readonly early?: boolean
  readonly expect: Expect
  readonly haltgate?: Exact
  /** Needs haltgate's own resolver, budgets or ledger: skipped against others. */
  readonly only?: 'haltgate'
  /** Answers of the resolver for a name, one list for each time that it is asked, the last one for ever. */
  readonly names?: Readonly<Record<string, readonly (readonly string[])[]>>
  /** Why failing says little about a peer. */
  readonly unfair?: string
  /** For how long the proxy may keep silent before that is its answer. */
  readonly patienceMs?: number
}

export interface Topic {
  readonly name: string
  readonly cases: readonly Case[]
}

/** What stands for the names in braces. */
export type Filling = Readonly<Record<string, string>>

/** Fills in the names in braces; other braces stay as they are. */
export function fill(text: string, filling: Filling): string {
  return text.replace(/\{([a-z]+)\}/g, (whole, name: string) => filling[name] ?? whole)
}

/** Marks are as long as each other, and so are the ports of the suite. */
const lengths: Readonly<Record<string, number>> = {
  id: 9,
  plain: 5,
  shut: 5,
  tls: 5,
  tcp: 5,
  base: 32,
}

/** How many bytes a text will have once it is filled in. */
export function sizeOf(text: string): number {
  const filled = text.replace(/\{([a-z]+)\}/g, (whole, name: string) => {
    return 'x'.repeat(lengths[name] ?? whole.length)
  })
  return filled.length
}

/** The mark of a case in a text; empty where there is none. */
export const markIn = (text: string): string => /case\d{4}z/.exec(text)?.[0] ?? ''

/** The mark of the n-th case. */
export const markOf = (count: number): string => `case${String(count).padStart(4, '0')}z`
