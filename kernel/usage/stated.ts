/**
 * What the usage objects of each wire format mean. Null is no usage that can be believed.
 *
 * source  API references of OpenAI, Anthropic and Gemini, read in November 2026; xAI's for reasoning beside the output.
 */
import type { Json } from '../content.ts'
import { type JsonObject, objectOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'
import { countsIn, countsInside } from './count.ts'

const older = ['prompt_tokens', 'completion_tokens'] as const
const newer = ['input_tokens', 'output_tokens'] as const

/** OpenAI's, in the older names (prompt, completion) or the newer ones (input, output): cached tokens are among the input. */
export function openAiUsage(value: Json | undefined): Usage | null {
  const usage = objectOf(value)
  if (usage === null) return null
  const isNewer = usage['input_tokens'] !== undefined
  const [inputName, outputName] = isNewer ? newer : older
  const details = isNewer ? 'input_tokens_details' : 'prompt_tokens_details'
  const counts = countsIn(usage, [inputName, outputName, 'total_tokens', 'prompt_cache_hit_tokens'])
  const inside = countsInside(usage, details, ['cached_tokens', 'cache_write_tokens'])
  // Without a count of the input it is no usage.
  if (counts === null || inside === null || typeof usage[inputName] !== 'number') return null
  const [input = 0, output = 0, total = 0, hit = 0] = counts
  const [cached = 0, cacheWrite = 0] = inside
  if (typeof usage[outputName] !== 'number' && total === 0) return null
  return {
    input,
    // DeepSeek states what its cache gave in a name of its own.
    cachedInput: Math.max(cached, hit),
    cacheWrite,
    // Some count reasoning in the total only; both counts are of tokens that were made and are paid for.
    output: Math.max(output, total - input),
  }
}

/** Anthropic's: what its cache read and wrote is beside the input, so that the sum is what the model was given. */
export function anthropicUsage(usage: JsonObject): Usage | null {
  const counts = countsIn(usage, [
    'input_tokens',
    'cache_read_input_tokens',
    'cache_creation_input_tokens',
    'output_tokens',
  ])
  if (counts === null) return null
  const [fresh = 0, cachedInput = 0, cacheWrite = 0, output = 0] = counts
  return { input: fresh + cachedInput + cacheWrite, cachedInput, cacheWrite, output }
}

/** Whether an Anthropic usage states both sides: a delta may state the output only. */
export function isWhole(usage: JsonObject): boolean {
  return typeof usage['input_tokens'] === 'number' && typeof usage['output_tokens'] === 'number'
}

/** Gemini's: cached tokens are among the prompt's, thoughts and what tools were given are beside. */
export function geminiUsage(value: Json | undefined): Usage | null {
  const usage = objectOf(value)
  if (usage === null || typeof usage['promptTokenCount'] !== 'number') return null
  const counts = countsIn(usage, [
    'promptTokenCount',
    'toolUsePromptTokenCount',
    'cachedContentTokenCount',
    'candidatesTokenCount',
    'thoughtsTokenCount',
    'totalTokenCount',
  ])
  if (counts === null) return null
  const [prompt = 0, tools = 0, cachedInput = 0, said = 0, thought = 0, total = 0] = counts
  const input = prompt + tools
  return { input, cachedInput, cacheWrite: 0, output: Math.max(said + thought, total - input) }
}
