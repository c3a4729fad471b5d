/** `haltgate witness`: cosigns the checkpoints of other gates, so that none of them can show two pasts. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Logger } from 'pino'
import { witnessName } from '../evidence/witness/cosignature.ts'
import { Memory } from '../evidence/witness/memory.ts'
import { openWitnessServer } from '../evidence/witness/server.ts'
import { Witness } from '../evidence/witness/witness.ts'
import { Failure } from '../kernel/reasons.ts'
import { failureOf } from '../ledger/failure.ts'
import { takeLock } from '../ledger/lock.ts'
import { parseVkey } from '../ledger/note.ts'
import { exitCodes } from './exit.ts'
import { keyFile } from './key-file.ts'
import { openLog } from './log.ts'
import { type Address, addressOf, authorityOf, UsageError } from './settings.ts'

type Given = Readonly<Record<string, unknown>>

interface WitnessSettings {
  readonly listen: Address
  readonly directory: string
  readonly logs: readonly string[]
  readonly name: string
  readonly logLevel: string
}

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addWitness(
  program: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  program
    .command('witness')
    .description('cosign the checkpoints of other gates, and refuse a second past of any')
    .option('--listen <host:port>', 'where logs ask for cosignatures', '127.0.0.1:3130')
    .option('--data <dir>', 'its key, and what it saw of each log', 'witness')
    .addOption(
      new Option('--log <vkey...>', 'keys of the logs that it witnesses').makeOptionMandatory(),
    )
    .option('--name <name>', 'its name: a URL without scheme', `${hostname()}/witness`)
    .option('--log-level <level>', 'trace to fatal, or silent', 'info')
    .action((flags: Given) => {
      const print = (text: string): void => {
        process.stderr.write(`${text}\n`)
      }
      // What is wrong with a flag is told as what is wrong with the work is.
      return finish(Promise.resolve().then(() => witness(witnessSettings(flags), print)))
    })
}

function witnessSettings(flags: Given): WitnessSettings {
  const text = (name: string): string => String(flags[name] ?? '')
  const logs = (Array.isArray(flags['log']) ? flags['log'] : []).map(String)
  for (const key of logs) {
    if (parseVkey(key) === null) {
      throw new UsageError(`--log is a verifying key, name+id+base64, not '${key.slice(0, 200)}'`)
    }
  }
  if (!witnessName.test(text('name'))) {
    throw new UsageError(`--name is a URL without scheme, spaces and '+', not '${text('name')}'`)
  }
  return {
    listen: addressOf(text('listen'), '--listen'),
    directory: resolve(text('data')),
    logs,
    name: text('name'),
    logLevel: text('logLevel'),
  }
}

/** Resolves with the exit code when a signal has ended it. errors  Failure where it cannot begin. */
async function witness(settings: WitnessSettings, print: (text: string) => void): Promise<number> {
  const { directory, listen, logs, name } = settings
  const log = openLog(settings.logLevel)
  makeDirectory(directory)
  // Two witnesses of one key could cosign two pasts between them.
  const lock = await takeLock(join(directory, 'witness.lock'))
  try {
    const privateKey = privateKeyIn(join(directory, 'witness.key'))
    const origins = logs.map((key) => parseVkey(key)?.name ?? '')
    const memory = Memory.open(join(directory, 'seen'), origins)
    const noticed = (facts: object, why: string): void => log.warn(facts, why)
    const one = new Witness({ name, privateKey, logs, memory, now: () => Date.now(), noticed })
    const server = await listening(one, listen)
    const url = `http://${authorityOf({ host: listen.host, port: server.port })}`
    print(`witness ${name} listens on ${url}`)
    print(`gates ask it with: --witness ${url}#${one.vkey}`)
    await signal(log)
    await server.close()
  } finally {
    lock.release()
  }
  return exitCodes.done
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw failureOf(error, `the data directory ${directory} cannot be made`)
  }
}

async function listening(one: Witness, listen: Address): ReturnType<typeof openWitnessServer> {
  try {
    return await openWitnessServer(one, listen)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const sentence = `the witness cannot listen on ${authorityOf(listen)} (${why}); choose --listen`
    throw new Failure('ledger-unavailable', sentence, { cause: error })
  }
}

/** The key in PKCS8, made at the first start. */
function privateKeyIn(file: string): KeyObject {
  const make = (): string =>
    generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const text = keyFile(file, make).toString('utf8')
  try {
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // Said below: what a key library says of a broken file helps nobody.
  }
  throw new Failure('ledger-unavailable', `${file} holds no Ed25519 key in PKCS8; restore it`)
}

/** SIGTERM or SIGINT; a second one ends at once. */
function signal(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let asked = 0
    const end = (): void => {
      asked += 1
      if (asked > 1) process.exit(exitCodes.done)
      log.info({}, 'the witness ends')
      resolve()
    }
    process.on('SIGTERM', end).on('SIGINT', end)
  })
}
