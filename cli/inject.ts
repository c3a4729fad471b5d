/** `haltgate inject` and `haltgate uninject`: manifests in, manifests out; or the webhook that does the same to pods. */
import { mkdirSync, readFileSync, unwatchFile, watchFile, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../kernel/reasons.ts'
import { exitCodes } from './exit.ts'
import { unifiedDiff } from './inject-diff.ts'
import { injectText, manifestBytesMax, type Outcome, uninjectText } from './inject-manifest.ts'
import { injectOptions } from './inject-options.ts'
import { addressOf, authorityOf, UsageError } from './settings.ts'

type Given = Readonly<Record<string, unknown>>

export interface Surroundings {
  /** Standard output, byte for byte. */
  readonly write: (text: string) => void
  /** Standard error, a sentence. */
  readonly print: (sentence: string) => void
  /** Milliseconds since the epoch. */
  readonly now: number
}

export async function inject(flags: Given, around: Surroundings): Promise<number> {
  const options = injectOptions(flags)
  if (typeof flags['makeCertificate'] === 'string') {
    return await certificate(flags['makeCertificate'], flags, around)
  }
  if (flags['webhook'] === true) return await webhook(flags, around)
  return await overFiles(flags, around, (text) => injectText(text, options))
}

export async function uninject(flags: Given, around: Surroundings): Promise<number> {
  return await overFiles(flags, around, uninjectText)
}

/** All or nothing: where one document is refused, none is printed. */
async function overFiles(
  flags: Given,
  { print, write }: Surroundings,
  change: (text: string) => Outcome,
): Promise<number> {
  const named = Array.isArray(flags['file']) ? flags['file'].map(String) : ['-']
  const done: { readonly name: string; readonly before: string; readonly outcome: Outcome }[] = []
  for (const name of named) {
    const before = name === '-' ? await standardInput() : fileText(name)
    done.push({ name, before, outcome: change(before) })
  }
  const refused = done.filter(({ outcome }) => outcome.objections.length > 0)
  for (const { name, outcome } of refused) {
    for (const sentence of outcome.objections) print(`haltgate: ${shown(name)}: ${sentence}`)
  }
  if (refused.length > 0) return exitCodes.no
  if (flags['diff'] === true) {
    const parts = done.map(({ name, before, outcome }) =>
      unifiedDiff(shown(name), before, outcome.text),
    )
    const text = parts.filter(Boolean).join('\n')
    if (text !== '') write(`${text}\n`)
  } else write(joined(done.map(({ outcome }) => outcome.text)))
  return exitCodes.done
}

const shown = (name: string): string => (name === '-' ? 'standard input' : name)

/** Several files are one stream of documents; a single one stays as it is. */
function joined(texts: readonly string[]): string {
  return texts.reduce((before, text) => {
    if (before === '') return text
    const end = before.endsWith('\n') ? '' : '\n'
    return text.startsWith('---') ? `${before}${end}${text}` : `${before}${end}---\n${text}`
  }, '')
}

function fileText(name: string): string {
  try {
    return decoded(readFileSync(name), name)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(`-f: ${name} cannot be read (${why})`)
  }
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    const piece = Buffer.from(chunk)
    bytes += piece.length
    if (bytes > manifestBytesMax) {
      throw new UsageError(`standard input is longer than ${manifestBytesMax} bytes; divide it`)
    }
    chunks.push(piece)
  }
  return decoded(Buffer.concat(chunks), '-')
}

/** What is no UTF-8 would not come back byte for byte. */
function decoded(bytes: Buffer, name: string): string {
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  throw new UsageError(`${shown(name)} is not UTF-8, as manifests are`)
}

async function certificate(directory: string, flags: Given, around: Surroundings): Promise<number> {
  const name = String(flags['name'] ?? 'haltgate-inject.haltgate.svc')
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
    throw new UsageError('--name is how the API server calls the webhook: SERVICE.NAMESPACE.svc')
  }
  const { makeWebhookCertificate } = await import('./inject-certificate.ts')
  const made = await makeWebhookCertificate(name, around.now)
  const files = [
    ['ca.crt', made.rootPem, 0o644],
    ['tls.crt', made.certificatePem, 0o644],
    ['tls.key', made.keyPem, 0o600],
  ] as const
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // Never over another one: an API server may trust it.
    for (const [file, text, mode] of files) {
      writeFileSync(join(directory, file), text, { flag: 'wx', mode })
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(`--make-certificate: ${why}; name a directory without one`)
  }
  around.print(
    `a certificate for ${name} is in ${directory}: ${files.map(([file]) => file).join(', ')}`,
  )
  return exitCodes.done
}

async function webhook(flags: Given, { print }: Surroundings): Promise<number> {
  const [certificateFile, keyFile] = [flags['tlsCert'], flags['tlsKey']]
  if (typeof certificateFile !== 'string' || typeof keyFile !== 'string') {
    throw new UsageError(
      '--webhook wants --tls-cert FILE and --tls-key FILE; see --make-certificate',
    )
  }
  const read = (): readonly [string, string] => [fileText(certificateFile), fileText(keyFile)]
  const [{ openWebhook }, { openLog }] = await Promise.all([
    import('./inject-webhook.ts'),
    import('./log.ts'),
  ])
  const log = openLog(String(flags['logLevel'] ?? 'info'))
  const listen = addressOf(String(flags['listen'] ?? '0.0.0.0:8443'), '--listen')
  const [certificatePem, keyPem] = read()
  const opened = openWebhook({ listen, certificatePem, keyPem, inject: injectOptions(flags), log })
  const server = await opened.catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    const place = authorityOf(listen)
    throw new Failure('ledger-unavailable', `the webhook cannot begin on ${place} (${why})`)
  })
  const renew = (): void => {
    try {
      server.renew(...read())
      log.info({}, 'the certificate was read again')
    } catch (error) {
      // Half of a change may have been read: the next look, or the next change, has both.
      log.error({ why: String(error) }, 'the old certificate stays in force')
    }
  }
  // A mounted Secret changes by a link, which a watch by name sees only in this way.
  for (const file of [certificateFile, keyFile]) watchFile(file, { interval: watchMs }, renew)
  print(`the webhook answers on https://${authorityOf({ host: listen.host, port: server.port })}`)
  await signal()
  for (const file of [certificateFile, keyFile]) unwatchFile(file, renew)
  await server.close()
  return exitCodes.done
}

/** How often the files of the certificate are looked at. */
const watchMs = 5_000

/** SIGTERM or SIGINT; a second one ends at once. */
function signal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = 0
    const end = (): void => {
      asked += 1
      if (asked > 1) process.exit(exitCodes.done)
      resolve()
    }
    process.on('SIGTERM', end).on('SIGINT', end)
  })
}
