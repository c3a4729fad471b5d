/** Judges the checkpoints of a ledger, in the order in which the chain tells of them: signer, tree, cadence. */
import { checkpointEntriesMax, checkpointMs, nextKeyWord } from './checkpoint.ts'
import { checkpointName } from './checkpoint-file.ts'
import { type Note, parseNote } from './note.ts'
import { KnownKeys } from './verify-keys.ts'
import type { FirstMark, Mark, MarkPlace, NoteMark } from './verify-mark.ts'
import { type Details, type FindingCode, type Findings, findingOf } from './verify-report.ts'

/** What a busy event loop may add to the time that an entry waits for its checkpoint. */
const graceMs = 5_000

export interface CheckpointsOptions {
  readonly findings: Findings
  /** The first key, as somebody outside knows it; null where nobody told. */
  readonly pinned: string | null
  /** That the signatures are asked for: then a first key that nobody vouches for is a finding. */
  readonly required: boolean
  /** Whether entries that say what was anchored are kept. */
  readonly anchors: boolean
}

/** The end of what was read. */
export interface LedgerEnd {
  /** Entries, counted from the first one of the ledger. */
  readonly size: number
  /** Root over them; null where they are not proven to be in their place. */
  readonly root: string | null
  /** True where the range ends before the ledger does. */
  readonly cut: boolean
  /** True while a writer is at work: its last entries wait for their checkpoint. */
  readonly live: boolean
}

export class Checkpoints {
  verified = 0
  /** Checkpoints that came later than they may, as far as clocks tell. */
  late = 0
  /** Of the largest tree whose note is right. */
  lastSize = 0
  readonly keys = new KnownKeys()
  /** Roots at the sizes that were asked for, and when the entry behind them was written. */
  readonly sizes = new Map<number, { readonly root: string | null; readonly ts: string }>()
  /** SHA-256 of anchored notes by store and slot, as entries say. */
  readonly anchored = new Map<string, string>()
  readonly #options: CheckpointsOptions
  #origin = ''
  /** How the first key came: by the genesis, by a key.rotate, or before the range. */
  #first: 'none' | 'genesis' | 'adopted' | 'unseen' = 'none'
  /** Size of the last note, right or wrong; null before the first one. */
  #last: number | null = null
  /** Entries since that the cadence does not count: they begin and end files and starts. */
  #uncounted = 0
  /** When the oldest entry was written that waits for a checkpoint. */
  #since: string | null = null

  constructor(options: CheckpointsOptions) {
    this.#options = options
  }

