/**
 * Erasing: destroys a subject's key, takes its records out of the vault, and has the ledger say so. What was begun is
 * carried to its end, by the next start if need be.
 */
import type { OrderAnswer } from '../../gate/orders.ts'
import { bounded } from '../../gate/record.ts'
import type { ErasureOrder } from '../../gate/statement.ts'
import { assert } from '../../kernel/contract.ts'
import { makeFile, syncNames } from '../../ledger/durable.ts'
import type { Entry, Receipt } from '../../ledger/entry.ts'
import { failureOf, unavailable } from '../../ledger/failure.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import { type Begun, begunErasures, begunName } from './begun.ts'
import { vaultLayout } from './layout.ts'
import { RecordOf, recordsOf } from './read.ts'
import { rewriteSegments } from './rewrite.ts'
import { commitmentsOf, type Gone, tally } from './survey.ts'
import type { Vault } from './vault.ts'

export interface EraseOrder {
  /** As `subjectOf` names it: `actor:U` or `agent:A`. */
  readonly subject: string
  /** On what ground: the number of a request, an order. Recorded for ever, so it names no person. */
  readonly authority: string
  readonly reason: string
  /** Role of who ordered it. */
  readonly by: string
}

/** What was erased, when its entry is durable. */
export interface Erased {
  /** Id of the subject. */
  readonly subject: string
  /** Openings, of entries that the ledger has. */
  readonly count: number
  readonly fields: readonly string[]
  /** Of the entry `erasure`. */
  readonly receipt: Receipt
}

/** An erasure under way: nothing opens any more; `finished` resolves when the ledger says so. */
export interface Erasing {
  readonly subject: string
  readonly finished: Promise<Erased>
}

export interface ErasuresOptions {
  readonly vault: Vault
  /** `<data>/ledger`. */
  readonly ledger: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Has the ledger say so: `Gate.erased`. */
  readonly record: (order: ErasureOrder) => Promise<OrderAnswer>
  /** Lets others have their turn. */
  readonly pause: () => Promise<void>
  readonly files?: Files
}

/** Entries between two pauses: less than 5 ms of work. */
const pauseEntries = 256

const doing = 'the erasure is not over; the next start goes on with it'

/** Erasures of one gate, one after the other. */
export class Erasures {
  readonly #options: ErasuresOptions
  readonly #files: Files
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ErasuresOptions) {
    this.#options = options
    this.#files = options.files ?? realFiles
  }

  /**
   * Resolves when the subject's key is destroyed, durably; null where nothing of the subject is kept.
   *
   * errors  Failure: nothing was done, or what was begun is gone on with by the next start.
   */
  erase(order: EraseOrder): Promise<Erasing | null> {
    return this.#inTurn(() => this.#begin(order))
  }

  /** Carries to its end what a dead process began; answers how many there were. Call it when the gate is open. */
  resume(): Promise<number> {
    return this.#inTurn(async () => {
      const begun = begunErasures(this.#options.vault.directory)
      for (const one of begun) await this.#finish(one)
      return begun.length
    })
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#last.catch(() => undefined)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const next = this.#last.then(work, work)
    this.#last = next.catch(() => undefined)
    return next
  }

  async #begin({ authority, by, reason, subject }: EraseOrder): Promise<Erasing | null> {
    const { now, vault } = this.#options
    const id = vault.idOf(subject)
    try {
      const key = vault.keyOf(id)
      if (key === null) return null
      const text = { authority: bounded(authority), by: bounded(by) }
      const begun = { at: now(), ...text, key, reason: bounded(reason), subject: id }
      // From here on the erasure is carried to its end, whatever happens: nothing was destroyed before.
      await this.#note(begun)
      await vault.forget(id, key)
      // From here on nothing opens what this key sealed.
      const finished = this.#inTurn(() => this.#finish(begun))
      finished.catch(() => undefined)
      return { subject: id, finished }
    } catch (error) {
      throw failureOf(error, doing)
    }
  }

  async #note(begun: Begun): Promise<void> {
    const { erasures } = vaultLayout(this.#options.vault.directory)
    const name = begunName(begun)
    const half = `${erasures}/${name}.new`
    if (this.#files.factsAt(half) !== null) this.#files.remove(half)
    const place = { directory: erasures, name }
    const bytes = Buffer.from(JSON.stringify(begun))
    this.#files.close(await makeFile(this.#files, place, bytes))
  }

  async #finish(begun: Begun): Promise<Erased> {
    const { pause, vault } = this.#options
    const { directory } = vault
    const { key, subject } = begun
    try {
      await vault.forget(subject, key)
      const { writing } = vault
      const where = { directory, files: this.#files, subject, key, writing, pause }
      await rewriteSegments(where)
      const found = await this.#found(begun)
      // A crash between the entry and the end: it is there already, and this finds it.
      const receipt = found.receipt ?? (await this.#recorded(orderOf(begun, found.gone)))
      const { erasures } = vaultLayout(directory)
      this.#files.remove(`${erasures}/${begunName(begun)}`)
      await syncNames(this.#files, erasures)
      const { count, fields } = orderOf(begun, found.gone)
      return { subject, count, fields, receipt }
    } catch (error) {
      throw failureOf(error, doing)
    }
  }

  async #recorded(order: ErasureOrder): Promise<Receipt> {
    const answer = await this.#options.record(order)
    if (answer.ok) return answer.receipt
    throw unavailable(answer.reasons.map(({ message }) => message).join(' '))
  }

  /** What the ledger has of the erased records, and the entry where it says so already. */
  async #found(begun: Begun): Promise<{ gone: Gone | null; receipt: Receipt | null }> {
    const { ledger, pause, vault } = this.#options
    const groups = new Map<string, Gone>()
    const records = new RecordOf(recordsOf(vault.directory, { broken: 0 }))
    let receipt: Receipt | null = null
    let seen = 0
    try {
      for (const { entry } of linesFrom(ledger, 0)) {
        seen += 1
        if (seen % pauseEntries === 0) await pause()
        if (entry === null) continue
        const { hash, seq } = entry
        const [gone = null] = groups.values()
        if (says(entry, begun, gone)) receipt = { seq, hash }
        if (commitmentsOf(entry) === null) continue
        const kept = records.take(seq, String(entry.data['request']))
        if (kept === null) continue
        const { record } = kept
        if (record.subject !== begun.subject || record.key !== begun.key) continue
        assert(record.sealed === null, 'what is counted as erased was erased')
        tally(groups, seq, kept)
      }
    } finally {
      records.close()
    }
    const [gone = null] = groups.values()
    return { gone, receipt }
  }
}

/** True for the entry that says of this erasure what there is to say. */
function says({ data, kind }: Entry, begun: Begun, gone: Gone | null): boolean {
  if (kind !== 'erasure' || data['subject'] !== begun.subject) return false
  if (data['count'] !== (gone?.count ?? 0)) return false
  if (gone !== null) return data['first_seq'] === gone.first && data['last_seq'] === gone.last
  // Nothing tells two empty ones apart but when they were.
  return Number(data['at']) >= begun.at
}

function orderOf(begun: Begun, gone: Gone | null): ErasureOrder {
  const { authority, by, reason, subject } = begun
  return {
    ...{ authority, by, reason, subject },
    count: gone?.count ?? 0,
    fields: [...(gone?.fields ?? [])].sort(),
    firstSeq: gone?.first ?? null,
    lastSeq: gone?.last ?? null,
  }
}
