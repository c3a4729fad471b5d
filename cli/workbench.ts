/** The policy workbench as commands: lint, test, simulate, suggest, diff, state; and init. */
import { type Command, Option } from 'commander'
import type { PolicyContext } from './policy.ts'
import { type Flags, settingsOf, UsageError } from './settings.ts'

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

type Finish = (work: Promise<number>) => Promise<void>

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const jsonOption = new Option('--json', 'print the result as JSON')
const policyOption = new Option('--policy <file>', 'the policy (HALTGATE_POLICY)')

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addWorkbench(policy: Command, program: Command, finish: Finish): void {
  addLint(policy, finish)
  addSuites(policy, finish)
  addObserved(policy, finish)
  addChanges(policy, finish)
  addInit(program, finish)
}

/** The policy that is named, behind the command or by a flag, or the one of the settings. */
function contextOf(flags: Given, file?: string): PolicyContext {
  const { policyFile } = settingsOf(
    file === undefined ? flags : { ...flags, policy: file },
    process.env,
  )
  return { policyFile, json: flags['json'] === true, print }
}

function addLint(policy: Command, finish: Finish): void {
  policy
    .command('lint')
    .description('what a policy says that its author can hardly mean, with a request that shows it')
    .argument('[file]')
    .addOption(policyOption)
    .addOption(jsonOption)
    .action((file: string | undefined, flags: Given) =>
      finish(
        import('./policy-lint.ts').then(({ lintPolicy }) => lintPolicy(contextOf(flags, file))),
      ),
    )
}

function addSuites(policy: Command, finish: Finish): void {
  policy
    .command('test')
    .description('run the cases of fixture files, and say which rules none of them reaches')
    .argument('<file...>')
    .option('--policy <file>', 'instead of the policies that the files name')
    .option('--min-coverage <percent>', 'fail where fewer rules are reached')
    .addOption(jsonOption)
    .action((files: string[], flags: Given) => {
      const { policyFile, json } = contextOf(flags)
      const named = flags['policy']
      return finish(
        import('./policy-test.ts').then(({ runSuites }) => {
          const minCoverage = numberOf(flags['minCoverage'], '--min-coverage', 100)
          const chosen = typeof named === 'string' ? named : null
          const now = Date.now()
          return runSuites({ files, policy: chosen, policyFile, minCoverage, now, json, print })
        }),
      )
    })
}

function addObserved(policy: Command, finish: Finish): void {
  policy
    .command('simulate')
    .description('which verdicts and spends of a ledger would change under a policy')
    .argument('[file]')
    .requiredOption('--against <dir>', 'a ledger, or the data directory that it stands in')
    .option('--from <seq>', 'begin at this entry')
    .option('--to <seq>', 'end at this entry')
    .addOption(policyOption)
    .addOption(jsonOption)
    .action((file: string | undefined, flags: Given) =>
      finish(
        import('./policy-simulate.ts').then(({ simulate }) => {
          const directory = String(flags['against'])
          return simulate(contextOf(flags, file), { directory, ...stretchOf(flags) })
        }),
      ),
    )
  policy
    .command('suggest')
    .description('draft rules that allow what a ledger saw, and nothing else')
    .requiredOption('--from <dir>', 'a ledger, or the data directory that it stands in')
    .option('--denied', 'from what was refused because no rule allowed it')
    .option('--agent <name>', 'of this agent alone')
    .action((flags: Given) =>
      finish(
        import('./policy-suggest.ts').then(({ suggest }) => {
          const agent = flags['agent']
          const chosen = typeof agent === 'string' ? agent : null
          const directory = String(flags['from'])
          return suggest({ directory, denied: flags['denied'] === true, agent: chosen, print })
        }),
      ),
    )
}

function addChanges(policy: Command, finish: Finish): void {
  policy
    .command('diff')
    .description('what a new policy means otherwise than an old one, and what it loosens')
    .argument('<old>')
    .argument('<new>')
    .addOption(jsonOption)
    .action((before: string, after: string, flags: Given) =>
      finish(
        import('./policy-diff.ts').then(({ diffPolicies }) =>
          diffPolicies({ before, after, json: flags['json'] === true, print }),
        ),
      ),
    )
  policy
    .command('state')
    .description('make a rule or a budget draft, active, disabled or retired, in the policy file')
    .argument('<id>', 'of a rule or a budget')
    .argument('<state>', 'draft, active, disabled or retired')
    .argument('[file]')
    .requiredOption('--reason <text>', 'why; it is written beside the state')
    .addOption(policyOption)
    .addOption(jsonOption)
    .action((id: string, state: string, file: string | undefined, flags: Given) =>
      finish(
        import('./policy-state.ts').then(({ changeState }) => {
          const reason = String(flags['reason'])
          return changeState(contextOf(flags, file), { id, state, reason })
        }),
      ),
    )
}

function addInit(program: Command, finish: Finish): void {
  program
    .command('init')
    .description('write a commented policies.yaml from a template; nothing is overwritten')
    .option('--domain <name>', 'whose template')
    .option('--template <name>', 'which; the first of the domain otherwise')
    .option('--list', 'print the templates that there are')
    .addOption(policyOption)
    .addOption(jsonOption)
    .action((flags: Given) =>
      finish(
        import('./init.ts').then(async ({ init, listTemplates }) => {
          const { builtinDomains } = await import('../kernel/domains/index.ts')
          const context = { ...contextOf(flags), domains: builtinDomains }
          const [domain, template] = [textOf(flags['domain']), textOf(flags['template'])]
          return flags['list'] === true
            ? listTemplates(context)
            : init(context, { domain, template })
        }),
      ),
    )
}

const textOf = (value: string | boolean | undefined): string | null =>
  typeof value === 'string' ? value : null

function stretchOf(flags: Given): { readonly from: number; readonly to: number } {
  const most = Number.MAX_SAFE_INTEGER
  const from = numberOf(flags['from'], '--from', most)
  const to = numberOf(flags['to'], '--to', most)
  return { from: from ?? 0, to: to ?? most }
}

/** errors  UsageError for what is no whole number up to `most`. */
function numberOf(value: string | boolean | undefined, name: string, most: number): number | null {
  if (value === undefined) return null
  if (typeof value === 'string' && /^\d{1,15}$/.test(value) && Number(value) <= most) {
    return Number(value)
  }
  throw new UsageError(`${name} is a whole number from 0 on, not '${String(value)}'`)
}
