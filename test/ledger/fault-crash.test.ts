/** A ledger that crashed amid a change of keys, or was never signed before, with a fault at each system call. */
import { faultTests } from './fault-table.ts'

faultTests('a crash amid a change of keys')
faultTests('an end of before checkpoints were signed')
