/** `halt`, `reinstate`, `grant`, `status`, `runs`: an operator's orders to a running gate, and what it answers. */
import pico from 'picocolors'
import { Failure } from '../kernel/reasons.ts'
import { parseScope } from '../kernel/scope.ts'
import { amountOf, shownAmount } from './amount.ts'
import { askControl, type ControlAnswer } from './control-client.ts'
import { exitCodes } from './exit.ts'
import { layoutOf, type Settings, UsageError } from './settings.ts'
import { table } from './table.ts'

export interface OrderContext {
  readonly settings: Settings
  readonly json: boolean
  readonly print: (text: string) => void
}

function requireScope(text: string): string {
  const scope = parseScope(text)
  if (scope !== null) return scope
  throw new UsageError(
    `'${text}' is no scope; write fleet, tenant:T, project:T/P, agent:A, run:A/R, actor:U, key:K or pool:N`,
  )
}

async function order(
  context: OrderContext,
  call: { path: string; body: object },
  done: string,
): Promise<number> {
  const answer = await askControl(context.settings, 'POST', call)
  if (context.json) context.print(JSON.stringify(answer.body))
  else if (answer.status < 300) context.print(`${done}${receiptOf(answer)}`)
  else context.print(`refused: ${detailOf(answer)}`)
  return answer.status < 300 ? exitCodes.done : exitCodes.no
}

function receiptOf({ body }: ControlAnswer): string {
  const receipt = body['receipt']
  if (typeof receipt === 'string') return `  (entry ${receipt})`
  if (typeof receipt === 'object' && receipt !== null && 'seq' in receipt) {
    return `  (entry ${String(receipt.seq)})`
  }
  return ''
}

function detailOf({ status, body }: ControlAnswer): string {
  return typeof body['detail'] === 'string' ? body['detail'] : `the gate answered ${status}`
}

export function halt(context: OrderContext, scope: string, reason: string): Promise<number> {
  const body = { scope: requireScope(scope), reason }
  return order(context, { path: '/api/v1/halts', body }, `${scope} is halted, for good`)
}

export function reinstate(context: OrderContext, scope: string, reason: string): Promise<number> {
  const body = { scope: requireScope(scope), reason }
  const call = { path: '/api/v1/reinstatements', body }
  return order(
    context,
    call,
    `${scope} may run again, in a new incarnation; what it spent stays spent`,
  )
}

export interface GrantRequest {
  readonly scope: string
  readonly dimension: string
  readonly amount: string
  readonly reason: string
  readonly budget: string
}

export function grant(context: OrderContext, request: GrantRequest): Promise<number> {
  const { dimension, reason, budget } = request
  const amount = amountOf(dimension, request.amount)
  const scope = requireScope(request.scope)
  const body = { scope, budget, dimension, amount, reason }
  const done = `${scope} was granted ${shownAmount(dimension, amount)} of ${dimension}`
  return order(context, { path: '/api/v1/grants', body }, done)
}

/** errors  Failure where the gate shows nothing: its token is another one's. */
async function look({ settings }: OrderContext, path: string): Promise<ControlAnswer['body']> {
  const answer = await askControl(settings, 'GET', { path })
  if (answer.status < 300) return answer.body
  const { token } = layoutOf(settings.dataDirectory)
  const message = `the gate refuses: ${detailOf(answer)} (asked with ${token}; is --data the directory of this gate?)`
  throw new Failure('identity-unknown', message)
}

/** What the gate says of itself: halted scopes, and every purse with what is left. */
export async function status(context: OrderContext): Promise<number> {
  const body = await look(context, '/api/v1/status')
  if (context.json) {
    context.print(JSON.stringify(body))
    return exitCodes.done
  }
  context.print(summaryOf(body))
  const halted = listOf(body['halted'])
  if (halted.length > 0) {
    const rows = halted.map((one) => [
      textOf(one['scope']),
      textOf(one['cause']),
      instant(one['since']),
    ])
    context.print(table(['halted', 'cause', 'since'], rows))
  }
  const purses = listOf(body['purses'])
  if (purses.length > 0) context.print(table(purseHeads, purses.map(purseRow)))
  return exitCodes.done
}

const purseHeads = ['budget', 'scope', 'period', 'dimension', 'limit', 'spent', 'held', 'left']

function purseRow(purse: Row): string[] {
  const dimension = textOf(purse['dimension'])
  const amounts = ['limit', 'posted', 'held', 'left'].map((key) =>
    shownAmount(dimension, Number(purse[key])),
  )
  return [
    textOf(purse['budget']),
    textOf(purse['scope']),
    textOf(purse['instance']),
    dimension,
    ...amounts,
  ]
}

type Row = Readonly<Record<string, unknown>>
const listOf = (value: unknown): readonly Row[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string =>
  value === undefined || value === null ? '' : String(value)
const instant = (value: unknown): string => new Date(Number(value)).toISOString()

function summaryOf(body: Row): string {
  const policy = body['policy']
  const digest =
    typeof policy === 'object' && policy !== null && 'digest' in policy ? policy.digest : ''
  const sealed = body['sealed']
  const head = body['head']
  const seq = typeof head === 'object' && head !== null && 'seq' in head ? head.seq : ''
  const state = sealed === null || sealed === false ? pico.green('open') : pico.red('SEALED')
  return `gate ${state}  head ${textOf(seq)}  runs ${textOf(body['runs'])}  open ${textOf(body['holdsOpen'])}  policy ${textOf(digest)}`
}

export async function runs(context: OrderContext): Promise<number> {
  const body = await look(context, '/api/v1/runs')
  const list = listOf(body['runs'])
  if (context.json) context.print(JSON.stringify(body))
  else if (list.length === 0) context.print('no run has been seen yet')
  else {
    const heads = Object.keys(list[0] ?? {})
    context.print(
      table(
        heads,
        list.map((run) =>
          heads.map((head) => (head === 'since' ? instant(run[head]) : textOf(run[head]))),
        ),
      ),
    )
  }
  return exitCodes.done
}
