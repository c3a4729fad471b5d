/**
 * Runs tap and prints plain text: a line a file, each failure in full, and last of all `N passed, N failed`.
 *
 * It is tap's parent and not its reporter, so that the last line is the last, and so that a tap that dies
 * half way is seen. The counts are tap's own; the exit code is tap's, or 1 where tap is content and we are not.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Parser } from 'tap-parser'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What tap says of a test file in which nothing was tested; it lets that pass, and we do not. */
const emptyFile = 'no tests found'

const counts = { passed: 0, failed: 0, skipped: 0 }

const indent = (text) => text.trimEnd().replaceAll('\n', '\n    ')

function printFailure(title, diagnostics) {
  console.log(`\nnot ok: ${title}`)
  for (const [key, value] of Object.entries(diagnostics ?? {})) {
    const text = typeof value === 'string' ? value : inspect(value, { depth: 8, breakLength: 100 })
    console.log(text.includes('\n') ? `  ${key}:\n    ${indent(text)}` : `  ${key}: ${text}`)
  }
}

function fail(title, diagnostics) {
  counts.failed += 1
  printFailure(title, diagnostics)
}

/** A parser that counts as tap does: leaves only, and a file that ended worse than its leaves say. */
function countingParser() {
  const parser = new Parser()
  parser.on('pass', () => {
    counts.passed += 1
  })
  parser.on('fail', (result) => fail(result.fullname, result.diag))
  parser.on('todo', () => {
    counts.skipped += 1
  })
  parser.on('skip', (result) => {
    if (result.skip === emptyFile) fail(`${result.fullname}: ${emptyFile}`, result.diag)
    else counts.skipped += 1
  })
  parser.on('bailout', (reason) => fail(`Bail out! ${reason}`))
  parser.on('assert', (file) => {
    const seconds = ((file.time ?? 0) / 1000).toFixed(1)
    console.log(`${file.ok ? 'ok    ' : 'FAILED'} ${file.name} (${seconds} s)`)
  })
  return parser
}

/** tap as a child, its TAP on a pipe and its errors on our own stderr; resolves once all of it is read. */
function runTap(parser) {
  const tap = spawn(`${root}node_modules/.bin/tap`, ['--reporter=tap', ...process.argv.slice(2)], {
    stdio: ['inherit', 'pipe', 'inherit'],
  })
  tap.stdout.pipe(parser)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => tap.kill(signal))
  return new Promise((resolve) => {
    tap.on('error', (error) => resolve({ code: null, signal: null, error }))
    tap.on('close', (code, signal) => resolve({ code, signal, error: null }))
  })
}

const parser = countingParser()
const complete = new Promise((resolve) => {
  parser.on('complete', resolve)
})
const end = await runTap(parser)
if (end.error !== null) parser.end()
const results = await complete

if (end.error !== null) fail('tap did not start', { error: end.error.message })
if (end.signal !== null) fail(`tap was ended by ${end.signal}`)
if (counts.failed === 0 && !results.ok) {
  for (const failure of results.failures) fail(failure.tapError ?? failure.fullname, failure.diag)
}
if (counts.failed === 0 && (end.code ?? 1) !== 0) fail(`tap ended with exit code ${end.code}`)
if (counts.failed === 0 && counts.passed === 0) fail('nothing was tested')

const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`)

if (end.signal !== null) process.exitCode = 128 + constants.signals[end.signal]
else process.exitCode = end.code || (counts.failed > 0 ? 1 : 0)