  tell(mark: Mark): void {
    switch (mark.kind) {
      case 'first':
        if (mark.genesis) this.#genesis(mark)
        else this.#segment(mark)
        return
      case 'boot.open':
      case 'boot.close':
        this.#uncounted += 1
        if (mark.kind === 'boot.open') this.#since = mark.ts
        return
      case 'waiting':
        this.#since ??= mark.ts
        return
      case 'checkpoint':
      case 'key.rotate':
        this.#note(mark)
        return
      case 'anchor':
        if (this.#options.anchors) this.anchored.set(`${mark.store} ${mark.slot}`, mark.sha256)
        return
      case 'size':
        if (!this.sizes.has(mark.size)) this.sizes.set(mark.size, mark)
    }
  }

  /** True where the ledger signs. */
  get signs(): boolean {
    return this.keys.last !== ''
  }

  /** True where the first key is the one that was told. */
  get pinned(): boolean {
    const { pinned } = this.#options
    return pinned !== null && this.keys.first === pinned && this.#first !== 'unseen'
  }

  /** True where the keys go back to one that the ledger names first, or that was told. */
  get rooted(): boolean {
    return this.pinned || this.#first === 'genesis'
  }

  /** True where the keys of before the range are believed. */
  get unseen(): boolean {
    return this.#first === 'unseen'
  }

  /** Judges the file `checkpoint` (null where there is none) and the entries that no checkpoint covers. */
  end(file: string | null, end: LedgerEnd): void {
    if (file !== null) this.#file(file, end)
    const { pinned } = this.#options
    if (pinned !== null && !this.signs && !end.cut) {
      this.#distrust({ segment: '', offset: 0 }, { expected: pinned, message: noKey })
    }
    const uncovered = end.size - this.lastSize
    if (!this.signs || end.cut || end.root === null || uncovered === 0) return
    const place = { segment: '', offset: 0 }
    const since = end.size - Math.max(this.lastSize, this.#last ?? end.size) - this.#uncounted
    if (since > checkpointEntriesMax) {
      const values = { expected: `at most ${checkpointEntriesMax}`, actual: String(since) }
      const message = 'More entries than there may be lie behind the last checkpoint.'
      this.#add('CP_GAP', place, { seq: this.lastSize, ...values, message })
    } else if (!end.live && this.#options.required) {
      const actual = String(uncovered)
      const message = `No checkpoint covers the last ${uncovered} entries, and nobody writes.`
      this.#add('CP_GAP', place, { severity: 'warning', seq: this.lastSize, actual, message })
    }
  }

  #genesis({ at, origin, vkey }: FirstMark): void {
    if (at.seq !== 0 || this.#origin !== '') return
    this.#origin = origin
    this.#last = 0
    if (vkey === '') return
    this.#first = 'genesis'
    if (!this.keys.add(vkey, 0, origin)) {
      this.#distrust(at, {
        expected: origin,
        actual: vkey,
        message: 'It names no key of this log.',
      })
    }
    this.#compareFirst(at, vkey)
  }

