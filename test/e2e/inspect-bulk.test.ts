/**
 * Much goes through inspection without being kept: the memory of the gate stays within a bound while hundreds of MiB pass,
 * and an event is with its client before the next one exists. INSPECT_BULK_MIB makes it as much as one likes.
 */
import { execFile } from 'node:child_process'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { type GateRun, inspectTest, ruleAt } from './inspect-world.ts'

const mib = 1024 * 1024
const bulk = Number(process.env['INSPECT_BULK_MIB'] ?? 512) * mib

/** HTTP/2 and the search for secrets cost more time, and no more memory. */
const less = bulk / 4

/** More than buffers, code that is compiled and the garbage between two collections take; far less than what passes. */
const growthMax = 128 * mib
const piece = Buffer.alloc(mib, 'the quick brown fox jumps over the lazy dog ')

function serve(request: Http2ServerRequest, response: Http2ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.on('end', () => {
    if (request.url.startsWith('/down')) pour(response, Number(request.url.split('?')[1]))
    else if (request.url === '/events') tick(response)
    else response.end(`${bytes}`)
  })
}

function pour(response: Http2ServerResponse, bytes: number): void {
  let left = bytes
  const go = (): void => {
    while (left > 0) {
      left -= piece.length
      if (!response.write(piece)) return
    }
    response.off('drain', go)
    response.end()
  }
  response.on('drain', go)
  go()
}

function tick(response: Http2ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const timer = setInterval(() => response.write(`data: ${performance.now()}\n\n`), 50)
  response.once('close', () => clearInterval(timer))
}

/** With secrets to look for, so that every byte is looked at on its way up, and on its way down where a rule says so. */
const looking = {
  serve,
  credentials: '  key: { source: { env: KEY }, as: { header: Authorization, format: "{secret}" } }',
  environment: { KEY: 'a-secret-that-nobody-knows' },
  rules: (port: number): string =>
    ruleAt('plain', port, 'paths: [/down, /up, /events], effect: allow') +
    ruleAt('keyed', port, 'paths: [/down/keyed], inject: key, effect: allow'),
}

interface Row {
  readonly version: '--http1.1' | '--http2'
  readonly path: string
  readonly bytes: number
}

const rows: readonly Row[] = [
  { version: '--http1.1', path: '/down', bytes: bulk },
  { version: '--http1.1', path: '/up', bytes: bulk },
  { version: '--http1.1', path: '/down/keyed', bytes: less },
  { version: '--http2', path: '/down', bytes: less },
  { version: '--http2', path: '/up', bytes: less },
]

/** How many bytes came down as its client says, or went up as the origin says; it takes as long as it takes. */
function moved(run: GateRun, url: string, { bytes, path, version }: Row): Promise<number> {
  const curl = `curl -sS --max-time 3600 ${version}`
  const line =
    path === '/up'
      ? `head -c ${bytes} /dev/zero | ${curl} -T - -X POST ${url}${path}`
      : `${curl} -o /dev/null -w '%{size_download}' '${url}${path}?${bytes}'`
  const env = { PATH: process.env['PATH'], ...run.environment }
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', line], { env }, (error, stdout) => {
      if (error === null) resolve(Number(stdout))
      else reject(error)
    })
  })
}

inspectTest(
  `${bulk / mib} MiB down and up leave the memory of the gate within ${growthMax / mib} MiB of where it was`,
  looking,
  async (t, run, { url }) => {
    await run.curl(`${url}/up`, '-d', 'warm')
    const before = run.residentBytes()
    let highest = before ?? 0
    const watch = setInterval(() => {
      highest = Math.max(highest, run.residentBytes() ?? 0)
    }, 20)
    for (const row of rows) {
      const begun = performance.now()
      t.equal(await moved(run, url, row), row.bytes, `${row.path} ${row.version}: every byte`)
      const rate = row.bytes / mib / ((performance.now() - begun) / 1000)
      t.comment(`${row.path} ${row.version}: ${Math.round(rate)} MiB a second`)
    }
    clearInterval(watch)
    const growth = highest - (before ?? 0)
    t.comment(`${Math.round(highest / mib)} MiB at most, ${Math.round(growth / mib)} MiB more`)
    // Where the system does not tell of it, only the bytes are counted.
    t.ok(before === null || growth < growthMax, `${Math.round(growth / mib)} MiB more`)
  },
)

inspectTest(
  'an event is with its client before the next one exists',
  looking,
  async (t, run, { url }) => {
    for (const version of ['--http1.1', '--http2']) {
      const reading = `curl -sSN ${version} ${url}/events | head -n 1`
      const { output } = await run.client('sh', ['-c', reading])
      const lateMs = performance.now() - Number(output.toString().replace('data: ', ''))
      t.comment(
        `${version}: read ${lateMs.toFixed(1)} ms after it was written, the end of curl included`,
      )
      t.ok(lateMs < 2000, 'nothing waited for the end of a stream that has none')
    }
  },
)
