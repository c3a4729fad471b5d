/** Targets, hosts, ports and paths have one spelling, or none. */
import { test } from 'tap'
import { canonicalPath } from '../../proxy/canonical-path.ts'
import { readAuthority, readHost, readPort, writeHost } from '../../proxy/host.ts'
import { readAbsolute, readOrigin, readTunnel } from '../../proxy/target.ts'

test('a host has one spelling, and what is no host is null', async (t) => {
  const cases: [string, string | null][] = [
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com..', null],
    ['a..b', null],
    ['.a', null],
    ['', null],
    ['.', null],
    ['my_service', 'my_service'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[2001:DB8:0:0:0:0:0:1]', '2001:db8::1'],
    ['[127.0.0.1]', null],
    ['[example.com]', null],
    ['::1', null],
    ['[::1', null],
    ['a b', null],
    ['a%2eb', null],
    ['a@b', null],
    ['a\\b', null],
    ['a\u0000b', null],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
    [`${'a'.repeat(64)}.example`, null],
    [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
    [`${'a.'.repeat(126)}aa`, null],
  ]
  for (const [text, host] of cases) t.equal(readHost(text), host, JSON.stringify(text))
})

test('a port is 1 to 65535 in plain digits', async (t) => {
  for (const [text, port] of [
    ['80', 80],
    ['1', 1],
    ['65535', 65535],
    ['65536', null],
    ['0', null],
    ['080', null],
    ['', null],
    ['+80', null],
    ['8 0', null],
    ['99999999999', null],
  ] as const) {
    t.equal(readPort(text), port, JSON.stringify(text))
  }
})

test('an authority needs its port where none is implied, and writes as it reads', async (t) => {
  t.strictSame(readAuthority('a:1', null), { host: 'a', port: 1 })
  t.equal(readAuthority('a', null), null)
  t.strictSame(readAuthority('a', 80), { host: 'a', port: 80 })
  t.strictSame(readAuthority('[::1]:8080', 80), { host: '::1', port: 8080 })
  t.equal(readAuthority('[::1]x:8080', 80), null)
  t.equal(readAuthority('a:', 80), null)
  t.equal(readAuthority('a:1:2', 80), null)
  t.equal(writeHost('::1', 8080, 80), '[::1]:8080')
  t.equal(writeHost('a', 80, 80), 'a')
})

test('a path that two servers could read in two ways is refused, any other has one spelling', async (t) => {
  const cases: [string, string | null][] = [
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a//b', '/a//b'],
    ['/%41%7e%2D', '/A~-'],
    ['/%e2%82%ac', '/%E2%82%AC'],
    ['/a%20b', '/a%20b'],
    ['/%252e%252e/', '/%252e%252e/'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/...', '/a/...'],
    ['/a/.b', '/a/.b'],
    ['/..', null],
    ['/.', null],
    ['/a/../b', null],
    ['/a/./b', null],
    ['/a/%2e%2E/b', null],
    ['/a/.%2e', null],
    ['/a/..;x=1/b', null],
    ['/a%2fb', null],
    ['/a%2Fb', null],
    ['/a%5cb', null],
    ['/a\\b', null],
    ['/a%00b', null],
    ['/a%', null],
    ['/a%4', null],
    ['/a%zz', null],
  ]
  for (const [text, path] of cases) {
    const canonical = canonicalPath(text)
    t.equal(canonical.ok ? canonical.path : null, path, text)
  }
})

test('an absolute target names host, port, path and query, and what goes upstream', async (t) => {
  t.match(readAbsolute('http://A.example:8080/x?y=1'), {
    ok: true,
    host: 'a.example',
    port: 8080,
    path: '/x',
    query: 'y=1',
    origin: '/x?y=1',
  })
  t.match(readAbsolute('HTTP://a'), { ok: true, port: 80, path: '/', query: '', origin: '/' })
  t.match(readAbsolute('http://a?x'), { ok: true, path: '/', query: 'x', origin: '/?x' })
  t.match(readAbsolute('http://a/?'), { ok: true, path: '/', query: '', origin: '/?' })
  t.match(readAbsolute('http://[::1]:81/%41'), { host: '::1', port: 81, origin: '/A' })
})

test('a target that is none says what to send instead', async (t) => {
  t.match(readAbsolute('https://a/'), { ok: false, message: /CONNECT/ })
  t.match(readAbsolute('/a'), { ok: false, message: /absolute/ })
  t.match(readAbsolute('*'), { ok: false })
  t.match(readAbsolute('ftp://a/'), { ok: false })
  t.match(readAbsolute('http:///x'), { ok: false })
  t.match(readAbsolute('http://u@a/'), { ok: false, message: /user information/ })
  t.match(readAbsolute('http://u:p@a/'), { ok: false, message: /user information/ })
  t.match(readAbsolute('http://a:0/'), { ok: false })
  t.match(readAbsolute('http://a/#x'), { ok: false, message: /fragment/ })
  t.match(readAbsolute('http://a#x'), { ok: false, message: /fragment/ })
  t.match(readAbsolute('http://a/\u00e9'), { ok: false })
  t.match(readAbsolute('http://a/x?\u0001'), { ok: false })
  t.match(readOrigin('x', { host: 'a', port: 80 }), { ok: false })
  t.match(readTunnel('a'), { ok: false })
  t.match(readTunnel('http://a:443'), { ok: false })
  t.match(readTunnel('u@a:443'), { ok: false })
  t.match(readTunnel('a:443/'), { ok: false })
  t.match(readTunnel('a:443'), { ok: true, host: 'a', port: 443, path: '' })
})
