/** Starts the agent that calls models (agent-models.ts) behind a run, and hears what its calls gave. */
import { fileURLToPath } from 'node:url'
import type { Task, Told } from './agent-models.ts'
import type { GateRun } from './inspect-world.ts'

const agent = fileURLToPath(new URL('./agent-models.js', import.meta.url))

interface Calling extends Pick<Task, 'calls'> {
  /** Of the origin. */
  readonly url: string
  readonly workers?: number
}

export async function calling(
  run: GateRun,
  { calls, url, workers = 0 }: Calling,
): Promise<readonly Told[]> {
  const task: Task = { baseURL: `${url}/v1`, calls, workers }
  const { code, errors, output } = await run.client(process.execPath, [agent, JSON.stringify(task)])
  if (code !== 0) throw new Error(`the agent ended with ${code}: ${errors}`)
  return JSON.parse(output.toString()) as readonly Told[]
}
