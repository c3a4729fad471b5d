/** Who erases from the vault, as the routes speak to them. */
import type { Erased, EraseOrder } from '../evidence/vault/erase.ts'

/** Who erases. */
export interface ErasurePort {
  /** Null where nothing of the subject is kept; `done` is null while its records are still taken out. */
  erase(
    order: EraseOrder,
  ): Promise<{ readonly subject: string; readonly done: Erased | null } | null>
}
