/** The audit commands alone, as a program that a test starts: `node index-command.js query --data DIR`. */
import { Command } from 'commander'
import { addAuditQuery } from '../../cli/audit-query.ts'
import { explainFailure } from '../../cli/exit.ts'

const audit = new Command('audit')
addAuditQuery(audit, async (work) => {
  try {
    process.exitCode = await work
  } catch (error) {
    process.exitCode = explainFailure(error, (text) => process.stderr.write(`${text}\n`))
  }
})
await audit.parseAsync(process.argv)
