/** Answers questions about a ledger by its index: opened when the first one comes, fed, and made anew where it errs. */
import { Failure } from '../../kernel/reasons.ts'
import { failureOf } from '../../ledger/failure.ts'
import { type Records, type RecordsAsk, recordsOf } from '../records/views.ts'
import { isBroken, isBusy } from './database.ts'
import { type Ask, find, MismatchError, type Page } from './find.ts'
import { batchRows, type IndexOptions, LedgerIndex } from './ledger-index.ts'
import type { Break } from './tail.ts'

/** How far the index is after it was fed. */
export interface Standing {
  readonly rows: number
  readonly more: boolean
  /** Seq of the last entry that it has; null where it has none. */
  readonly freshTo: number | null
  /** Where the ledger itself does not go on. */
  readonly broken: Break | null
  /** Why rows were thrown away since the last time; null where none were. */
  readonly renewed: string | null
}

/** Not safe for two callers at once: it is used by one command, or by the worker of one gate. */
export class IndexDesk {
  readonly #options: IndexOptions
  #index: LedgerIndex | null = null
  #renewed: string | null = null

  constructor(options: IndexOptions) {
    this.#options = options
  }

  /**
   * Feeds the next rows.
   *
   * errors  Failure: the index cannot be opened, made or written.
   */
  async feed(rowsMax: number = batchRows): Promise<Standing> {
    const index = await this.#opened()
    try {
      const { broken, more, rows } = index.feed(rowsMax)
      const renewed = this.#renewed ?? index.renewed
      this.#renewed = null
      index.renewed = null
      return { rows, more, broken, renewed, freshTo: index.freshTo }
    } catch (error) {
      // Another one feeds: that is as good.
      if (isBusy(error)) return { ...standing, freshTo: index.freshTo }
      if (!isBroken(error)) throw failureOf(error, 'the index cannot be fed')
      await this.#renew(error instanceof Error ? error.message : 'it is broken')
      return { ...standing, more: true }
    }
  }

  /** Feeds all that is there. progress  told of how far it is. */
  async feedAll(progress: (freshTo: number) => void = () => undefined): Promise<Standing> {
    let renewed: string | null = null
    for (;;) {
      const fed = await this.feed(catchUpRows)
      renewed ??= fed.renewed
      if (!fed.more) return { ...fed, renewed }
      progress(fed.freshTo ?? 0)
    }
  }

  /**
   * Feeds what is new, and then asks; where the index turns out to be wrong, it is made anew, and asked once more.
   *
   * errors  Failure: so much is to be fed that the answer would be of long ago; or those of `feed` and of the question.
   */
  async fresh<T>(question: () => Promise<T>): Promise<T> {
    await this.#freshen()
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof RenewedFailure)) throw error
      await this.#freshen()
      return question()
    }
  }

  async #freshen(): Promise<void> {
    let rows = 0
    for (;;) {
      const fed = await this.feed()
      this.#renewed ??= fed.renewed
      if (!fed.more) return
      rows += fed.rows
      if (rows < freshenRows) continue
      const message = `the index of the ledger is being made, and is at entry ${fed.freshTo}; ask again`
      throw new Failure('ledger-unavailable', message)
    }
  }

  /** One page of entries. errors  as `#answered`. */
  page(ask: Ask): Promise<Page> {
    return this.#answered((index) =>
      find({ database: index.database, directory: index.place.directory }, ask),
    )
  }

  /** One page of a view of the ledger. errors  as `#answered`. */
  records(ask: RecordsAsk): Promise<Records> {
    return this.#answered((index) =>
      recordsOf({ database: index.database, directory: index.place.directory }, ask),
    )
  }

  close(): void {
    this.#index?.close()
    this.#index = null
  }

  /** errors  Failure: it cannot be opened; or it disagreed with the ledger, and is being made anew. */
  async #answered<T>(answer: (index: LedgerIndex) => T): Promise<T> {
    const index = await this.#opened()
    try {
      return answer(index)
    } catch (error) {
      if (!(error instanceof MismatchError) && !isBroken(error))
        throw failureOf(error, 'the index cannot be asked')
      await this.#renew(error instanceof Error ? error.message : 'it is broken')
      throw new RenewedFailure()
    }
  }

  async #renew(why: string): Promise<void> {
    this.#renewed = why
    const index = await this.#opened()
    if (!index.isFeeding) {
      this.close()
      return
    }
    await index.renew(why)
  }

  /** Where it cannot be written, somebody else's feeding is believed as far as it goes. */
  async #opened(): Promise<LedgerIndex> {
    this.#index ??= await opened(this.#options)
    return this.#index
  }
}

/** The index said something else than the ledger, and was thrown away: it is fed again, and may then be asked again. */
export class RenewedFailure extends Failure {
  constructor() {
    super('ledger-unavailable', 'the index disagreed with the ledger and is made anew; ask again')
    this.name = 'RenewedFailure'
  }
}

const standing: Standing = { rows: 0, more: false, freshTo: null, broken: null, renewed: null }

/** Rows that one question waits for: half a second or less. */
const freshenRows = 20 * batchRows

/** Rows of a transaction while much is to be fed: it is a quarter faster than by the thousand. */
const catchUpRows = 4 * batchRows

async function opened(options: IndexOptions): Promise<LedgerIndex> {
  try {
    return await LedgerIndex.open(options)
  } catch (error) {
    if (!(error instanceof Failure)) throw failureOf(error, 'the index cannot be opened')
    const reading = await LedgerIndex.read(options).catch((second: unknown) => {
      if (second instanceof Failure) return null
      throw second
    })
    if (reading === null) throw error
    return reading
  }
}
