/** Model providers of one's own: they speak the wire of the real ones, and count what they would have billed. */
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { bodyOf, ruleAt, type Serve } from './inspect-world.ts'

export interface Bill {
  calls: number
  input: number
  output: number
  /** In nano-USD, by the rates of `rates`. */
  nanoUsd: number
  /** Bodies that arrived. */
  readonly bodies: string[]
}

export const emptyBill = (): Bill => ({ calls: 0, input: 0, output: 0, nanoUsd: 0, bodies: [] })

/** USD for a million tokens, which is thousands of nano-USD for one. */
export const rates = { input: 10, output: 40 }

/** The same as `prices.models` of a policy. */
export const pricesOf = (...names: readonly string[]): string =>
  names
    .map((id) => `    - { id: ${id}, input: ${rates.input}, output: ${rates.output} }`)
    .join('\n')

export interface Manners {
  /** Tokens that it reads out of each call. */
  readonly input?: number
  /** Tokens that it would answer, if its caller lets it. */
  readonly output?: number
  /** Answers as many as it likes, whatever its caller allows. */
  readonly ignoresLimit?: boolean
  /** Keeps what was used to itself. */
  readonly hidesUsage?: boolean
  /** Waits between two events of a stream. */
  readonly pauseMs?: number
}

interface Call {
  readonly model: string
  readonly stream?: boolean
  readonly max_tokens?: number
  readonly max_completion_tokens?: number
  readonly stream_options?: { readonly include_usage?: boolean }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Serves `…/chat/completions` and `…/messages`. */
export function serveModels(bill: Bill, manners: Manners = {}): Serve {
  return (request, response) => {
    answerCall(request, response, { bill, manners }).catch(() => response.destroy())
  }
}

async function answerCall(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  { bill, manners }: { readonly bill: Bill; readonly manners: Manners },
): Promise<void> {
  const body = await bodyOf(request)
  bill.bodies.push(body)
  const call = JSON.parse(body) as Call
  const allowed = call.max_completion_tokens ?? call.max_tokens ?? Number.POSITIVE_INFINITY
  const { ignoresLimit = false, input = 100, output = 20, pauseMs = 0 } = manners
  const words = ignoresLimit ? output : Math.min(output, allowed)
  bill.calls += 1
  bill.input += input
  bill.nanoUsd += input * rates.input * 1000
  const counted = (): void => {
    bill.output += 1
    bill.nanoUsd += rates.output * 1000
  }
  const answer = { call, words, input, hides: manners.hidesUsage === true }
  const speak = request.url.endsWith('/messages') ? anthropic(answer) : openai(answer)
  if (call.stream !== true) {
    for (let word = 0; word < words; word += 1) counted()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(speak.whole))
    return
  }
  let isGone = false
  response.once('close', () => {
    isGone = true
  })
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of speak.before) response.write(event)
  for (let word = 0; word < words && !isGone; word += 1) {
    counted()
    if (!response.write(speak.word(word))) await wait(1)
    if (pauseMs > 0 || word % 64 === 63) await wait(pauseMs)
  }
  if (isGone) return
  for (const event of speak.after) response.write(event)
  response.end()
}

interface Answer {
  readonly call: Call
  readonly words: number
  readonly input: number
  readonly hides: boolean
}

/** One answer, in whichever way it is asked for. */
interface Speech {
  readonly whole: object
  readonly before: readonly string[]
  readonly word: (index: number) => string
  readonly after: readonly string[]
}

const event = (value: object, name = ''): string =>
  `${name === '' ? '' : `event: ${name}\n`}data: ${JSON.stringify(value)}\n\n`

function openai({ call, words, input, hides }: Answer): Speech {
  const usage = { prompt_tokens: input, completion_tokens: words, total_tokens: input + words }
  const base = { id: 'call-1', created: 1, model: call.model }
  const chunk = (delta: object, finish: string | null): object => ({
    ...{ ...base, object: 'chat.completion.chunk' },
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  const told = !hides && call.stream_options?.include_usage === true
  const last = { ...base, object: 'chat.completion.chunk', choices: [], usage }
  const message = { role: 'assistant', content: 'word '.repeat(words) }
  return {
    whole: {
      ...{ ...base, object: 'chat.completion' },
      choices: [{ index: 0, message, finish_reason: 'stop', logprobs: null }],
      ...(hides ? {} : { usage }),
    },
    before: [event(chunk({ role: 'assistant', content: '' }, null))],
    word: () => event(chunk({ content: 'word ' }, null)),
    after: [event(chunk({}, 'stop')), ...(told ? [event(last)] : []), 'data: [DONE]\n\n'],
  }
}

function anthropic({ call, words, input, hides }: Answer): Speech {
  const usage = hides ? {} : { usage: { input_tokens: input, output_tokens: words } }
  const begun = hides ? {} : { usage: { input_tokens: input, output_tokens: 1 } }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: call.model }
  const end = { stop_reason: 'end_turn', stop_sequence: null }
  const named = (type: string, rest: object): string => event({ type, ...rest }, type)
  const empty = { type: 'text', text: '' }
  return {
    whole: { ...message, content: [{ ...empty, text: 'word '.repeat(words) }], ...end, ...usage },
    before: [
      named('message_start', { message: { ...message, content: [], ...end, ...begun } }),
      named('content_block_start', { index: 0, content_block: empty }),
    ],
    word: () =>
      named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'word ' } }),
    after: [
      named('content_block_stop', { index: 0 }),
      named('message_delta', {
        delta: end,
        ...(hides ? {} : { usage: { output_tokens: words } }),
      }),
      named('message_stop', {}),
    ],
  }
}

/** Rules that let models be called, and nothing else. */
export const modelRules = (port: number): string =>
  ruleAt(
    'chat',
    port,
    'methods: [POST], paths: ["/v1/chat/completions"], decoder: openai, effect: allow',
  ) +
  ruleAt(
    'messages',
    port,
    'methods: [POST], paths: ["/v1/messages"], decoder: anthropic, effect: allow',
  )
