/** A ledger that is begun, or gone on with in order, with a fault at each system call. */
import { faultTests } from './fault-table.ts'

faultTests('nothing')
faultTests('a clean end')
