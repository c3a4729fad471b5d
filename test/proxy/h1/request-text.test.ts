/** Heads of requests as they are written: one request each, in one framing, whatever was put into them. */
import { Readable } from 'node:stream'
import { test } from 'tap'
import { requestText } from '../../../proxy/h1/request-text.ts'

const plain = { method: 'GET', path: '/a?b', headers: ['Host', 'x:80', 'X', 'y'], body: null }

test('a head says its framing once, and a length where one is expected', async (t) => {
  const begun = 'GET /a?b HTTP/1.1\r\nhost: x:80\r\nconnection: keep-alive\r\nX: y\r\n'
  t.strictSame(requestText(plain), { text: begun, length: 0 })
  const post = { ...plain, method: 'POST' }
  t.match(requestText(post)?.text, /X: y\r\ncontent-length: 0\r\n$/)
  const body = Readable.from([])
  const sized = requestText({ ...post, headers: [...plain.headers, 'Content-Length', '5'], body })
  t.match(sized, { length: 5, text: /content-length: 5\r\n$/ })
  t.match(requestText({ ...post, body }), { length: null, text: /transfer-encoding: chunked\r\n$/ })
})

test('what a line cannot hold is not written', async (t) => {
  for (const value of ['a\r\nX: b', 'a\nb', 'a\rb', 'a\0', '\x7f', '\u0100']) {
    t.equal(requestText({ ...plain, headers: [...plain.headers, 'A', value] }), null)
    t.equal(requestText({ ...plain, headers: [...plain.headers, value, 'A'] }), null)
    t.equal(requestText({ ...plain, headers: ['Host', value] }), null)
    t.equal(requestText({ ...plain, path: `/${value}` }), null)
    t.equal(requestText({ ...plain, method: value }), null)
  }
  t.equal(requestText({ ...plain, path: '/a b' }), null)
  t.equal(requestText({ ...plain, headers: ['X', 'y'] }), null, 'a request has a host')
  for (const name of ['', 'a b', 'a:', 'host', 'Transfer-Encoding']) {
    t.equal(requestText({ ...plain, headers: [...plain.headers, name, '5'] }), null, name)
  }
  const twice = ['Content-Length', '5', 'content-length', '5']
  t.equal(requestText({ ...plain, headers: [...plain.headers, ...twice] }), null)
})
