/** Clients of every manner, good and bad: each does one thing through a gate, and is done, whatever became of it. */
import type { ClientHttp2Session } from 'node:http2'
import { connect as connectH2 } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { WebSocket } from 'ws'

export interface Place {
  readonly proxyPort: number
  /** Of an origin that is inspected, one that is tunnelled to, and one that speaks plain HTTP. */
  readonly ports: { readonly secure: number; readonly opaque: number; readonly plain: number }
  /** What clients inside of a tunnel trust. */
  readonly ca: Buffer
  /** What never leaves. */
  readonly secret: string
  /** From 0 to less than 1, by the seed of the run. */
  random(): number
}

export type Client = (place: Place) => Promise<void>

/** How long any of them lives at most. */
const lifeMs = 8_000

const whole = (place: Place, below: number): number => Math.floor(place.random() * below)

/** Reads on until the pattern stands in what came, the connection ends, or its life is over. */
async function heard(socket: Socket, pattern: RegExp): Promise<string> {
  let text = ''
  const hear = (piece: Buffer): void => {
    text = (text + piece.toString('latin1')).slice(-65_536)
  }
  socket.on('data', hear)
  const begun = performance.now()
  while (!pattern.test(text) && !socket.destroyed && performance.now() - begun < lifeMs)
    await wait(5)
  socket.off('data', hear)
  return text
}

function dial({ proxyPort }: Place): Socket {
  const socket = connectTcp(proxyPort, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.setTimeout(lifeMs, () => socket.destroy())
  return socket
}

async function tunnel(place: Place, target: string): Promise<Socket | null> {
  const socket = dial(place)
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  const answer = await heard(socket, /\r\n\r\n/)
  if (answer.startsWith('HTTP/1.1 200')) return socket
  socket.destroy()
  return null
}

async function inside(
  place: Place,
  protocol: 'h2' | 'http/1.1' = 'http/1.1',
): Promise<TLSSocket | null> {
  const socket = await tunnel(place, `localhost:${place.ports.secure}`)
  if (socket === null) return null
  const { ca } = place
  const secure = connectTls({ socket, ca, servername: 'localhost', ALPNProtocols: [protocol] })
  secure.on('error', () => undefined)
  await new Promise((resolve) => secure.once('secureConnect', resolve).once('close', resolve))
  return secure.destroyed ? null : secure
}

const head = (place: Place, line: string, more = ''): string =>
  `${line} HTTP/1.1\r\nHost: localhost:${place.ports.secure}\r\n${more}\r\n`

const answered = /^HTTP\/1\.1 \d{3}[\s\S]*\r\n\r\n/

/** One tunnel with many requests, one after the other. */
const keepsAlive: Client = async (place) => {
  const secure = await inside(place)
  for (let count = whole(place, 8); count >= 0 && secure?.destroyed === false; count -= 1) {
    secure.write(head(place, place.random() < 0.2 ? 'GET /denied' : 'GET /small'))
    await heard(secure, answered)
  }
  secure?.destroy()
}

const plain: Client = async (place) => {
  const socket = dial(place)
  const host = `localhost:${place.ports.plain}`
  socket.write(`GET http://${host}/small HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  await heard(socket, answered)
  socket.destroy()
}

/** A request that comes byte by byte, of which an answer is read that is long. */
const slow: Client = async (place) => {
  const secure = await inside(place)
  for (const letter of head(place, 'GET /large')) {
    secure?.write(letter)
    if (place.random() < 0.2) await wait(5)
  }
  for (let count = 0; count < 20 && secure?.destroyed === false; count += 1) {
    secure.pause()
    await wait(10)
    secure.resume()
    await wait(5)
  }
  secure?.destroy()
}

/** Leaves in the middle of whatever it is in, by a reset. */
const resets: Client = async (place) => {
  const raw = await tunnel(place, `localhost:${place.ports.secure}`)
  if (raw === null) return
  const { ca } = place
  const secure = connectTls({ socket: raw, ca, servername: 'localhost' })
  secure.on('error', () => undefined)
  if (place.random() < 0.8) secure.write(head(place, 'GET /large'))
  await wait(whole(place, 60))
  raw.resetAndDestroy()
}

const uploads: Client = async (place) => {
  const secure = await inside(place)
  if (secure === null) return
  const text = `${'a line of a log, and another\n'.repeat(whole(place, 20_000))}`
  const isFolded = place.random() < 0.5
  const said = place.random() < 0.3 ? `${text}${place.secret}${text}` : text
  const body = isFolded ? gzipSync(said) : Buffer.from(said)
  const coding = isFolded ? 'Content-Encoding: gzip\r\n' : ''
  secure.write(head(place, 'POST /up', `Content-Length: ${body.length}\r\n${coding}`))
  secure.write(body)
  if (place.random() < 0.8) await heard(secure, answered)
  secure.destroy()
}

function openH2(secure: TLSSocket): ClientHttp2Session {
  const session = connectH2('https://localhost', { createConnection: () => secure })
  session.on('error', () => undefined)
  session.setTimeout(lifeMs, () => session.destroy())
  return session
}

const streams: Client = async (place) => {
  const secure = await inside(place, 'h2')
  if (secure === null) return
  const session = openH2(secure)
  const authority = `localhost:${place.ports.secure}`
  const one = async (): Promise<void> => {
    const path = place.random() < 0.2 ? '/large' : '/small'
    const stream = session.request({ ':path': path, ':authority': authority })
    stream.on('error', () => undefined)
    stream.resume()
    if (place.random() < 0.1) stream.close(8)
    await new Promise((resolve) => stream.once('close', resolve))
  }
  await Promise.all(Array.from({ length: 1 + whole(place, 6) }, one))
  session.destroy()
}

/** Says some messages; the last may hold what must not leave, and ends it. */
const chats: Client = async (place) => {
  const secure = await inside(place)
  if (secure === null) return
  const socket = new WebSocket(`wss://localhost:${place.ports.secure}/chat`, {
    createConnection: (() => secure) as unknown as typeof connectTcp,
  })
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await Promise.race([closed, new Promise((resolve) => socket.once('open', resolve))])
  for (let count = whole(place, 10); count > 0 && socket.readyState === 1; count -= 1) {
    const back = new Promise((resolve) => socket.once('message', resolve))
    socket.send('hello '.repeat(whole(place, 2_000)))
    await Promise.race([closed, back, wait(lifeMs, null, { ref: false })])
  }
  const end = place.random()
  if (end < 0.3) socket.terminate()
  else if (end < 0.6 && socket.readyState === 1) socket.send(`see ${place.secret}`)
  else socket.close(1000)
  await Promise.race([closed, wait(1_000, null, { ref: false })])
  socket.terminate()
}

