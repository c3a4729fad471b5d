/** wrk as the load on plain HTTP: absolute-form through a proxy, or direct, with its latency distribution. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Load {
  readonly requests: number
  readonly seconds: number
  readonly errors: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface LoadOptions {
  readonly directory: string
  /** Where wrk connects. */
  readonly port: number
  /** Target of each request, absolute-form. */
  readonly target: string
  readonly host: string
  readonly connections: number
  readonly seconds: number
}

/** Prints machine-readable figures at the end of a run; wrk's own text is for people. */
function script(target: string, host: string): string {
  return `
wrk.headers["Host"] = "${host}"
request = function() return wrk.format("GET", "${target}") end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("FIGURES %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`
}

/** Runs wrk with one thread. errors  Error where wrk says nothing that can be read. */
export async function load(options: LoadOptions): Promise<Load> {
  const { directory, port, connections, seconds } = options
  const file = join(directory, 'load.lua')
  writeFileSync(file, script(options.target, options.host))
  const flags = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', file]
  const text = await new Promise<string>((resolve, reject) => {
    execFile('wrk', [...flags, `http://127.0.0.1:${port}`], (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(error)
    })
  })
  const figures = /FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(text)
  if (figures === null) throw new Error(`wrk said nothing of use: ${text}`)
  const [requests = 0, duration = 1, errors = 0, p50 = 0, p99 = 0] = figures.slice(1).map(Number)
  return { requests, seconds: duration / 1e6, errors, p50Ms: p50 / 1000, p99Ms: p99 / 1000 }
}
