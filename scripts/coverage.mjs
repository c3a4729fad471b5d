/**
 * Runs the tests with coverage and holds each room to its share: kernel, ledger and gate to all lines and
 * branches, the other rooms to 95 % of their lines. A file that no test loads counts as not covered at all.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Least percentage of lines and of branches, by room; a null is counted and not held to anything. */
const shares = {
  kernel: { lines: 100, branches: 100 },
  ledger: { lines: 100, branches: 100 },
  gate: { lines: 100, branches: 100 },
  policy: { lines: 95, branches: null },
  payload: { lines: 95, branches: null },
  proxy: { lines: 95, branches: null },
  control: { lines: 95, branches: null },
  cli: { lines: 95, branches: null },
}

const percent = ({ covered, total }) => (total === 0 ? 100 : (100 * covered) / total)

/** Source files of a room; those of types alone compile to nothing, and nothing can run them. */
function sourcesOf(room) {
  const inside = (folder) =>
    readdirSync(`${root}${folder}`, { recursive: true })
      .filter((name) => /\.(ts|js)$/.test(name))
      .map((name) => `${folder}/${name.replace(/\.(ts|js)$/, '')}`)
  const written = new Set(inside(room))
  const runs = (path) => {
    const text = readFileSync(`${root}dist/${path}.js`, 'utf8')
    return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').trim() !== 'export {};'
  }
  return inside(`dist/${room}`)
    .map((path) => path.slice('dist/'.length))
    .filter((path) => written.has(path) && runs(path))
    .map((path) => `${path}.ts`)
}

/** Lines and branches of one file, as istanbul's report has them, with the lines that fall short. */
function measure(report) {
  const lines = { covered: 0, total: 0 }
  const branches = { covered: 0, total: 0 }
  const short = new Set()
  for (const [id, { start }] of Object.entries(report.statementMap)) {
    lines.total += 1
    if (report.s[id] > 0) lines.covered += 1
    else short.add(start.line)
  }
  for (const [id, { loc }] of Object.entries(report.branchMap)) {
    const taken = report.b[id].filter((count) => count > 0).length
    branches.total += report.b[id].length
    branches.covered += taken
    if (taken < report.b[id].length) short.add(loc.start.line)
  }
  return { lines, branches, short: [...short].sort((left, right) => left - right) }
}

/** `3, 7-9`: ascending numbers with their runs joined. */
function ranges(numbers) {
  const joined = []
  for (const number of numbers) {
    const last = joined.at(-1)
    if (last !== undefined && last[1] === number - 1) last[1] = number
    else joined.push([number, number])
  }
  return joined.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}

function add(sum, part) {
  sum.covered += part.covered
  sum.total += part.total
}

/** Prints what falls short in a room, file by file; true where the room has its share. */
function check(room, share, reports) {
  const sum = { lines: { covered: 0, total: 0 }, branches: { covered: 0, total: 0 } }
  const notes = []
  for (const path of sourcesOf(room)) {
    const report = reports.get(path)
    const length = readFileSync(`${root}${path}`, 'utf8').split('\n').length - 1
    const { lines, branches, short } =
      report === undefined
        ? { lines: { covered: 0, total: length }, branches: { covered: 0, total: 1 }, short: [] }
        : measure(report)
    add(sum.lines, lines)
    add(sum.branches, branches)
    if (report === undefined) notes.push(`  ${path}: no test loads it`)
    else if (short.length > 0) notes.push(`  ${path}: ${ranges(short)}`)
  }
  const enough = percent(sum.lines) >= share.lines && percent(sum.branches) >= (share.branches ?? 0)
  const figures = `lines ${percent(sum.lines).toFixed(1)} %, branches ${percent(sum.branches).toFixed(1)} %`
  const wanted = share.branches === null ? '' : `, branches ${share.branches} %`
  console.log(
    `${enough ? 'ok    ' : 'SHORT '} ${room}: ${figures} (at least lines ${share.lines} %${wanted})`,
  )
  if (notes.length > 0) console.log(notes.join('\n'))
  return enough
}

const tests = spawnSync(
  process.execPath,
  [
    `${root}scripts/plain-reporter.mjs`,
    '--no-disable-coverage',
    '--coverage-report=json',
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit', cwd: root },
)

const finished = JSON.parse(readFileSync(`${root}.tap/report/coverage-final.json`, 'utf8'))
const reports = new Map(
  Object.entries(finished).map(([path, report]) => [relative(root, path), report]),
)
const present = new Set(readdirSync(`${root}dist`))
const rooms = Object.entries(shares).filter(([room]) => present.has(room))
console.log('')
const enough = rooms.map(([room, share]) => check(room, share, reports))
process.exitCode = tests.status !== 0 || enough.includes(false) ? 1 : 0
