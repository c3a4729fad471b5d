/**
 * An agent that calls gRPC, by the proxy and the roots that its environment names; a program of its own. grpc-js reads
 * its roots from the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names and knows none of the usual variables for them.
 */
import { readFileSync } from 'node:fs'
import { credentials } from '@grpc/grpc-js'
import { Echo } from './grpc-echo.ts'

/** What one call gave. */
export interface Heard {
  readonly messages: readonly string[]
  readonly code: number
  readonly details: string
  readonly trailer: string
}

export interface GrpcTask {
  readonly target: string
  readonly unary: string
  readonly bidi: readonly string[]
}

interface Status {
  readonly code: number
  readonly details: string
  readonly metadata: { get(name: string): readonly (string | Buffer)[] }
}

const ended = (messages: readonly string[], { code, details, metadata }: Status): Heard => ({
  ...{ messages, code, details },
  trailer: String(metadata.get('x-trailer')[0] ?? ''),
})

async function work({ bidi, target, unary }: GrpcTask): Promise<readonly Heard[]> {
  const roots = readFileSync(process.env['SSL_CERT_FILE'] ?? '')
  const client = new Echo(target, credentials.createSsl(roots))
  const first = await new Promise<Heard>((resolve) => {
    const messages: string[] = []
    const call = client['say']?.({ text: unary }, (_: unknown, reply?: { text: string }) => {
      if (reply !== undefined) messages.push(reply.text)
    })
    call.on('status', (status: Status) => resolve(ended(messages, status)))
  })
  const second = await new Promise<Heard>((resolve) => {
    const messages: string[] = []
    const left = [...bidi]
    const call = client['chat']?.()
    const say = (): void => {
      const next = left.shift()
      if (next === undefined) call.end()
      else call.write({ text: next })
    }
    // Each is said when the one before was answered: neither side waits for the end of the other.
    call.on('data', ({ text }: { text: string }) => {
      messages.push(text)
      say()
    })
    call.on('error', () => undefined)
    call.on('status', (status: Status) => resolve(ended(messages, status)))
    say()
  })
  client.close()
  return [first, second]
}

if (process.argv[2] !== undefined) {
  const heard = await work(JSON.parse(process.argv[2]) as GrpcTask)
  process.stdout.write(JSON.stringify(heard))
}
