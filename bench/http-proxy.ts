/** npm's http-proxy 1.18.1 as a plain forward proxy, for comparison only: no policy, no record. */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const agent = new Agent({ keepAlive: true })
const proxy = httpProxy.createProxyServer({ agent })
proxy.on('error', (_error, _incoming, response) => {
  if ('destroy' in response) response.destroy()
})
createServer((incoming, response) => {
  const url = new URL(incoming.url ?? '')
  incoming.url = url.pathname + url.search
  proxy.web(incoming, response, { target: url.origin })
}).listen(Number(process.argv[2]), '127.0.0.1')
