/** `haltgate domains list|info|new` as commands, and the flag by which every command is given plugins. */
import { type Command, Option } from 'commander'
import type { DomainsContext } from './domain-catalog.ts'
import { type Flags, settingsOf } from './settings.ts'

/** Repeatable: each use names one more file. */
export function pluginOption(): Option {
  return new Option('--plugin <file>', 'a domain plugin of your own; may be given again')
    .argParser((path: string, before: readonly string[] | undefined) => [...(before ?? []), path])
    .default([], 'none')
}

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addDomains(
  program: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  const domains = program.command('domains').description('what the gate knows of what agents do')
  const load = (): Promise<typeof import('./domain-catalog.ts')> => import('./domain-catalog.ts')
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`)
  }
  const command = (name: string, description: string): Command =>
    domains.command(name).description(description).option('--json', 'print the result as JSON')
  const contextOf = (flags: Given): DomainsContext => {
    const { plugins } = settingsOf(flags, process.env)
    return { plugins, json: flags['json'] === true, print }
  }
  command('list', 'the domains that rules may name')
    .addOption(pluginOption())
    .action((flags: Given) => finish(load().then((room) => room.listDomains(contextOf(flags)))))
  command('info', 'the types, parameters and controls of a domain')
    .argument('<name>')
    .addOption(pluginOption())
    .action((name: string, flags: Given) =>
      finish(load().then((room) => room.domainInfo(contextOf(flags), name))),
    )
  command('new', 'a plugin of your own to begin with, and its test')
    .argument('<name>')
    .action((name: string, flags: Given) =>
      finish(load().then((room) => room.newDomain(contextOf(flags), name, '.'))),
    )
}
