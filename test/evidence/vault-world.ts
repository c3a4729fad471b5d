/** A ledger with a vault beside it on a real disk: decisions that commit, and erasures that the ledger tells of. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { VaultField } from '../../evidence/vault/commitment.ts'
import { type EraseOrder, Erasures } from '../../evidence/vault/erase.ts'
import { type Survey, type SurveyOptions, survey } from '../../evidence/vault/survey.ts'
import { Vault, type VaultOptions } from '../../evidence/vault/vault.ts'
import type { OrderAnswer } from '../../gate/orders.ts'
import { type ErasureOrder, erasureDraft } from '../../gate/statement.ts'
import type { Draft, Receipt } from '../../ledger/entry.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { makePlace, noon, type Place, World } from '../ledger/open-ledger.ts'

export const nameKey = createHash('sha256').update('a key of the tests').digest()

export function vaultOptions(place: Place, more: Partial<VaultOptions> = {}): VaultOptions {
  return {
    directory: join(place.data, 'vault'),
    nameKey,
    fields: ['body', 'principal', 'query'],
    now: () => noon,
    random: (bytes) => randomBytes(bytes),
    freeBytesMin: 0,
    ...more,
  }
}

/** A decision as the gate writes it, with what it commits to. */
export function committed(request: string, commitments: Readonly<Record<string, string>>): Draft {
  return {
    kind: 'decision',
    actor: { agent: 'worker', run: 'default' },
    data: { amount: 1, commitments, host: 'api.example.com', request, verdict: 'allow' },
  }
}

export class VaultWorld {
  readonly place: Place
  readonly world: World
  readonly vault: Vault
  readonly ledger: Ledger
  #requests = 0

  private constructor(parts: { place: Place; world: World; vault: Vault; ledger: Ledger }) {
    this.place = parts.place
    this.world = parts.world
    this.vault = parts.vault
    this.ledger = parts.ledger
  }

  static async open(
    t: Test,
    more: Partial<VaultOptions> = {},
    place: Place = makePlace(),
  ): Promise<VaultWorld> {
    t.teardown(place.remove)
    const world = new World(place)
    const vault = await Vault.open(vaultOptions(place, more))
    const ledger = await world.open()
    return new VaultWorld({ place, world, vault, ledger })
  }

  get directory(): string {
    return join(this.place.data, 'vault')
  }

  /** One decision of a subject, durable with its openings. */
  async decide(
    subject: string,
    values: Readonly<Partial<Record<VaultField, string>>>,
    request = this.#request(),
  ): Promise<Receipt> {
    const { seq: after } = this.ledger.head
    const commitments = this.vault.commit({ request, subject, after }, values)
    const written = this.ledger.append(committed(request, commitments))
    await this.vault.durable()
    return await written
  }

  #request(): string {
    this.#requests += 1
    return `${this.ledger.bootId}-${this.#requests.toString(36)}`
  }

  readonly record = async (order: ErasureOrder): Promise<OrderAnswer> => {
    return { ok: true, receipt: await this.ledger.append(erasureDraft(noon, order)) }
  }

  erasures(record = this.record, files: Files = realFiles): Erasures {
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const { directory: ledger } = this.place
    return new Erasures({ vault: this.vault, ledger, now: () => noon, record, pause, files })
  }

  async erase(subject: string, more: Partial<EraseOrder> = {}): Promise<number> {
    const order = { subject, authority: 'ticket 7', reason: '', by: 'operator', ...more }
    const erasing = await this.erasures().erase(order)
    return erasing === null ? -1 : (await erasing.finished).count
  }

  survey(more: Partial<SurveyOptions> = {}): Promise<Survey> {
    return survey({ ledger: this.place.directory, vault: this.directory, ...more })
  }

  async close(): Promise<void> {
    await this.ledger.close()
    await this.vault.close()
  }
}

/** The commitment by the letter of the specification, without the vault's code. */
export function byTheLetter(salt: string, field: string, value: string): string {
  const key = Buffer.from(salt, 'base64url')
  const block = Buffer.alloc(64)
  key.copy(block)
  const pad = (byte: number): Buffer => Buffer.from(block.map((one) => one ^ byte))
  const text = Buffer.concat([
    Buffer.from('haltgate-ledger/1/commit'),
    Buffer.of(0),
    Buffer.from(field),
    Buffer.of(0),
    Buffer.from(value),
  ])
  const inner = createHash('sha256').update(pad(0x36)).update(text).digest()
  return createHash('sha256').update(pad(0x5c)).update(inner).digest('base64url')
}
