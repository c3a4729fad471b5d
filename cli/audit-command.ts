/** `haltgate audit …` as commands: which flags and variables say what. Each is loaded when it is called. */
import { type Command, Option } from 'commander'
import { addAuditErase } from './audit-erase.ts'
import { addAuditExport } from './audit-export.ts'
import { addAuditProve } from './audit-prove.ts'
import { addAuditQuery } from './audit-query.ts'
import { addAuditReport } from './audit-report.ts'
import { type Flags, settingsOf } from './settings.ts'

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const given = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

const dataOption = new Option('--data <dir>', 'the data directory (HALTGATE_DATA)')
const jsonOption = new Option('--json', 'print the result as JSON')

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addAudit(program: Command, finish: (work: Promise<number>) => Promise<void>): void {
  const audit = program.command('audit').description('read and prove the ledger')
  const load = (): Promise<typeof import('./audit.ts')> => import('./audit.ts')
  audit
    .command('verify')
    .description('verify the whole chain; --replay re-executes the kernel over it')
    .addOption(dataOption)
    .addOption(jsonOption)
    .option('--expect-head <seq:hash>', 'the head that was seen elsewhere')
    .option('--require <level>', 'chain, signed or anchored', 'chain')
    .option('--key <vkey>', 'the first key of the checkpoints, as it was handed to you')
    .option('--anchor <place>', 's3://bucket/prefix, or a directory of notes that were anchored')
    .option('--workers <count>', 'threads; where left out, up to 4 from 4 segments on')
    .option('--from <seq>', 'begin at this entry')
    .option('--to <seq>', 'end at this entry')
    .option('--replay', 'prove each verdict and balance')
    .action((flags: Given) => {
      const asked = {
        expectHead: given(flags['expectHead']),
        require: given(flags['require']),
        key: given(flags['key']),
        anchor: given(flags['anchor']),
        workers: given(flags['workers']),
        from: given(flags['from']),
        to: given(flags['to']),
        json: flags['json'] === true,
        replay: flags['replay'] === true,
      }
      return finish(
        load().then(({ auditVerify }) => {
          const { dataDirectory } = settingsOf(withoutAnchor(flags), process.env)
          return auditVerify({ dataDirectory, ...asked, print })
        }),
      )
    })
  audit
    .command('show')
    .description('print entries')
    .argument('[seq]', 'one entry, in full')
    .addOption(dataOption)
    .addOption(jsonOption)
    .option('--kind <kind>')
    .option('--agent <name>')
    .option('--run <name>')
    .option('--from <seq>')
    .option('--to <seq>')
    .option('--last <count>', 'only the newest so many')
    .action((seq: string | undefined, flags: Given) => {
      return finish(
        load().then(({ auditShow }) => {
          const { dataDirectory } = settingsOf(flags, process.env)
          return auditShow({ dataDirectory, seq, flags, print })
        }),
      )
    })
  addAuditQuery(audit, finish)
  addAuditProve(audit, finish)
  addAuditExport(audit, finish)
  addAuditReport(audit, finish)
  addAuditErase(audit, finish)
}

/** A verifier may be given a directory of notes, which is no place for a gate to anchor in. */
function withoutAnchor(flags: Given): Given {
  const { anchor: _, ...rest } = flags
  return rest
}
