/** Heads of responses by table: what their framing may say, and that nothing else is taken for a length. */
import { test } from 'tap'
import { HeaderNames } from '../../proxy/header-name.ts'
import { readResponseHead } from '../../proxy/response-head.ts'

function lengthOf(...values: readonly string[]): number | string {
  const raw = values.flatMap((value) => ['Content-Length', value])
  const head = readResponseHead(new HeaderNames(), { status: 200, phrase: 'OK' }, raw)
  return head.ok ? head.length : head.message
}

test('a length is decimal digits, and stands once', async (t) => {
  for (const [value, length] of [
    ['0', 0],
    ['5', 5],
    ['007', 7],
  ] as const) {
    t.equal(lengthOf(value), length, value)
  }
  t.equal(lengthOf(), -1, 'there need be none')
  for (const value of ['', ' 5', '-5', '+5', '5.0', '1e3', '0x10', '5, 5', '9007199254740993']) {
    t.equal(lengthOf(value), 'The upstream announced an absurd length.', value)
  }
  for (const values of [
    ['5', '5'],
    ['5', '6'],
  ]) {
    t.equal(lengthOf(...values), 'The upstream announced its length twice.', values.join())
  }
})

test('a status that HTTP does not have is no answer', async (t) => {
  for (const [status, ok] of [
    [200, true],
    [599, true],
    [600, false],
    [999, false],
  ] as const) {
    t.equal(readResponseHead(new HeaderNames(), { status, phrase: '' }, []).ok, ok, `${status}`)
  }
})