  #compareFirst(at: MarkPlace, vkey: string): void {
    const { pinned, required } = this.#options
    if (pinned !== null && pinned !== vkey) this.#distrust(at, { expected: pinned, actual: vkey })
    const message =
      'The log began without a key, and this one signed itself in: name it with --key to trust it.'
    if (pinned === null && required && this.#first === 'adopted') {
      this.#distrust(at, { severity: 'warning', actual: vkey, message })
    }
  }

  #segment({ at, vkey }: FirstMark): void {
    this.#uncounted += 1
    this.#since = null
    const known = this.keys.last
    if (this.#first === 'none' && this.#origin === '' && vkey !== '') {
      this.#first = 'unseen'
      this.keys.add(vkey, at.seq, vkey.split('+')[0] ?? '')
    } else if (known !== vkey && (this.#origin !== '' || known !== '')) {
      const message = 'It does not name the key that is in force.'
      this.#add('SEGMENT_LINK', at, { expected: known, actual: vkey, message })
    }
  }

  #note(mark: NoteMark): void {
    const { at, kind, looked, root } = mark
    const note = parseNote(mark.note)
    if (kind === 'key.rotate' && !this.signs) this.#adopt(mark, note)
    if (typeof note === 'string') {
      this.#add('CP_SIG', at, { message: `The note of the checkpoint cannot be read: ${note}.` })
    } else {
      const fault = this.keys.faultOf(note, at.seq, looked)
      if (fault !== null) this.#add(fault.code, at, fault)
      const sound = this.#compare(at, note, { size: at.seq, root })
      if (fault === null && sound && root !== null) this.#verify(note)
    }
    this.#judgeCadence(mark)
    if (kind === 'key.rotate') this.#rotate(mark, note)
    this.#last = at.seq
    this.#uncounted = 0
    this.#since = null
  }

  /** The first key of a ledger that was not signed before: its own note says that it is there, and nothing more. */
  #adopt({ at, vkey }: NoteMark, note: Note | string): void {
    this.#first = 'adopted'
    const origin = this.#origin || (typeof note === 'string' ? '' : note.origin)
    this.keys.add(vkey, at.seq, origin)
    this.#last = null
    this.#compareFirst(at, vkey)
  }

  /** Hands over to the next key, even where the old one did not sign for it: that is a finding, and one is enough. */
  #rotate({ at, vkey }: NoteMark, note: Note | string): void {
    const line = typeof note === 'string' ? '' : note.extensions.join('\n')
    if (line !== `${nextKeyWord} ${vkey}`) {
      const values = { expected: `${nextKeyWord} ${vkey}`, actual: line.slice(0, 512) }
      this.#add('CP_SIG', at, { ...values, message: 'The note does not name the next key.' })
    }
    if (this.keys.last === vkey) return
    if (!this.keys.add(vkey, at.seq + 1, this.#origin)) {
      this.#add('CP_SIG', at, { actual: vkey, message: 'The next key is no key of this log.' })
    }
  }

  #judgeCadence({ at, root, ts }: NoteMark): void {
    if (root === null) return
    const distance = at.seq - (this.#last ?? at.seq) - this.#uncounted
    if (distance > checkpointEntriesMax) {
      const values = { expected: `at most ${checkpointEntriesMax}`, actual: String(distance) }
      const message = 'More entries than there may be lie between two checkpoints.'
      this.#add('CP_GAP', at, { ...values, message })
    }
    const waitedMs = this.#since === null ? 0 : Date.parse(ts) - Date.parse(this.#since)
    if (waitedMs <= checkpointMs + graceMs) return
    // A machine that slept leaves this for good: it is told where signatures are asked for.
    this.late += 1
    if (!this.#options.required) return
    const values = { expected: `at most ${checkpointMs} ms`, actual: `${waitedMs} ms` }
    const message = 'An entry waited for this checkpoint longer than it may.'
    this.#add('CP_GAP', at, { severity: 'warning', ...values, message })
  }

  /** True where the note is of this tree, as far as the root is known. */
  #compare(
    at: Omit<MarkPlace, 'seq'> & { readonly seq?: number },
    note: Note,
    tree: { readonly size: number; readonly root: string | null },
  ): boolean {
    if (note.size !== tree.size) {
      const values = { expected: String(tree.size), actual: String(note.size) }
      this.#add('CP_ROOT', at, { ...values, message: 'The checkpoint is of another size.' })
      return false
    }
    if (tree.root === null || tree.root === note.root) return true
    this.#add('CP_ROOT', at, { expected: tree.root, actual: note.root })
    return false
  }

  #file(text: string, end: LedgerEnd): void {
    const at = { segment: checkpointName, offset: 0 }
    const note = parseNote(text)
    if (typeof note === 'string') {
      this.#add('CP_SIG', at, { message: `The file cannot be read: ${note}.` })
      return
    }
    if (note.size > end.size) {
      if (end.cut) return
      const values = { seq: end.size, expected: String(note.size), actual: String(end.size) }
      const message = `A checkpoint covers ${note.size} entries, and the ledger has ${end.size}: its end is gone.`
      this.#add('CP_ROOT', at, { ...values, message })
      return
    }
    const root = note.size === end.size ? end.root : (this.sizes.get(note.size)?.root ?? null)
    if (root === null && this.unseen) return
    const fault = this.keys.faultOf(note, note.size, null)
    if (fault !== null) this.#add(fault.code, at, fault)
    const sound = this.#compare(at, note, { size: note.size, root })
    if (fault === null && sound && root !== null) this.#verify(note)
  }

  #verify({ size }: Note): void {
    this.verified += 1
    this.lastSize = Math.max(this.lastSize, size)
  }

  #distrust(at: Omit<MarkPlace, 'seq'>, details: Details): void {
    this.#add('KEY_UNTRUSTED', at, details)
  }

  #add(
    code: FindingCode,
    at: Omit<MarkPlace, 'seq'> & { readonly seq?: number },
    details: Details,
  ): void {
    this.#options.findings.add(findingOf(code, at, { seq: at.seq ?? null, ...details }))
  }
}

const noKey = 'The ledger names no key, and one was expected.'
