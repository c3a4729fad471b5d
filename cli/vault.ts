/** The vault of a gate, opened from settings: what the gate and its ledger are given of it, and who erases. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { ErasurePort } from '../control/erasure-port.ts'
import { committing } from '../evidence/vault/commit.ts'
import { Erasures } from '../evidence/vault/erase.ts'
import { nameKeyBytes } from '../evidence/vault/layout.ts'
import { Vault } from '../evidence/vault/vault.ts'
import type { CoreOptions } from '../gate/core-options.ts'
import type { Gate } from '../gate/gate.ts'
import type { Clock } from '../gate/ports.ts'
import type { LedgerOptions } from '../ledger/options.ts'
import { systemClock } from './clock.ts'
import { keyFile } from './key-file.ts'
import { layoutOf, type Settings } from './settings.ts'

/** Whoever asks for an erasure waits so long for the records to be taken out; what opens them is gone by then. */
const answerMs = 8_000

export class Custodian {
  readonly #vault: Vault
  readonly #settings: Settings
  readonly #now: Clock['now']
  #erasures: Erasures | null = null

  private constructor(vault: Vault, settings: Settings, now: Clock['now']) {
    this.#vault = vault
    this.#settings = settings
    this.#now = now
  }

  /** Null where nothing is committed to and nothing ever was: an old vault can be erased from all the same. */
  static async open(settings: Settings, now: Clock['now']): Promise<Custodian | null> {
    const layout = layoutOf(settings.dataDirectory)
    if (settings.vault.length === 0 && !existsSync(layout.vault)) return null
    const vault = await Vault.open({
      directory: layout.vault,
      nameKey: keyFile(layout.vaultKey, () => randomBytes(nameKeyBytes)),
      fields: settings.vault,
      now,
      random: (bytes) => randomBytes(bytes),
    })
    return new Custodian(vault, settings, now)
  }

  /** For the gate. */
  get committing(): Pick<CoreOptions, 'commit'> {
    return this.#vault.fields.size === 0 ? {} : { commit: committing(this.#vault) }
  }

  /** For its ledger: nothing is written to it before the openings are durable. */
  get before(): Pick<LedgerOptions, 'before'> {
    if (this.#settings.durability === 'os') return {}
    return { before: () => this.#vault.durable() }
  }

  /** Begins to erase in the name of an open gate, and goes on with what a dead process began. */
  serve(gate: Gate, trouble: (error: unknown) => void): ErasurePort {
    const erasures = new Erasures({
      vault: this.#vault,
      ledger: layoutOf(this.#settings.dataDirectory).ledger,
      now: this.#now,
      record: (order) => gate.erased(order),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    })
    this.#erasures = erasures
    erasures.resume().catch(trouble)
    return {
      erase: async (order) => {
        const erasing = await erasures.erase(order)
        if (erasing === null) return null
        const { finished, subject } = erasing
        return { subject, done: await inTime(finished) }
      },
    }
  }

  /** When the gate is closed. */
  async close(): Promise<void> {
    await this.#erasures?.close()
    await this.#vault.close()
  }
}

/** Null where it takes longer than whoever asks waits. */
function inTime<Result>(work: Promise<Result>): Promise<Result | null> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(answerMs, () => resolve(null))
    work.then(resolve, reject).finally(cancel)
  })
}