const listens: Client = async (place) => {
  const secure = await inside(place)
  secure?.write(head(place, 'GET /events'))
  if (secure !== null) await heard(secure, /data: 3\n/)
  secure?.destroy()
}

/** TLS that nobody looks into. */
const passes: Client = async (place) => {
  const socket = await tunnel(place, `127.0.0.1:${place.ports.opaque}`)
  if (socket === null) return
  const secure = connectTls({ socket, rejectUnauthorized: false })
  secure.on('error', () => undefined)
  secure.write(`GET /small HTTP/1.1\r\nHost: 127.0.0.1:${place.ports.opaque}\r\n\r\n`)
  await heard(secure, answered)
  secure.destroy()
}

/** What is no request, or none that may be; in a tunnel or before it. */
const babbles: Client = async (place) => {
  const socket = place.random() < 0.4 ? await inside(place) : dial(place)
  if (socket === null) return
  const noise = Buffer.from(
    Array.from({ length: 1 + whole(place, 3_000) }, () => whole(place, 256)),
  )
  const lines = [
    noise,
    'GET / HTTP/1.1\r\n\r\n',
    'CONNECT nowhere HTTP/1.1\r\n\r\n',
    `CONNECT localhost:${place.ports.secure} HTTP/1.1\r\nHost: localhost:${place.ports.secure}\r\n\r\nnot TLS`,
    'POST http://localhost/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
  ]
  socket.write(lines[whole(place, lines.length)] ?? noise)
  await Promise.race([heard(socket, answered), wait(whole(place, 300))])
  socket.destroy()
}

/** Opens a connection and says nothing, or half of something. */
const idles: Client = async (place) => {
  const socket = place.random() < 0.5 ? dial(place) : await inside(place)
  if (place.random() < 0.5) socket?.write('GET /sma')
  await wait(whole(place, 1_000))
  socket?.destroy()
}

export const clients: Readonly<Record<string, Client>> = {
  ...{ keepsAlive, plain, slow, resets, uploads, streams, chats, listens, passes, babbles, idles },
}
