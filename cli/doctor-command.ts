/** `haltgate doctor` as a command: which flags say whom to try. */
import type { Command } from 'commander'

type Given = Readonly<Record<string, string | boolean | undefined>>

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addDoctor(
  program: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  const text = (value: string | boolean | undefined): string | undefined =>
    typeof value === 'string' ? value : undefined
  program
    .command('doctor')
    .description('run it where the agent runs: which ways around the gate are open')
    .option('--https <url>', 'an https URL that the policy allows, to show whom clients trust')
    .option('--target <address:port>', 'who answers TCP outside (1.1.1.1:443)')
    .option('--target6 <[address]:port>', 'the same by IPv6')
    .option('--resolver <address:port>', 'who answers DNS outside (8.8.8.8:53)')
    .option('--name <host>', 'a name that a resolver knows (example.com)')
    .option('--json', 'print the result as JSON')
    .action((flags: Given) =>
      finish(
        import('./doctor.ts').then(({ doctor }) =>
          doctor({
            environment: process.env,
            https: text(flags['https']),
            target: text(flags['target']),
            target6: text(flags['target6']),
            resolver: text(flags['resolver']),
            name: text(flags['name']),
            json: flags['json'] === true,
            print,
          }),
        ),
      ),
    )
}
