/** `haltgate agents`: adds agents and tokens to the policy file, keeping its comments; a token is shown once. */
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { type Document, isMap, isSeq, parseDocument } from 'yaml'
import { Failure } from '../kernel/reasons.ts'
import { namePattern } from '../kernel/scope.ts'
import { formatProblem, loadPolicy } from '../policy/load.ts'
import { exitCodes } from './exit.ts'
import { loadOptionsOf, requirePolicy } from './policy-files.ts'
import { UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'
import { table } from './table.ts'

export interface AgentsContext {
  readonly policyFile: string
  /** Where agents connect, as `host:port`. */
  readonly proxy: string
  readonly json: boolean
  readonly print: (text: string) => void
}

export async function listAgents(context: AgentsContext): Promise<number> {
  const { policy } = await requirePolicy(context.policyFile)
  const agents = [...policy.agents.values()]
  if (context.json) {
    const shown = agents.map(({ tokens, ...rest }) => ({ ...rest, tokens: tokens.length }))
    context.print(JSON.stringify(shown))
  } else {
    const rows = agents.map((agent) => [
      agent.name,
      agent.tenant ?? '',
      agent.project ?? '',
      String(agent.tokens.length),
    ])
    context.print(table(['agent', 'tenant', 'project', 'tokens'], rows))
  }
  return exitCodes.done
}

export async function addAgent(
  context: AgentsContext,
  name: string,
  place: { readonly tenant?: string; readonly project?: string },
): Promise<number> {
  if (!namePattern.test(name)) throw new UsageError(`'${name}' is no name for an agent`)
  if (place.project !== undefined && place.tenant === undefined) {
    throw new UsageError('a project belongs to a tenant: add --tenant NAME')
  }
  const token = newToken()
  await edit(context, (document) => {
    if (document.hasIn(['agents', name])) throw new UsageError(`the agent ${name} is there already`)
    const agent = { ...place, tokens: [hashOf(token)] }
    document.setIn(['agents', name], document.createNode(agent))
  })
  return shown(context, name, token)
}

/** A further token for an agent that exists; the old ones stay good until they are revoked. */
export async function addToken(context: AgentsContext, name: string): Promise<number> {
  const token = newToken()
  await edit(context, (document) => {
    requireKnown(document, name)
    const place = ['agents', name, 'tokens']
    if (isSeq(document.getIn(place))) document.addIn(place, hashOf(token))
    else document.setIn(place, document.createNode([hashOf(token)]))
  })
  return shown(context, name, token)
}

/** Takes all tokens of an agent away; a running gate refuses them as soon as it has read the file. */
export async function revokeTokens(context: AgentsContext, name: string): Promise<number> {
  await edit(context, (document) => {
    requireKnown(document, name)
    document.setIn(['agents', name, 'tokens'], document.createNode([]))
  })
  context.print(
    context.json ? JSON.stringify({ agent: name, tokens: 0 }) : `${name} has no token now`,
  )
  return exitCodes.done
}

function requireKnown(document: Document, name: string): void {
  if (isMap(document.getIn(['agents', name]))) return
  throw new UsageError(`the policy declares no agent ${name}; add it: haltgate agents add ${name}`)
}

const newToken = (): string => randomBytes(32).toString('base64url')

const hashOf = (token: string): string =>
  `sha256:${createHash('sha256').update(token, 'utf8').digest('hex')}`

function shown(context: AgentsContext, name: string, token: string): number {
  if (context.json) context.print(JSON.stringify({ agent: name, token }))
  else {
    context.print(
      `${name}'s token, shown this once:\n\n  ${token}\n\nuse it: http://${name}:${token}@${context.proxy}`,
    )
  }
  return exitCodes.done
}

/** Changes the policy file as a whole or not at all: checked before it is written, written aside, renamed. */
async function edit(context: AgentsContext, change: (document: Document) => void): Promise<void> {
  const { policyFile } = context
  await requirePolicy(policyFile)
  const document = parseDocument(readFileSync(policyFile, 'utf8'))
  change(document)
  const text = document.toString({ flowCollectionPadding: false, lineWidth: 0 })
  const checked = await loadPolicy(
    { name: shownPath(policyFile), text },
    await loadOptionsOf(policyFile),
  )
  if ('problems' in checked) {
    throw new Failure('policy-unavailable', checked.problems.map(formatProblem).join('\n'))
  }
  // A link stays a link: what it leads to is replaced.
  const file = realpathSync(policyFile)
  const part = `${file}.part`
  writeFileSync(part, text, { mode: 0o600 })
  chmodSync(part, statSync(file).mode & 0o777)
  renameSync(part, file)
}
