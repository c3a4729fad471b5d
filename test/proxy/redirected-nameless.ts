/** First bytes that name no host, or none that a redirected connection may go to, and how each is refused. */
import { buildHello } from './hellos.ts'

const hello = buildHello({ names: ['origin.test'] })
const echHello = buildHello({
  names: ['origin.test'],
  extensions: [{ type: 0xfe0d, body: Buffer.alloc(40, 1) }],
})
const sslV2 = Buffer.from('802e0100020015000000100100800300800700c006004002008004008000', 'hex')

/** What is sent, what comes back, and what the ledger says: `rejected` entries alone. */
export const nameless: readonly (readonly [
  name: string,
  sent: Buffer | string,
  heard: RegExp,
  code: string,
  message: RegExp,
])[] = [
  [
    'a ClientHello without SNI',
    buildHello({}),
    /^\x15\x03\x03\0\x02\x021$/,
    'authority-mismatch',
    /no SNI/,
  ],
  [
    'an SNI that is an address',
    buildHello({ names: ['10.0.0.1'] }),
    /^\x15/,
    'malformed-request',
    /IP address/,
  ],
  [
    'two names in the SNI',
    buildHello({ names: ['origin.test', 'b.test'] }),
    /^\x15/,
    'malformed-request',
    /several/,
  ],
  ['a hidden name (ECH)', echHello, /^\x15\x03\x03\0\x02\x021$/, 'inspection-required', /ECH/],
  [
    'a record that is no ClientHello',
    Buffer.from('160301000401000000', 'hex'),
    /^\x15/,
    'malformed-request',
    /./,
  ],
  [
    'half a ClientHello',
    hello.subarray(0, 60),
    /^\x15/,
    'malformed-request',
    /No whole ClientHello/,
  ],
  ['silence', '', /^$/, 'malformed-request', /Nothing was said/],
  [
    'half a request',
    'GET / HTTP/1.1\r\nHost: origin.te',
    /^HTTP\/1\.1 408 /,
    'malformed-request',
    /in time/,
  ],
  ['SSLv2', sslV2, /^HTTP\/1\.1 400 /, 'malformed-request', /./],
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', /^HTTP\/1\.1 400 /, 'malformed-request', /./],
  ['garbage', '\0\x01\x02\xff\xfe\r\n\r\n', /^HTTP\/1\.1 400 /, 'malformed-request', /./],
  ['HTTP/0.9', 'GET /\r\n', /^HTTP\/1\.1 40[08] /, 'malformed-request', /./],
  [
    'HTTP/2 in the clear',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /./,
  ],
  [
    'HTTP/1.0 without Host',
    'GET / HTTP/1.0\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /Host header is missing/,
  ],
  [
    'HTTP/1.1 without Host',
    'GET / HTTP/1.1\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /Host header is missing/,
  ],
  [
    'two Hosts that agree',
    'GET / HTTP/1.1\r\nHost: origin.test\r\nHost: origin.test\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /twice/,
  ],
  [
    'two Hosts in one',
    'GET / HTTP/1.1\r\nHost: origin.test, b.test\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /not valid/,
  ],
  [
    'user information in Host',
    'GET / HTTP/1.1\r\nHost: a@origin.test\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /not valid/,
  ],
  [
    'another port in Host',
    'GET / HTTP/1.1\r\nHost: origin.test:8080\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 403 /,
    'authority-mismatch',
    /port 8080/,
  ],
  [
    'the port of https in Host',
    'GET / HTTP/1.1\r\nHost: origin.test:443\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 403 /,
    'authority-mismatch',
    /port 443/,
  ],
  [
    'an absolute URL',
    'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /slash/,
  ],
  [
    'CONNECT',
    'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /CONNECT/,
  ],
  [
    'OPTIONS of no resource',
    'OPTIONS * HTTP/1.1\r\nHost: origin.test\r\n\r\n',
    /^HTTP\/1\.1 400 /,
    'malformed-request',
    /slash/,
  ],
]
