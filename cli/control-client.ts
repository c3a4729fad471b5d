/** Speaks to a running gate's control listener, found by the same flags as `start`. */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { Failure } from '../kernel/reasons.ts'
import { authorityOf, layoutOf, type Settings } from './settings.ts'

const timeoutMs = 10_000
const answerBytesMax = 8 * 1024 * 1024

export interface ControlAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** errors  Failure where no gate answers or the token cannot be read. */
export function askControl(
  settings: Settings,
  method: 'GET' | 'POST',
  call: {
    readonly path: string
    readonly body?: object
    /** Of whoever asks; the operator's otherwise. */
    readonly token?: string
  },
): Promise<ControlAnswer> {
  const token = call.token ?? readToken(layoutOf(settings.dataDirectory).token)
  const text = call.body === undefined ? '' : JSON.stringify(call.body)
  const { control } = settings
  const where = 'path' in control ? { socketPath: control.path } : control
  const headers: Record<string, string> = { authorization: `Bearer ${token}` }
  if (text !== '') {
    headers['content-type'] = 'application/json'
    headers['content-length'] = String(Buffer.byteLength(text))
  }
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const shown = 'path' in control ? control.path : authorityOf(control)
      const message = `no gate answers at ${shown} (${error.message}); is it started, and --control right?`
      reject(new Failure('upstream-unreachable', message, { cause: error }))
    }
    const asked = request({ ...where, method, path: call.path, headers, timeout: timeoutMs })
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')))
    asked.on('error', fail)
    asked.on('response', (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > answerBytesMax) response.destroy(new Error('the answer is too large'))
        else parts.push(part)
      })
      response.on('error', fail)
      response.on('end', () => {
        try {
          const body: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
          if (typeof body !== 'object' || body === null) throw new Error('not an object')
          resolve({ status: response.statusCode ?? 0, body: body as ControlAnswer['body'] })
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
    asked.end(text)
  })
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const message = `the control token ${file} cannot be read; name the gate's directory with --data DIR`
    throw new Failure('ledger-unavailable', message, { cause: error })
  }
}
