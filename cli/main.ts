#!/usr/bin/env node
/** The command line: argv to wiring. Each command is loaded when it is called, so that none pays for another. */
import { Command, CommanderError, Option } from 'commander'
import type { AgentsContext } from './agents.ts'
import { addApprovals } from './approvals.ts'
import { addCa } from './ca-command.ts'
import { addDoctor } from './doctor-command.ts'
import { addDomains, pluginOption } from './domains.ts'
import { exitCodes, explainFailure } from './exit.ts'
import { addInject } from './inject-command.ts'
import { limitFlags } from './limit-flags.ts'
import { authorityOf, type Flags, type Settings, settingsOf } from './settings.ts'
import { version } from './version.ts'
import { addWorkbench } from './workbench.ts'

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const printError = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/** What a person may write behind every command, as commander hands it over. */
type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

const settings = (flags: Given): Settings => settingsOf(flags, process.env)
const word = (value: string | boolean | undefined): string =>
  typeof value === 'string' ? value : ''

async function finish(work: Promise<number>): Promise<void> {
  try {
    process.exitCode = await work
  } catch (error) {
    process.exitCode = explainFailure(error, printError)
  }
}

const listenOption = new Option('--listen <host:port>', 'where agents connect (HALTGATE_LISTEN)')
const transparentOption = new Option(
  '--transparent <host:port>',
  'where the network redirects agents that ask no proxy; with --agent (HALTGATE_TRANSPARENT)',
)
const controlOption = new Option(
  '--control <host:port>',
  'the operators’ listener (HALTGATE_CONTROL)',
)
const policyOption = new Option('--policy <file>', 'the policy (HALTGATE_POLICY)')
const dataOption = new Option('--data <dir>', 'the data directory (HALTGATE_DATA)')
const agentOption = new Option('--agent <name>', 'binds the listener to one agent (HALTGATE_AGENT)')
const levelOption = new Option(
  '--log-level <level>',
  'trace to fatal, or silent (HALTGATE_LOG_LEVEL)',
)
const witnessOption = (): Option =>
  new Option(
    '--witness <url#vkey>',
    'who cosigns checkpoints; may be given again (HALTGATE_WITNESSES)',
  ).argParser((one: string, before: readonly string[] | undefined) => [...(before ?? []), one])
const jsonOption = new Option('--json', 'print the result as JSON')
const reasonOption = new Option('--reason <text>', 'why; it is recorded').makeOptionMandatory()

function gateOptions(command: Command): Command {
  for (const { fallback, flag, meaning } of limitFlags) {
    const unit = flag.endsWith('-ms') ? '<ms>' : '<number>'
    command.addOption(new Option(`${flag} ${unit}`, `${meaning} (${fallback})`).hideHelp())
  }
  return command
    .addHelpText('after', '\nThe limits of the proxy are flags too: see docs/limits.md.')
    .addOption(listenOption)
    .addOption(transparentOption)
    .addOption(controlOption)
    .addOption(policyOption)
    .addOption(dataOption)
    .addOption(agentOption)
    .addOption(levelOption)
    .option(
      '--durability <group|os>',
      'group: synced before a byte leaves; os: written, not synced',
    )
    .option('--verify-on-start <last|all>', 'which segments are read line by line at start')
    .option('--any-filesystem', 'accept NFS, CIFS, FUSE or tmpfs under the ledger')
    .option('--insecure-control', 'accept a control listener that is not on loopback, without TLS')
    .option(
      '--ca-cert <file>',
      'a CA of your own to inspect with, its certificate (HALTGATE_CA_CERT)',
    )
    .option('--ca-key <file>', 'and its key (HALTGATE_CA_KEY)')
    .option('--upstream-ca <file>', 'further roots to verify upstreams by (HALTGATE_UPSTREAM_CA)')
    .addOption(pluginOption())
    .option(
      '--notify-url <url>',
      'where people are told of what waits for them (HALTGATE_NOTIFY_URL)',
    )
    .option('--origin <name>', 'name of a ledger that is begun (HALTGATE_ORIGIN)')
    .option('--anchor <s3://bucket/prefix>', 'where checkpoints are held (HALTGATE_ANCHOR)')
    .addOption(witnessOption())
    .option('--vault <fields>', 'what decisions commit to: query,body,principal (HALTGATE_VAULT)')
    .option(
      '--upstream-proxy <url>',
      'where all is sent through that no rule says more of (HALTGATE_UPSTREAM_PROXY)',
    )
}

