/** How the last bytes of a response leave: when the turn is over, and in one piece with their head. */
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { type Test, test } from 'tap'
import { Outbox } from '../../proxy/outbox.ts'
import { eventually } from './world.ts'

interface Opened {
  readonly responses: ServerResponse[]
  /** Each call by which bytes were given to the client's socket. */
  readonly pieces: string[]
  readonly heard: () => string
}

/** A server whose responses are ours to end, and a client that sends what it is given. */
async function open(t: Test, sent: string): Promise<Opened> {
  const responses: ServerResponse[] = []
  const pieces: string[] = []
  const server = createServer((_request, response) => {
    responses.push(response)
  })
  server.on('connection', (socket) => {
    const write = socket._write.bind(socket)
    socket._write = (chunk, encoding, done) => {
      pieces.push(chunk.toString('latin1'))
      write(chunk, encoding, done)
    }
    const writeAll = socket._writev?.bind(socket)
    socket._writev = (chunks, done) => {
      pieces.push(...chunks.map(({ chunk }) => chunk.toString('latin1')))
      writeAll?.(chunks, done)
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  let heard = ''
  client.on('data', (chunk) => {
    heard += chunk.toString('latin1')
  })
  client.write(sent)
  await eventually(() => responses.length > 0)
  return { responses, pieces, heard: () => heard }
}

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

test('a head and a short body are one piece, and the connection goes on', async (t) => {
  const { heard, pieces, responses } = await open(t, get + get)
  const late: (() => void)[] = []
  const outbox = new Outbox((callback) => late.push(callback))
  for (const index of [0, 1]) {
    await eventually(() => responses[index]?.socket instanceof Socket)
    const response = responses[index]
    if (response === undefined) throw new Error('there is a response')
    response.sendDate = false
    response.writeHead(200, 'Gut', ['Content-Length', '2', 'X', '\xe9'])
    outbox.end(response, Buffer.from('\xe9k', 'latin1'))
    t.equal(pieces.length, index, 'nothing leaves within the turn')
    late[index]?.()
    await eventually(() => response.writableFinished)
    t.match(pieces[index], /^HTTP\/1.1 200 Gut\r\n[\s\S]*X: \xe9\r\n[\s\S]*\r\n\r\n\xe9k$/)
  }
  t.strictSame([pieces.length, late.length], [2, 2])
  await eventually(() => heard() === pieces.join(''))
})

test('what Node has begun, or is long, ends by Node', async (t) => {
  const { heard, responses } = await open(t, get + get)
  const outbox = new Outbox((callback) => callback())
  const long = Buffer.alloc(10_000, 'x')
  const [first] = responses
  first?.writeHead(200, ['Content-Length', '3'])
  first?.write('a')
  if (first !== undefined) outbox.end(first, Buffer.from('bc'))
  await eventually(() => heard().endsWith('\r\n\r\nabc'))
  await eventually(() => responses[1]?.socket instanceof Socket)
  const second = responses[1]
  second?.writeHead(200, ['Content-Length', String(long.length)])
  if (second !== undefined) outbox.end(second, long)
  await eventually(() => heard().endsWith(`\r\n\r\n${long}`))
  t.match(heard(), /^HTTP\/1.1 200 OK\r\n/)
})

test('a client that has left is written to no more', async (t) => {
  const { responses } = await open(t, get)
  const late: (() => void)[] = []
  const outbox = new Outbox((callback) => late.push(callback))
  const [response] = responses
  response?.writeHead(200, ['Content-Length', '2'])
  if (response !== undefined) outbox.end(response, Buffer.from('ok'))
  response?.destroy()
  t.doesNotThrow(() => late[0]?.())
})
