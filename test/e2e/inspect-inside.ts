/** Raw bytes inside an inspected tunnel: CONNECT to the gate, TLS with its leaf, and then whatever a test likes to say. */
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { GateRun } from './inspect-world.ts'
import { type Answer, readAnswer } from './wire.ts'

export interface Inside {
  /** What CONNECT names, `localhost` if left out. */
  readonly host?: string
  readonly port: number
  /** SNI; the host of the CONNECT if left out. */
  readonly servername?: string
}

/** The answer to a CONNECT, and the socket behind it. */
export function connectThrough(
  run: GateRun,
  { host = 'localhost', port }: Inside,
): Promise<{ readonly answer: Answer; readonly socket: Socket }> {
  const socket = connectTcp(Number(run.proxy.port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)
  return new Promise((resolve) => {
    let text = ''
    const conclude = (ended: boolean): void => {
      const answer = readAnswer(text, ended)
      if (answer === null) return
      socket.off('data', hear).off('end', end)
      resolve({ answer, socket })
    }
    const hear = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      conclude(false)
    }
    const end = (): void => conclude(true)
    socket.on('data', hear).on('end', end)
  })
}

/** A TLS connection inside; rejects where the handshake fails. */
export async function openInside(run: GateRun, inside: Inside): Promise<TLSSocket> {
  const { answer, socket } = await connectThrough(run, inside)
  if (answer.status !== 200) throw new Error(`CONNECT was answered ${answer.status}`)
  const ca = readFileSync(run.environment['SSL_CERT_FILE'] ?? '')
  const { host = 'localhost', servername = host } = inside
  return await new Promise((resolve, reject) => {
    const secure = connectTls({ socket, servername, host, ca, ALPNProtocols: ['http/1.1'] })
    secure.once('secureConnect', () => resolve(secure))
    secure.once('error', reject)
    secure.once('close', () => reject(new Error('closed before the handshake was over')))
  })
}

/** What is read until an answer is whole, or the connection ends. */
export function answerOn(secure: Socket): Promise<Answer> {
  return new Promise((resolve) => {
    let text = ''
    const look = (ended: boolean): void => {
      const answer = readAnswer(text, ended)
      if (answer === null) return
      secure.off('data', hear)
      resolve(answer)
    }
    const hear = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      look(false)
    }
    secure.on('data', hear)
    secure.once('close', () => look(true))
  })
}

/** Says something inside, and hears one answer. */
export async function askInside(run: GateRun, inside: Inside, bytes: string): Promise<Answer> {
  const secure = await openInside(run, inside)
  secure.on('error', () => undefined)
  const answer = answerOn(secure)
  secure.write(bytes, 'latin1')
  const heard = await answer
  secure.destroy()
  return heard
}
