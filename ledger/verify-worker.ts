/** A thread that follows one segment at a time, from what its segment.open says of the entries before it. */
import { closeSync, openSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { assert } from '../kernel/contract.ts'
import { Failure } from '../kernel/reasons.ts'
import { nextKeyWord } from './checkpoint.ts'
import { isSignedBy, parseNote, parseVkey } from './note.ts'
import { LineReader } from './scan-lines.ts'
import { segmentOpenOf } from './segment.ts'
import { Chain, type Followed, type Standing } from './verify-chain.ts'
import { LineCheck } from './verify-line.ts'
import type { Mark, NoteMark } from './verify-mark.ts'
import { Findings } from './verify-report.ts'
import { type ReadEnd, readSegment, type SegmentFile } from './verify-segment.ts'

/** What a thread is asked. */
export interface SegmentTask {
  readonly file: SegmentFile
  readonly before: string
  readonly digest: boolean
  readonly expected: { readonly seq: number; readonly hash: string } | null
  /** Sizes within the segment whose roots are asked for, ascending. */
  readonly sizes: readonly number[]
}

/** What a thread answers of a segment in which all is well. */
export interface SegmentAnswer {
  readonly begin: Standing
  readonly followed: Followed
  readonly end: ReadEnd
  readonly marks: readonly Mark[]
}

export type WorkerMessage =
  | { readonly kind: 'progress'; readonly bytes: number }
  /** Null where anything is not as it should be: whoever asked then reads the segment, and names it. */
  | { readonly kind: 'answer'; readonly answer: SegmentAnswer | null }

/** Kept of one segment at most: 64 MiB have fewer, unless almost every entry is a checkpoint. */
const marksMax = 100_000

/** Where the segment.open of a file says that it stands, and the key that it names; null where it is none. */
function beginOf(file: SegmentFile): (Standing & { readonly vkey: string }) | null {
  const descriptor = openSync(file.path, 'r')
  try {
    const reader = new LineReader(descriptor, file.bytes, null)
    const check = new LineCheck(reader)
    const sound = reader.fill() && reader.next() && check.fault() === null && check.flaw() === null
    if (!sound || check.seq !== file.firstSeq) return null
    const { prev, ts, ...entry } = check.entry()
    const { frontier, tree_size, vkey } = segmentOpenOf({ ...entry, prev, ts })
    const bits = tree_size.toString(2).replaceAll('0', '').length
    if (frontier.length !== bits) return null
    return { next: file.firstSeq, leaf: prev, ts, roots: frontier, vkey }
  } catch (error) {
    if (error instanceof Failure) return null
    throw error
  } finally {
    closeSync(descriptor)
  }
}

/** Checks signatures where it can be told which key should have signed, so that this is not left to one thread. */
function looking(vkey: string): (mark: NoteMark) => NoteMark {
  let key = parseVkey(vkey)
  return (mark) => {
    const note = parseNote(mark.note)
    if (typeof note === 'string') return mark
    const looked = key === null ? null : { vkey: key.text, signed: isSignedBy(note, key) }
    const hands = note.extensions.join('\n') === `${nextKeyWord} ${mark.vkey}`
    if (mark.kind === 'key.rotate' && hands) key = parseVkey(mark.vkey)
    return { ...mark, looked }
  }
}

function answerTo(task: SegmentTask, progress: (bytes: number) => void): SegmentAnswer | null {
  const { before, digest, expected, file, sizes } = task
  const begin = beginOf(file)
  if (begin === null) return null
  const findings = new Findings()
  const marks: Mark[] = []
  const look = looking(begin.vkey)
  const chain = new Chain({
    findings,
    expected,
    visit: null,
    sizes,
    tell: (mark) => {
      if (marks.length > marksMax) return
      marks.push(mark.kind === 'checkpoint' || mark.kind === 'key.rotate' ? look(mark) : mark)
    },
  })
  chain.assume(begin)
  chain.enter({ name: file.name, firstSeq: file.firstSeq, before: { name: before, good: 0 } })
  const end = readSegment(chain, file, { digest, to: Number.MAX_SAFE_INTEGER, progress })
  const { followed } = chain
  if (followed === null || findings.count > 0 || marks.length > marksMax) return null
  return { begin, followed, end, marks }
}

/** The same; null, too, where the file cannot be read: whoever asked finds that out. */
function answered(task: SegmentTask, progress: (bytes: number) => void): SegmentAnswer | null {
  try {
    return answerTo(task, progress)
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return null
    throw error
  }
}

const port = parentPort
assert(port !== null, 'this file is run as a thread')
const tell = (message: WorkerMessage): void => port.postMessage(message)
port.on('message', (task: SegmentTask) => {
  const progress = (bytes: number): void => tell({ kind: 'progress', bytes })
  tell({ kind: 'answer', answer: answered(task, progress) })
})
