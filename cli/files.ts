/** The private files of a data directory: made 0600 in a 0700 directory, refused where others can read them. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { Failure } from '../kernel/reasons.ts'
import { layoutOf } from './settings.ts'

/** Makes the data directory, 0700; never closes a directory that others use too. errors  Failure naming the directory and what to do. */
export function makeDataDirectory(directory: string): void {
  try {
    makeEach(directory)
    const { mode } = statSync(directory)
    const foreign = readdirSync(directory).find((name) => !isOurs(directory, name))
    if ((mode & 0o077) !== 0) {
      if (foreign !== undefined) throw new Error(`it is open to others, and ${foreign} is not ours`)
      chmodSync(directory, 0o700)
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure(
      'ledger-unavailable',
      `the data directory ${directory} cannot be used (${why}); choose another with --data DIR`,
      { cause: error },
    )
  }
}

/** What a gate puts there, and what a fresh file system has. */
function isOurs(directory: string, name: string): boolean {
  const { ca, keys, ledger, lock, policies, sentinel, token, vault, witnessed } =
    layoutOf(directory)
  const ours = [ca, keys, ledger, lock, policies, sentinel, token, vault, witnessed]
  const names = ours.map((path) => basename(path))
  return name === 'lost+found' || names.includes(name)
}

/** One directory after the other: mkdir's own recursion never ends below /proc (Node 20.20.2). */
function makeEach(directory: string): void {
  if (existsSync(directory)) return
  const parent = dirname(directory)
  if (parent !== directory) makeEach(parent)
  mkdirSync(directory, { mode: 0o700 })
}

/** The operator's token: 32 random bytes, made at the first start. errors  Failure where others could read it. */
export function controlToken(file: string): string {
  if (!existsSync(file)) {
    const token = randomBytes(32).toString('base64url')
    writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' })
    return token
  }
  const found = statSync(file)
  if (!found.isFile()) {
    throw new Failure('ledger-unavailable', `${file} is no file; remove it and start again`)
  }
  if ((found.mode & 0o077) !== 0) {
    throw new Failure('ledger-unavailable', `${file} can be read by others; run: chmod 600 ${file}`)
  }
  const token = readFileSync(file, 'utf8').trim()
  if (token.length < 32) {
    throw new Failure('ledger-unavailable', `${file} holds no token; delete it and start again`)
  }
  return token
}