/** A gate of its own listens where nobody else does: HALTGATE_LISTEN and HALTGATE_CONTROL are another gate's. */
function runSettings(flags: Given): Settings {
  return settingsOf(flags, {
    ...process.env,
    HALTGATE_LISTEN: '127.0.0.1:0',
    HALTGATE_TRANSPARENT: '',
    HALTGATE_CONTROL: '127.0.0.1:0',
    HALTGATE_AGENT: process.env['HALTGATE_AGENT'] || 'local',
    HALTGATE_LOG_LEVEL: process.env['HALTGATE_LOG_LEVEL'] || 'warn',
  })
}

function addRunning(program: Command): void {
  gateOptions(program.command('start').description('run the gate')).action((flags: Given) =>
    finish(
      import('./start.ts').then(({ start }) =>
        start({ settings: settings(flags), print: printError, tell: print }),
      ),
    ),
  )
  gateOptions(
    program
      .command('run')
      .description(
        'run one command behind a gate of its own, on free ports unless flags name them',
      ),
  )
    .option('--jail', 'in namespaces of its own, whose only way out is the gate (Linux)')
    .argument('<command...>')
    .passThroughOptions()
    .action((command: string[], flags: Given) => {
      return finish(
        import('./run.ts').then(({ run }) =>
          run({
            settings: runSettings(flags),
            command,
            jail: flags['jail'] === true,
            print: printError,
          }),
        ),
      )
    })
  addDoctor(program, finish)
  program
    .command('demo')
    .description('an origin, a gate and a looping agent on loopback; or the example of a domain')
    .argument('[domain]')
    .action((domain: string | undefined) => {
      if (domain === undefined)
        return finish(import('./demo.ts').then(({ demo }) => demo({ print })))
      const played = import('./example.ts').then(({ demoDomain }) => demoDomain({ domain, print }))
      return finish(played)
    })
}

function operator(command: Command): Command {
  return command.addOption(controlOption).addOption(dataOption).addOption(jsonOption)
}

function context(flags: Given): { settings: Settings; json: boolean; print: typeof print } {
  return { settings: settings(flags), json: flags['json'] === true, print }
}

function addOrders(program: Command): void {
  const orders = (): Promise<typeof import('./orders.ts')> => import('./orders.ts')
  operator(program.command('halt').description('halt a scope, for good'))
    .argument('<scope>')
    .addOption(reasonOption)
    .action((scope: string, flags: Given) =>
      finish(orders().then(({ halt }) => halt(context(flags), scope, word(flags['reason'])))),
    )
  operator(program.command('reinstate').description('let an agent, project or tenant run again'))
    .argument('<scope>')
    .addOption(reasonOption)
    .action((scope: string, flags: Given) =>
      finish(
        orders().then(({ reinstate }) => reinstate(context(flags), scope, word(flags['reason']))),
      ),
    )
  operator(program.command('grant').description('raise what a scope may spend'))
    .argument('<scope>')
    .argument('<dimension>')
    .argument('<amount>', 'as in the policy: 50, 200k, 10MiB, 1h, 2.50 (USD)')
    .addOption(reasonOption)
    .option('--budget <id>', 'which budget, where several bind that dimension')
    .action((scope: string, dimension: string, amount: string, flags: Given) => {
      const request = {
        scope,
        dimension,
        amount,
        reason: word(flags['reason']),
        budget: word(flags['budget']),
      }
      return finish(orders().then(({ grant }) => grant(context(flags), request)))
    })
  operator(program.command('status').description('what is halted, spent and left')).action(
    (flags: Given) => finish(orders().then(({ status }) => status(context(flags)))),
  )
  operator(program.command('runs').description('the runs that were seen')).action((flags: Given) =>
    finish(orders().then(({ runs }) => runs(context(flags)))),
  )
}

