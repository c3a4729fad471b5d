/**
 * An agent that calls models with the clients that their makers publish; a program of its own. It knows its proxy and its
 * roots from the environment alone. Node 20 knows no NODE_USE_ENV_PROXY: undici's agent reads the same variables.
 */
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici'

/** What one call gave, as its caller sees it. */
export interface Told {
  readonly text: string
  readonly input: number
  readonly output: number
  /** Empty where it went well. */
  readonly error: string
}

export interface Call {
  readonly client: 'openai' | 'anthropic'
  readonly model: string
  readonly streams: boolean
  /** Breaks a stream off after so many pieces. */
  readonly leavesAfter?: number
}

export interface Task {
  readonly baseURL: string
  readonly calls: readonly Call[]
  /** How many workers repeat the calls until one is refused; 0 makes each call once. */
  readonly workers: number
}

const asked = {
  messages: [{ role: 'user' as const, content: 'Say something.' }],
  max_tokens: 1000,
}

async function askOpenai(task: Task, { leavesAfter, model, streams }: Call): Promise<Told> {
  const client = new OpenAI({ apiKey: 'none', baseURL: task.baseURL, maxRetries: 0 })
  if (!streams) {
    const { choices, usage } = await client.chat.completions.create({ ...asked, model })
    const [input, output] = [usage?.prompt_tokens ?? -1, usage?.completion_tokens ?? -1]
    return { text: choices[0]?.message.content ?? '', input, output, error: '' }
  }
  let [text, input, output, pieces] = ['', -1, -1, 0]
  const options = { include_usage: true }
  const create = { ...asked, model, stream: true as const, stream_options: options }
  for await (const { choices, usage } of await client.chat.completions.create(create)) {
    text += choices[0]?.delta.content ?? ''
    if (usage) [input, output] = [usage.prompt_tokens, usage.completion_tokens]
    pieces += 1
    if (pieces === leavesAfter) break
  }
  return { text, input, output, error: '' }
}

async function askAnthropic(task: Task, { leavesAfter, model, streams }: Call): Promise<Told> {
  const baseURL = task.baseURL.replace(/\/v1$/, '')
  const client = new Anthropic({ apiKey: 'none', baseURL, maxRetries: 0 })
  const create = { ...asked, model }
  if (!streams) {
    const { content, usage } = await client.messages.create(create)
    const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('')
    return { text, input: usage?.input_tokens ?? -1, output: usage?.output_tokens ?? -1, error: '' }
  }
  let [text, input, output, pieces] = ['', -1, -1, 0]
  for await (const event of await client.messages.create({ ...create, stream: true })) {
    if (event.type === 'message_start') input = event.message.usage?.input_tokens ?? -1
    if (event.type === 'message_delta') output = event.usage?.output_tokens ?? -1
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
      text += event.delta.text
    }
    pieces += 1
    if (pieces === leavesAfter) break
  }
  return { text, input, output, error: '' }
}

async function ask(task: Task, call: Call): Promise<Told> {
  try {
    return await (call.client === 'openai' ? askOpenai(task, call) : askAnthropic(task, call))
  } catch (error) {
    return { text: '', input: -1, output: -1, error: shownOf(error) }
  }
}

/** The class, the message, and where the refusal came with a head, its reason: OpenAI's client keeps no other body. */
function shownOf(error: unknown): string {
  if (error instanceof OpenAI.APIError || error instanceof Anthropic.APIError) {
    const headers: unknown = error.headers
    const reason = headers instanceof Headers ? headers.get('haltgate-reason') : null
    return `${error.constructor.name}: ${error.message} (${reason ?? 'no reason'})`
  }
  return String(error)
}

async function work(task: Task): Promise<readonly Told[]> {
  if (task.workers === 0) {
    const told: Told[] = []
    for (const call of task.calls) told.push(await ask(task, call))
    return told
  }
  const loop = async (_: unknown, worker: number): Promise<Told[]> => {
    const told: Told[] = []
    for (let turn = worker; ; turn += 1) {
      const call = task.calls[turn % task.calls.length]
      if (call === undefined) return told
      const one = await ask(task, call)
      told.push(one)
      if (one.error !== '') return told
    }
  }
  return (await Promise.all(Array.from({ length: task.workers }, loop))).flat()
}

if (process.argv[2] !== undefined) {
  setGlobalDispatcher(new EnvHttpProxyAgent())
  const told = await work(JSON.parse(process.argv[2]) as Task)
  process.stdout.write(JSON.stringify(told))
}
