/** What `haltgate start` tells a newcomer: what is open, and commands that work as they are printed. */

import { authorityOf, layoutOf, type Settings, settingsOf } from './settings.ts'
import { shownPath } from './shown-path.ts'
import type { World } from './world.ts'

export function banner(world: World, settings: Settings): string {
  const proxy = `http://${authorityOf(world.proxy)}`
  const { digest, mode } = world.gate.policy
  const { ledger, token } = layoutOf(settings.dataDirectory)
  const control = 'path' in world.control ? controlOf(world) : `http://${controlOf(world)}`
  const speaks =
    settings.agent === null
      ? 'agents show their name and token (haltgate agents add NAME)'
      : `everyone on this listener is the agent ${settings.agent}`
  const commands = next(world, settings)
  const width = Math.max(...commands.map(([command]) => command.length))
  return [
    `haltgate is open at ${proxy}: ${speaks}`,
    `  policy   ${shownPath(settings.policyFile)}  ${digest.slice(0, 19)}…  mode ${mode}`,
    `  ledger   ${shownPath(ledger)}  head ${world.gate.ledger.head.seq}`,
    `  control  ${control}  (token in ${shownPath(token)})`,
    ...redirected(world),
    '',
    'Next, in another shell:',
    ...commands.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`),
    '',
  ].join('\n')
}

const redirected = ({ transparent }: World): string[] =>
  transparent === null ? [] : [`  redirected to  ${authorityOf(transparent)}  (docs/boundaries.md)`]

const controlOf = ({ control }: World): string =>
  'path' in control ? `unix:${control.path}` : authorityOf(control)

function next(world: World, settings: Settings): (readonly [string, string])[] {
  const agent = settings.agent ?? 'NAME'
  const { control, data, policy } = flagsFor(world, settings)
  return [
    ...requests(world, settings, policy),
    [`npx haltgate halt agent:${agent} --reason "enough"${control}${data}`, 'refused from now on'],
    [`npx haltgate audit verify --replay${data}`, 'proves every verdict so far'],
  ]
}

function requests(world: World, settings: Settings, policy: string): [string, string][] {
  const proxy = authorityOf(world.proxy)
  if (settings.agent === null) {
    return [
      [`npx haltgate agents add NAME${policy}`, 'shows a token, once; the gate takes it at once'],
      [`curl -x http://NAME:TOKEN@${proxy} -i http://other.example/`, 'what the policy answers'],
    ]
  }
  const other = `curl -x http://${proxy} -i http://other.example/`
  // Other policies allow what they like: only of the shipped one is it known what it answers.
  if (!world.gate.policy.rules.has('local-origin')) return [[other, 'what the policy answers']]
  return [
    ['python3 -m http.server 8000 --bind 127.0.0.1 &', 'something to reach'],
    [`curl -x http://${proxy} http://localhost:8000/`, 'allowed by the rule local-origin'],
    [other, 'denied: no rule, no DNS query'],
  ]
}

interface NextFlags {
  readonly control: string
  readonly data: string
  readonly policy: string
}

/** Flags for whatever is not as it would be without any: another shell has not the variables of this one. */
function flagsFor(world: World, settings: Settings): NextFlags {
  const usual = settingsOf({}, {})
  const flag = (name: string, value: string, without: string): string =>
    value === without ? '' : ` --${name} ${quoted(value)}`
  const { dataDirectory, policyFile } = settings
  return {
    control: flag('control', controlOf(world), '127.0.0.1:3129'),
    data: flag('data', shownPath(dataDirectory), shownPath(usual.dataDirectory)),
    policy: flag('policy', shownPath(policyFile), shownPath(usual.policyFile)),
  }
}

/** As a shell takes it. */
const quoted = (text: string): string =>
  /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
