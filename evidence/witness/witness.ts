/**
 * A witness (c2sp.org/tlog-witness): cosigns a checkpoint of a log that it knows where the tree goes on from the one
 * that it cosigned before, and nothing else. A log cannot show it one past and later another one.
 */
import type { KeyObject } from 'node:crypto'
import { Failure } from '../../kernel/reasons.ts'
import { nextKeyWord } from '../../ledger/checkpoint.ts'
import { isSignedBy, type Note, parseNote, parseVkey, rawKeyOf } from '../../ledger/note.ts'
import { emptyRoot } from '../proof/tree.ts'
import { verifyConsistency } from '../proof/verify.ts'
import { cosign, witnessKeyText } from './cosignature.ts'
import type { Memory, Seen } from './memory.ts'
import { type AddCheckpoint, parseRequest } from './request.ts'

export interface WitnessOptions {
  readonly name: string
  readonly privateKey: KeyObject
  /** Verifying keys of the logs: each names the log that it signs for. */
  readonly logs: readonly string[]
  readonly memory: Memory
  readonly now: () => number
  /** What somebody should look into: a sentence. */
  readonly noticed: (
    facts: { readonly origin: string; readonly status: number },
    why: string,
  ) => void
}

export interface Answered {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 500
  readonly type: 'text/plain' | 'text/x.tlog.size'
  readonly text: string
}

export class Witness {
  readonly #options: WitnessOptions
  /** The keys that the operator named, by origin. */
  readonly #pinned = new Map<string, string>()
  /** The last of what is being done, by origin: one at a time, so that two cannot both go on from the same tree. */
  readonly #doing = new Map<string, Promise<unknown>>()

  /** errors  Failure where a log's key is none, or two are of one log. */
  constructor(options: WitnessOptions) {
    this.#options = options
    for (const text of options.logs) {
      const key = parseVkey(text)
      if (key === null) {
        throw new Failure('ledger-unavailable', `'${text}' is no verifying key of a log`)
      }
      if (this.#pinned.has(key.name)) {
        throw new Failure('ledger-unavailable', `two keys are given for the log '${key.name}'`)
      }
      this.#pinned.set(key.name, text)
    }
  }

  /** The key by which its cosignatures are verified. */
  get vkey(): string {
    const { name, privateKey } = this.#options
    return witnessKeyText(name, rawKeyOf(privateKey))
  }

  /** Answers a body of `add-checkpoint`. Never rejects because of what is in it. */
  async receive(body: string): Promise<Answered> {
    const request = parseRequest(body)
    if (typeof request === 'string') return plain(400, request)
    const note = parseNote(request.note)
    if (typeof note === 'string') return plain(400, `the checkpoint is none: ${note}`)
    const { origin } = note
    if (!this.#pinned.has(origin)) return plain(404, 'this log is not witnessed here')
    const before = this.#doing.get(origin) ?? Promise.resolve()
    const done = before.then(() => this.#judge(request, note))
    this.#doing.set(
      origin,
      done.catch(() => undefined),
    )
    return await done
  }

  async #judge(request: AddCheckpoint, note: Note): Promise<Answered> {
    const { memory, name, now, privateKey } = this.#options
    const { old, proof } = request
    const seen = this.#seen(note.origin)
    const key = parseVkey(seen.vkey)
    if (key === null || !isSignedBy(note, key)) {
      return this.#refuse(note, 403, 'no signature of the key that signs for this log')
    }
    if (old > note.size) return plain(400, 'the old size is larger than that of the checkpoint')
    if (old !== seen.size) return { status: 409, type: 'text/x.tlog.size', text: `${seen.size}\n` }
    if (note.size === seen.size && seen.size > 0 && note.root !== seen.root) {
      this.#refuse(note, 409, 'another tree of the size that was cosigned: a fork')
      return { status: 409, type: 'text/x.tlog.size', text: `${seen.size}\n` }
    }
    const [fromRoot, toRoot] = [Buffer.from(seen.root, 'hex'), Buffer.from(note.root, 'hex')]
    const isNone = note.size === 0 && !toRoot.equals(emptyRoot)
    if (isNone || !follows({ from: old, fromRoot, hashes: proof, to: note.size, toRoot })) {
      return this.#refuse(note, 422, 'the tree does not go on from the one that was cosigned')
    }
    const { origin, root, size } = note
    const next = nextVkeyOf(note)
    try {
      await memory.keep({ ...seen, origin, root, size, vkey: next ?? seen.vkey })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return this.#refuse(note, 500, `what was seen cannot be kept: ${why}`)
    }
    // From here on no other tree of this log is cosigned, whatever becomes of the answer.
    const line = cosign(note.text, { name, privateKey }, Math.floor(now() / 1_000))
    return plain(200, line, '')
  }

  /** What was seen of a log; the operator's word counts where it is another than before. */
  #seen(origin: string): Seen {
    const pinned = this.#pinned.get(origin) ?? ''
    const seen = this.#options.memory.of(origin)
    if (seen === null) return { origin, pinned, root: '', size: 0, vkey: pinned }
    return seen.pinned === pinned ? seen : { ...seen, pinned, vkey: pinned }
  }

  #refuse({ origin }: Note, status: Answered['status'], why: string): Answered {
    this.#options.noticed({ origin, status }, why)
    return plain(status, status === 500 ? 'what was seen cannot be kept' : why)
  }
}

/** From the empty tree on, everything goes on, and the proof is empty. */
function follows(claim: Parameters<typeof verifyConsistency>[0]): boolean {
  return claim.from === 0 ? claim.hashes.length === 0 : verifyConsistency(claim)
}

/** The key that a note hands over to: a log of this kind has a new one for each segment. */
function nextVkeyOf({ extensions, origin }: Note): string | null {
  for (const line of extensions) {
    if (!line.startsWith(`${nextKeyWord} `)) continue
    const text = line.slice(nextKeyWord.length + 1)
    if (parseVkey(text)?.name === origin) return text
  }
  return null
}

const plain = (status: Answered['status'], text: string, end = '\n'): Answered => ({
  status,
  type: 'text/plain',
  text: `${text}${end}`,
})
