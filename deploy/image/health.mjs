/** Ends with 0 where the gate of this container is ready, and with 1 where it is not, does not answer, or is sealed. */
import { get } from 'node:http'

const control = process.env.HALTGATE_CONTROL || '127.0.0.1:3129'
/** Shorter than the timeout of the health check, so that the reason is told. */
const timeoutMs = 2_500

/** The listener as Node's http wants it: a socket's path, or a port of this container. */
function placeOf(text) {
  if (text.startsWith('unix:')) return { socketPath: text.slice('unix:'.length) }
  if (text.startsWith('/')) return { socketPath: text }
  const [, host = '', port] = /^(?:(.*):)?(\d+)$/.exec(text) ?? []
  // A listener on all addresses is asked on loopback.
  const bare = host.replace(/^\[|\]$/g, '')
  return { host: ['', '0.0.0.0', '::'].includes(bare) ? 'localhost' : bare, port }
}

function end(code, message) {
  process.stdout.write(`${message}\n`)
  process.exitCode = code
}

const asked = get({ ...placeOf(control), path: '/readyz', timeout: timeoutMs }, (response) => {
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk) => {
    text = (text + chunk).slice(0, 1_000)
  })
  response.on('end', () => end(response.statusCode === 200 ? 0 : 1, text.trim()))
})
asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)))
asked.on('error', (error) => end(1, `${control}: ${error.message}`))
