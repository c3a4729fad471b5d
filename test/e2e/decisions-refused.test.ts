/** What cannot be asked of the decision API: each with its status, its code and its entry. */
import { readFileSync } from 'node:fs'
import { batch, deskTest, general, record, refusalOf, write } from './decisions-world.ts'

const validate = '/api/v1/constitutional/validate'
const page = 'docs/decisions.md'

/** `STATUS` and `CODE` of each row of the table of refusals. */
const documented = (): ReadonlySet<string> => {
  const rows = readFileSync(page, 'utf8').matchAll(/^\| .+ \| (\d{3}) \| (`.+`) \|$/gm)
  return new Set(
    [...rows].flatMap(([, status, codes = '']) => {
      return [...codes.matchAll(/`([a-z-]+)`/g)].map(([, code]) => `${status} ${code}`)
    }),
  )
}

function nested(depth: number): object {
  let value: object = {}
  for (let done = 0; done < depth; done += 1) value = { in: value }
  return value
}

/** What is asked, where, and how it is refused. */
const refusals: readonly (readonly [string, string, object, number, string])[] = [
  [
    'a pinned hash that differs',
    general,
    { ...record, constitutional_hash: `sha256:${'0'.repeat(64)}` },
    409,
    'policy-mismatch',
  ],
  ['a domain that is none', '/api/v1/space/decisions/request', record, 404, 'domain-unknown'],
  ['another one in the body', validate, { ...record, domain: 'space' }, 404, 'domain-unknown'],
  ['an agent that is none', general, { ...record, actor: 'ghost' }, 422, 'identity-unknown'],
  ['another tenant', general, { ...record, tenant: 'other' }, 422, 'identity-unknown'],
  [
    'a tenant where there is none',
    general,
    { ...record, actor: 'trader', tenant: 'acme' },
    422,
    'identity-unknown',
  ],
  ['a context too deep', general, { ...write, context: nested(40) }, 422, 'malformed-request'],
  [
    'a context too wide',
    general,
    { ...write, context: { many: Array(5_000).fill(0) } },
    422,
    'malformed-request',
  ],
  [
    'a target that is none',
    general,
    { ...record, target: { method: 'GET', url: 'http://[' } },
    422,
    'malformed-request',
  ],
  ['an unknown field', general, { ...record, force: true }, 400, 'malformed-request'],
  [
    'a domain in the wrong place',
    general,
    { ...record, domain: 'general' },
    400,
    'malformed-request',
  ],
  ['an action of another shape', general, { ...record, action: 'write' }, 400, 'malformed-request'],
  [
    'a level that is none',
    general,
    { ...record, compliance_level: 'lax' },
    400,
    'malformed-request',
  ],
  ['no context', general, write, 400, 'malformed-request'],
  [
    '51 at once',
    batch,
    { items: Array(51).fill({ ...record, domain: 'general' }) },
    400,
    'request-too-large',
  ],
  ['nothing at once', batch, { items: [] }, 400, 'malformed-request'],
  [
    'one in a batch',
    batch,
    { items: [record, { ...record, actor: 'ghost' }] },
    422,
    'identity-unknown',
  ],
  ['a hold in a batch', batch, { items: [{ ...record, commit: true }] }, 400, 'malformed-request'],
  ['a hold that is none', '/api/v1/holds/none/settle', { actual: {} }, 404, 'approval-unknown'],
  [
    'a body too large',
    general,
    { ...write, context: { text: 'x'.repeat(70_000) } },
    413,
    'request-too-large',
  ],
]

deskTest('what cannot be asked has its own status, code and entry', async (t, desk) => {
  for (const [what, path, body, status, code] of refusals) {
    const before = desk.rejected().length
    const answer = await desk.ask(path, body)
    t.match(
      answer.headers,
      { 'content-type': 'application/problem+json', 'haltgate-receipt': /^\d+-/ },
      what,
    )
    t.same(refusalOf(answer), { status, code, hasEntry: true }, `${what}: ${answer.text}`)
    const entries = desk.rejected()
    t.equal(entries.length, before + 1, `${what}: one entry`)
    t.match(entries.at(-1), { code, listener: 'control' }, what)
    t.ok(documented().has(`${status} ${code}`), `${page} has ${status} ${code}`)
  }
  t.same(desk.world.entries('preview', 'decision'), [], 'nothing was decided')
})

deskTest('a number past all counting is no fact, however it is written', async (t, desk) => {
  const text = JSON.stringify({ ...write, context: { title: 0 } }).replace(':0}', ':1e999}')
  const answer = await desk.as(desk.operator, general, { body: text })
  t.same(refusalOf(answer), { status: 422, code: 'malformed-request', hasEntry: true }, answer.text)
})
