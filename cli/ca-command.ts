/** `haltgate ca show|export|bundle|rotate` as commands: which flags and variables say what. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { CaContext } from './ca.ts'
import { type Flags, settingsOf } from './settings.ts'

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addCa(program: Command, finish: (work: Promise<number>) => Promise<void>): void {
  const ca = program.command('ca').description('the CA that clients of an inspecting gate trust')
  const load = (): Promise<typeof import('./ca.ts')> => import('./ca.ts')
  const command = (name: string, description: string): Command =>
    ca
      .command(name)
      .description(description)
      .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
      .option('--ca-cert <file>', 'a CA of your own, its certificate (HALTGATE_CA_CERT)')
      .option('--ca-key <file>', 'a CA of your own, its key (HALTGATE_CA_KEY)')
      .option('--json', 'print the result as JSON')
  const upstream = new Option(
    '--upstream-ca <file>',
    'further roots to verify upstreams by (HALTGATE_UPSTREAM_CA)',
  )
  command('show', 'its name, fingerprint and dates').action((flags: Given) =>
    finish(load().then(async (room) => room.showCa(await contextOf(flags)))),
  )
  command('export', 'its certificate in PEM, never its key')
    .option('--out <file>', 'where to write it; to the terminal otherwise')
    .action((flags: Given) =>
      finish(load().then(async (room) => room.exportCa(await contextOf(flags), outOf(flags)))),
    )
  command('bundle', 'all that a client has to trust, in one file')
    .addOption(upstream)
    .option('--out <file>', 'where to write it; DATA/ca/bundle.pem otherwise')
    .action((flags: Given) =>
      finish(load().then(async (room) => room.bundleCa(await contextOf(flags), outOf(flags)))),
    )
  command('rotate', 'a new CA; the bundle keeps the old one until it expires')
    .addOption(upstream)
    .action((flags: Given) =>
      finish(load().then(async (room) => room.rotate(await contextOf(flags)))),
    )
}

const outOf = (flags: Given): string | undefined => {
  const out = flags['out']
  return typeof out === 'string' ? resolve(out) : undefined
}

async function contextOf(flags: Given): Promise<CaContext> {
  const { caLayoutOf } = await import('./ca-files.ts')
  const { ca, dataDirectory, upstreamCa } = settingsOf(flags, process.env)
  return {
    layout: caLayoutOf(dataDirectory),
    operator: ca,
    upstreamCa,
    now: Date.now(),
    json: flags['json'] === true,
    print: (text) => {
      process.stdout.write(`${text}\n`)
    },
  }
}
