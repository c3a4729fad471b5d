/** What the audit routes speak to: the index of the ledger, and the gate where somebody writes something down. */
import type { Ask, Page } from '../../evidence/index/find.ts'
import type { Records, RecordsAsk } from '../../evidence/records/views.ts'
import type { SystemOrder } from '../../gate/statement.ts'
import type { Receipt } from '../../ledger/entry.ts'

/** Each rejects with a Failure where it cannot answer now: that is a 503. class IndexFeeder has the first two. */
export interface AuditPorts {
  /** Milliseconds since the epoch, for times that say how long ago. */
  now(): number
  /** One page of entries; `rowsMax` bounds what it costs. */
  page(ask: Ask): Promise<Page>
  /** One page of a view. */
  records(ask: RecordsAsk): Promise<Records>
  /** Appends an entry `system`; answers when it is durable. */
  record(note: SystemOrder): Promise<{ readonly receipt: Receipt }>
}
