/** Secrets inside TLS: the gate's own never leave and never come back, and what a rule has looked for is dealt with as it says. */
import type { ReasonCode } from '../../kernel/reasons.ts'
import { answerOn, askInside, openInside } from './inspect-inside.ts'
import { bodyOf, inspectTest, ruleAt, type Serve } from './inspect-world.ts'
import { problemFaults } from './problem.ts'

const secret = 'tr0ub4dor-and-the-correct-horse+battery=staple'
const credentials =
  '  origin-key: { source: { env: ORIGIN_KEY }, as: { header: Authorization, format: "Bearer {secret}" } }'
const environment = { ORIGIN_KEY: secret }

/** Keeps what it was sent, and answers by path. */
class Recorder {
  readonly bodies: string[] = []
  readonly authorizations: string[] = []
  readonly serve: Serve = (request, response) => {
    const { authorization = '' } = request.headers
    this.authorizations.push(authorization)
    void bodyOf(request).then(
      (body) => {
        this.bodies.push(body)
        if (request.url === '/echo-header') response.setHeader('x-echo', authorization)
        response.end(request.url === '/echo' ? `you sent ${authorization}, and more` : 'ok')
      },
      () => undefined,
    )
  }
}

const rules = (port: number): string =>
  ruleAt('keyed', port, 'paths: ["/echo*", /key], inject: origin-key, effect: allow') +
  ruleAt('json', port, 'paths: [/json], decoder: json, effect: allow') +
  ruleAt('plain', port, 'paths: ["/plain/**"], effect: allow')

interface Row {
  readonly name: string
  readonly line: string
  readonly headers?: string
  readonly body?: string
}

const base64 = Buffer.from(`user:${secret}`).toString('base64')

const rows: readonly Row[] = [
  { name: 'the path', line: `GET /plain/${encodeURIComponent(secret)}` },
  { name: 'the query', line: `GET /plain/x?k=${encodeURIComponent(secret)}` },
  { name: 'the query in base64', line: `GET /plain/x?k=${encodeURIComponent(base64)}` },
  { name: 'a header', line: 'GET /plain/x', headers: `X-Note: see ${secret}\r\n` },
  {
    name: 'Basic credentials',
    line: 'GET /plain/x',
    headers: `Authorization: Basic ${base64}\r\n`,
  },
  { name: 'a body', line: 'POST /plain/x', body: `a note: ${secret}.` },
  { name: 'a body in base64', line: 'POST /plain/x', body: `a note: ${base64}.` },
  {
    name: 'a body in hexadecimal',
    line: 'POST /plain/x',
    body: Buffer.from(secret).toString('hex'),
  },
  { name: 'a body that is decoded', line: 'POST /json', body: JSON.stringify({ note: secret }) },
  {
    ...{ name: 'a body that is decoded, escaped', line: 'POST /json' },
    body: `{"note":"${[...secret].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')}"}`,
  },
]

const written = (port: number, { body = '', headers = '', line }: Row): string => {
  const typed = line.includes('/json') ? 'Content-Type: application/json\r\n' : ''
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
  return `${line} HTTP/1.1\r\nHost: localhost:${port}\r\n${typed}${length}${headers}\r\n${body}`
}

const refused: ReasonCode = 'payload-secret'
const recorder = new Recorder()

inspectTest(
  "the gate's own credential does not leave in any form, and is not recorded in any",
  { serve: recorder.serve, rules, credentials, environment },
  async (t, run, { port }) => {
    for (const [index, row] of rows.entries()) {
      const answer = await askInside(run, { port }, written(port, row))
      t.equal(answer.status, 403, `${row.name}: the status`)
      t.same(problemFaults(answer, refused), [], `${row.name}: the refusal`)
      await run.eventually(() => run.saying(refused).length > index)
      t.equal(run.saying(refused).length, index + 1, `${row.name}: one entry`)
    }
    const arrived = recorder.bodies.join('\n')
    t.notOk(arrived.includes(secret.slice(0, 8)) || arrived.includes(base64.slice(8, 24)))
    const recorded = JSON.stringify(run.entries())
    for (const form of [secret, base64, encodeURIComponent(secret)]) {
      t.equal(recorded.indexOf(form), -1, 'the ledger does not hold it')
    }
  },
)