function addAgents(program: Command): void {
  const agents = program.command('agents').description('who may speak, in the policy file')
  const load = (): Promise<typeof import('./agents.ts')> => import('./agents.ts')
  const place = (flags: Given): AgentsContext => {
    const { listen, policyFile } = settings(flags)
    return { policyFile, proxy: authorityOf(listen), json: flags['json'] === true, print }
  }
  const command = (name: string, description: string): Command =>
    agents.command(name).description(description).addOption(policyOption).addOption(jsonOption)
  command('list', 'the agents of the policy').action((flags: Given) =>
    finish(load().then(({ listAgents }) => listAgents(place(flags)))),
  )
  command('add', 'declare an agent and show its token, once')
    .argument('<name>')
    .option('--tenant <name>')
    .option('--project <name>')
    .action((name: string, flags: Given) => {
      const [tenant, project] = [word(flags['tenant']), word(flags['project'])]
      const where = { ...(tenant === '' ? {} : { tenant }), ...(project === '' ? {} : { project }) }
      return finish(load().then(({ addAgent }) => addAgent(place(flags), name, where)))
    })
  command('token', 'a further token for an agent, shown once')
    .argument('<name>')
    .action((name: string, flags: Given) =>
      finish(load().then(({ addToken }) => addToken(place(flags), name))),
    )
  command('revoke', 'take all tokens of an agent away')
    .argument('<name>')
    .action((name: string, flags: Given) =>
      finish(load().then(({ revokeTokens }) => revokeTokens(place(flags), name))),
    )
}

function addPolicy(program: Command): void {
  const policy = program.command('policy').description('check and explain a policy')
  const load = (): Promise<typeof import('./policy.ts')> => import('./policy.ts')
  policy
    .command('check')
    .description('print every problem of a policy file')
    .argument('[file]')
    .addOption(policyOption)
    .addOption(jsonOption)
    .action((file: string | undefined, flags: Given) => {
      const chosen = settings(file === undefined ? flags : { ...flags, policy: file })
      const where = { policyFile: chosen.policyFile, json: flags['json'] === true, print }
      return finish(load().then(({ check }) => check(where)))
    })
  policy
    .command('explain')
    .description('what the policy answers to a request, and which rules spoke')
    .requiredOption('--agent <name>')
    .argument('<method>')
    .argument('<url>', 'for CONNECT: host:port')
    .option('--body <file>', 'a body, decoded where a rule asks for it')
    .addOption(policyOption)
    .addOption(jsonOption)
    .action((method: string, url: string, flags: Given) => {
      const where = { policyFile: settings(flags).policyFile, json: flags['json'] === true, print }
      const bodyFile = typeof flags['body'] === 'string' ? flags['body'] : null
      const request = { agent: word(flags['agent']), method, url, bodyFile }
      return finish(load().then(({ explainRequest }) => explainRequest(where, request)))
    })
  addWorkbench(policy, program, finish)
}

/** Commands whose rooms are large: they are loaded where they are called, so that a gate does not pay for them. */
async function addRarely(program: Command): Promise<void> {
  const [, , first, second] = process.argv
  const called = first === 'help' ? second : first
  if (called === 'audit') (await import('./audit-command.ts')).addAudit(program, finish)
  else program.command('audit').description('read, prove, export and report the ledger')
  if (called === 'witness') (await import('./witness.ts')).addWitness(program, finish)
  else program.command('witness').description('cosign the checkpoints of other gates')
}

async function main(): Promise<void> {
  const program = new Command('haltgate')
  program
    .description('A fail-closed forward proxy for AI agents.')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(see --help)')
    .exitOverride()
  addRunning(program)
  addOrders(program)
  addAgents(program)
  addPolicy(program)
  await addRarely(program)
  addCa(program, finish)
  addApprovals(program, finish)
  addDomains(program, finish)
  addInject(program, finish)
  try {
    await program.parseAsync(process.argv)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  }
}

/** A bug is never swallowed: it is printed, and the process ends with 70; the ledger holds what was decided. */
function bug(error: unknown): void {
  printError(`haltgate: a bug: ${error instanceof Error ? (error.stack ?? '') : String(error)}`)
  process.exit(exitCodes.bug)
}

/** Whoever reads has read enough (`| head`): a command that only prints is done. A gate prints nothing there. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(exitCodes.done)
})

process.on('uncaughtException', bug)
process.on('unhandledRejection', bug)
await main()
