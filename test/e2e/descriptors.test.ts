/** A machine that gives few file descriptors: whatever is refused or cut for want of one, the gate lives. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { startGate } from './child.ts'
import { ask } from './wire.ts'
import { makeDirectory, policyText, startOrigin, verifyData } from './world.ts'

const skip = process.platform === 'linux' ? false : 'the limit is read from /proc'

/** Opens 300 connections that send something, and closes them once most were cut off and one was told what it should. */
async function crowd(t: Test, port: number, sent: { bytes: string; told: RegExp }): Promise<void> {
  const count = 300
  let closed = 0
  let text = ''
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (closed > count / 2 && sent.told.test(text)) resolve()
    }
    for (let index = 0; index < count; index += 1) {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        text += chunk
        look()
      })
      socket.on('close', () => {
        closed += 1
        look()
      })
      socket.write(sent.bytes)
    }
  })
  for (const socket of sockets) socket.destroy()
}

test('a gate that has few descriptors takes fewer connections, and says so', {
  skip,
}, async (t) => {
  const directory = makeDirectory(t)
  const origin = await startOrigin(t)
  writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port] }))
  const gate = await startGate(t, directory, { openFiles: 256 })
  await gate.says(/"connections_max":64,"asked":12000,"open_files":256/)
  t.equal((await ask(gate.port, origin.url)).status, 200)
})

test('where descriptors run out requests fail and the gate does not', { skip }, async (t) => {
  const directory = makeDirectory(t)
  const origin = await startOrigin(t, (request, response) => {
    if (request.url === '/quick') response.end('ok')
  })
  writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port] }))
  const gate = await startGate(t, directory)
  // Its control listener has loaded what it needs then. The limit is lowered under it, so that it counts on more.
  await gate.control('GET', '/api/v1/status')
  execFileSync('prlimit', ['--pid', String(gate.child.pid), '--nofile=80:80'])
  const url = `http://localhost:${origin.port}`
  // A look-up or a dial that fails for want of one is answered; what cannot even be accepted is closed by the system's hand.
  await crowd(t, gate.port, {
    bytes: `GET ${url}/slow HTTP/1.1\r\nHost: x\r\n\r\n`,
    told: /502 Bad Gateway/,
  })
  await crowd(t, gate.port, {
    bytes: `CONNECT localhost:${origin.port} HTTP/1.1\r\n\r\n`,
    told: /502 Bad Gateway/,
  })
  for (;;) {
    const answer = await ask(gate.port, `${url}/quick`)
    if (answer.status === 200) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.equal(gate.child.exitCode, null)
  gate.child.kill('SIGTERM')
  t.equal(await gate.ended, 0)
  await verifyData(t, join(directory, 'data'))
})