const divided = new Recorder()

inspectTest(
  'a credential that is cut over two chunks of an upload stops it before more than three bytes of it left',
  { serve: divided.serve, rules, credentials, environment },
  async (t, run, origin) => {
    let arrived = ''
    const { port } = origin
    const secure = await openInside(run, { port })
    secure.on('error', () => undefined)
    const answer = answerOn(secure)
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
    const head = `POST /plain/up HTTP/1.1\r\nHost: localhost:${port}\r\nTransfer-Encoding: chunked\r\n\r\n`
    secure.write(head + chunk(`the first half: ${secret.slice(0, 20)}`))
    await run.eventually(() => origin.asked.length === 1)
    secure.write(chunk(`${secret.slice(20)} and its end`))
    const { status } = await answer
    t.equal(status, 403)
    await run.eventually(() => run.saying(refused).length > 0)
    t.equal(run.saying(refused).length, 1)
    arrived += divided.bodies.join('')
    t.notOk(arrived.includes(secret.slice(0, 4)), 'nothing but its beginning left')
    secure.destroy()
  },
)

const keyed = new Recorder()

inspectTest(
  'the origin is sent the credential, and the agent sees no trace of it, even where it is echoed',
  { serve: keyed.serve, rules, credentials, environment },
  async (t, run, origin) => {
    const seen = JSON.stringify(run.environment)
    t.notOk(seen.includes(secret), 'the agent is not given the variable')
    const { output } = await run.curl(
      `${origin.url}/key`,
      '-H',
      'Authorization: Bearer of-the-agent',
    )
    t.equal(output.toString(), 'ok')
    t.same(keyed.authorizations, [`Bearer ${secret}`], "in place of the agent's own")
    for (const path of ['/echo', '/echo-header']) {
      for (const version of ['--http1.1', '--http2']) {
        const echoed = await run.curl(version, '-i', `${origin.url}${path}`)
        const shown = echoed.output.toString() + echoed.errors
        t.notOk(shown.includes(secret.slice(0, 8)), `${path} ${version}: nothing of it comes back`)
      }
    }
    await run.eventually(() => run.entries('settlement').length === 5)
    t.equal(run.saying(refused).length, 4, 'each echo is recorded')
  },
)

const card = '4111 1111 1111 1111'

const handled = new Recorder()

inspectTest(
  'what a rule has looked for is blocked, redacted or only recorded, as the rule says',
  {
    serve: handled.serve,
    rules: (port) =>
      ['block', 'redact', 'warn']
        .map((action) => {
          const payload = `payload: { action: ${action}, detectors: [card-numbers] }`
          return ruleAt(action, port, `paths: [/${action}], ${payload}, effect: allow`)
        })
        .join(''),
  },
  async (t, run, { url }) => {
    const sent = async (action: string): Promise<string> => {
      const status = ['-o', '/dev/null', '-w', '%{http_code}']
      const { output } = await run.curl(...status, '-d', `pay with ${card}!`, `${url}/${action}`)
      return output.toString()
    }
    t.equal(await sent('block'), '403')
    t.equal(run.saying('payload-personal-data').length, 1)
    t.same(handled.bodies, [], 'nothing left')
    t.equal(await sent('redact'), '200')
    t.equal(await sent('warn'), '200')
    t.same(handled.bodies, ['pay with [redacted:card-numbers]!', `pay with ${card}!`])
    const found = run
      .entries('decision')
      .map(({ data }) => (data as { findings?: object[] }).findings)
    for (const findings of found) t.match(findings, [{ detector: 'card-numbers', count: 1 }])
  },
)
