/** Whole event streams whose messages are rewritten, byte by byte. */
import { test } from 'tap'
import { filterEvents } from '../../../proxy/inspect/events.ts'

const upper = (text: string): Buffer | null =>
  text.includes('?') ? null : Buffer.from(text.replaceAll('bad', 'GOOD'))

const read = (stream: string | Buffer): string | null =>
  filterEvents(Buffer.from(stream), upper)?.toString() ?? null

void test('only the data of an event is rewritten, and only where it has to be', (t) => {
  for (const [name, stream, expected] of [
    ['nothing', '', ''],
    ['no event', ': bad\n\nid: bad\nretry: 5\n\n\n', ': bad\n\nid: bad\nretry: 5\n\n\n'],
    ['empty data', 'id: 1\ndata\n\ndata:\ndata: \n\n', 'id: 1\ndata\n\ndata:\ndata: \n\n'],
    ['good data', 'data:a\r\ndata: b\r\n\r\n', 'data:a\r\ndata: b\r\n\r\n'],
    ['bad data', 'event: bad\ndata: bad\nid: 1\n\n', 'event: bad\ndata: GOOD\nid: 1\n\n'],
    ['in CRLF', 'id: 1\r\ndata:bad\r\n\r\n', 'id: 1\r\ndata: GOOD\n\r\n'],
    ['in CR', 'data: bad\rdata: x\r\rdata: y\r\r', 'data: GOOD\ndata: x\n\rdata: y\r\r'],
    ['apart', 'data: bad\nid: 1\ndata: bad\n\n', 'data: GOOD\ndata: GOOD\nid: 1\n\n'],
    ['two spaces', 'data:  bad\n\n', 'data:  GOOD\n\n'],
    ['another field', 'database: bad\nDATA: bad\n\n', 'database: bad\nDATA: bad\n\n'],
    ['without its blank line', 'data: bad', 'data: GOOD\n'],
    ['behind a mark', '\ufeffdata: bad\n\n', 'data: GOOD\n\n'],
    ['over several lines', 'data: b\ndata: ad\n\n', 'data: b\ndata: ad\n\n'],
    ['unreadable', 'data: a\n\ndata: ?\n\n', null],
    ['unreadable, in part', 'data: a\ndata: ?', null],
  ] as const) {
    t.equal(read(stream), expected, name)
  }
  t.equal(read(Buffer.from([0x64, 0xff, 0x0a])), null, 'no UTF-8')
  t.end()
})

void test('a stream of nothing but line ends is refused before it costs more than it may', (t) => {
  t.equal(read('\n'.repeat(100_000))?.length, 100_000)
  t.equal(read('\n'.repeat(100_001)), null)
  t.equal(read('\r'.repeat(8_000_000)), null)
  const long = `data: ${'x'.repeat(4_000_000)}\n\n`
  t.equal(read(long), long)
  t.end()
})
