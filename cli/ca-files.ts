/**
 * The files of the authority that signs for inspected tunnels: made at the first start that inspects, read at every
 * other, and never overwritten. The key is refused where somebody else could have read it.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from '../kernel/reasons.ts'
import type { Root, RootText } from '../proxy/tls/root.ts'
import { makeDataDirectory } from './files.ts'
import type { CaPlace } from './settings.ts'

export interface CaLayout extends CaPlace {
  readonly directory: string
  readonly bundleFile: string
}

export function caLayoutOf(dataDirectory: string): CaLayout {
  const directory = join(dataDirectory, 'ca')
  return {
    directory,
    bundleFile: join(directory, 'bundle.pem'),
    certificateFile: join(directory, 'root.pem'),
    keyFile: join(directory, 'root.key'),
    ours: true,
  }
}

/** The library is loaded with the first use: a gate that inspects nothing does without. */
const crypto = (): Promise<typeof import('../proxy/tls/root.ts')> => import('../proxy/tls/root.ts')

/**
 * Reads the authority, and makes it where the data directory has none yet.
 *
 * now     milliseconds since the epoch.
 * errors  Failure naming the file and the way out; nothing is inspected without an authority (I7).
 */
export async function openCa(place: CaPlace, now: number): Promise<Root> {
  if (place.ours) {
    await recover(place, now)
    if (!existsSync(place.certificateFile) && !existsSync(place.keyFile)) {
      await install(place, now)
    }
  }
  return await readCa(place, now)
}

/** As openCa, and makes nothing. */
export async function readCa(place: CaPlace, now: number): Promise<Root> {
  const certificatePem = readFile(place.certificateFile, place)
  requirePrivate(place)
  const keyPem = readFile(place.keyFile, place)
  const { readRoot } = await crypto()
  const root = await readRoot({ certificatePem, keyPem }, now)
  if (root.ok) return root
  const remedy = place.ours
    ? 'make a new one with haltgate ca rotate, and give clients the new bundle'
    : 'give a CA by --ca-cert FILE and --ca-key FILE that can sign'
  throw failure(`${place.certificateFile}: ${root.message} To mend it, ${remedy}.`)
}

/** Replaces the authority by a new one; the old certificate stays beside it, its key does not. */
export async function rotateCa(layout: CaLayout, now: number): Promise<string> {
  await recover(layout, now)
  return await install(layout, now)
}

/**
 * Writes a new authority. Whatever is true of a crash at any point, `recover` finds either the old one whole or the new
 * one: the new certificate is durable before the new key takes its place, and tells which key it belongs to.
 *
 * returns  the name that the old certificate was kept under; empty where there was none.
 */
async function install(place: CaPlace, now: number): Promise<string> {
  const { makeRoot } = await crypto()
  const text = await makeRoot(now)
  const directory = dirname(place.certificateFile)
  try {
    makeDataDirectory(dirname(directory))
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 })
    chmodSync(directory, 0o700)
    writeNew(`${place.certificateFile}.next`, text.certificatePem, 0o644)
    writeNew(`${place.keyFile}.next`, text.keyPem, 0o600)
    const old = keepOld(place)
    renameSync(`${place.keyFile}.next`, place.keyFile)
    // A crash here leaves the old certificate and the new key: recover puts the new certificate in place.
    renameSync(`${place.certificateFile}.next`, place.certificateFile)
    syncDirectory(directory)
    return old
  } catch (error) {
    throw failure(`the CA cannot be written to ${directory} (${reasonOf(error)})`, error)
  }
}

/** A second name for the old certificate, so that it is not lost when the new one takes its place. */
function keepOld({ certificateFile }: CaPlace): string {
  if (!existsSync(certificateFile)) return ''
  for (let count = 1; ; count += 1) {
    const kept = certificateFile.replace(/root\.pem$/, `root-${count}.pem`)
    if (existsSync(kept)) continue
    linkSync(certificateFile, kept)
    return kept
  }
}

/** Finishes what a crash interrupted, or clears it away. */
async function recover(place: CaPlace, now: number): Promise<void> {
  const [nextCertificate, nextKey] = [`${place.certificateFile}.next`, `${place.keyFile}.next`]
  if (existsSync(nextCertificate) && existsSync(place.keyFile)) {
    const { readRoot } = await crypto()
    const text: RootText = {
      certificatePem: readFile(nextCertificate, place),
      keyPem: readFile(place.keyFile, place),
    }
    const root = await readRoot(text, now)
    if (root.ok) renameSync(nextCertificate, place.certificateFile)
  }
  rmSync(nextCertificate, { force: true })
  rmSync(nextKey, { force: true })
}

/** Certificates of roots that were rotated out, for the bundle; those that have expired are left out. */
export async function oldRoots(layout: CaLayout, now: number): Promise<readonly string[]> {
  if (!existsSync(layout.directory)) return []
  const { readCertificates } = await crypto()
  return readdirSync(layout.directory)
    .filter((name) => /^root-\d+\.pem$/.test(name))
    .flatMap((name) => readCertificates(readFile(join(layout.directory, name), layout)))
    .filter(({ validTo }) => Date.parse(validTo) > now)
    .map((certificate) => certificate.toString())
}

/** Where distributions keep the roots of the machine: Debian, Fedora, SUSE, Alpine and macOS. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** The machine's roots and an operator's, in PEM, to verify upstreams by beside Node's own. */
export async function upstreamRoots(files: readonly string[]): Promise<readonly string[]> {
  const system = systemBundles.find((file) => existsSync(file))
  const { readCertificates } = await crypto()
  const extra = files.map((file) => {
    const text = readNamed(file, '--upstream-ca')
    if (readCertificates(text).length > 0) return text
    throw failure(`--upstream-ca: ${file} holds no certificate in PEM`)
  })
  return system === undefined ? extra : [readFileSync(system, 'utf8'), ...extra]
}

/** Writes a public file so that a reader never sees half of it. errors  Failure naming the file. */
export function writePublic(file: string, text: string): void {
  const next = `${file}.next`
  try {
    rmSync(next, { force: true })
    writeNew(next, text, 0o644)
    renameSync(next, file)
    syncDirectory(dirname(file))
  } catch (error) {
    throw failure(`${file} cannot be written (${reasonOf(error)})`, error)
  }
}

/** Made with these permissions whatever the umask, and durable when this returns. */
function writeNew(file: string, text: string, mode: number): void {
  const descriptor = openSync(file, 'wx', mode)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  chmodSync(file, mode)
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Ours is for its owner alone; an operator's may be for a group, as Kubernetes mounts a secret. */
function requirePrivate({ keyFile, ours }: CaPlace): void {
  let mode: number
  try {
    mode = statSync(keyFile).mode
  } catch {
    // Reading it says what is wrong.
    return
  }
  if ((mode & (ours ? 0o077 : 0o027)) === 0) return
  const [others, remedy] = ours ? ['others', 'chmod 600'] : ['everybody', 'chmod o=,g-w']
  throw failure(
    `${keyFile} is open to ${others}, who can speak for any host with it; run: ${remedy} ${keyFile}`,
  )
}

function readFile(file: string, { keyFile, certificateFile, ours }: CaPlace): string {
  if (!ours) return readNamed(file, file === keyFile ? '--ca-key' : '--ca-cert')
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const other = file === keyFile ? certificateFile : keyFile
    const half = existsSync(other)
      ? `; put it back, or remove ${other} so that a new CA is made`
      : '; a gate that inspects makes it when it starts'
    throw failure(`${file} cannot be read (${reasonOf(error)})${half}`, error)
  }
}

function readNamed(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw failure(`${flag}: ${file} cannot be read (${reasonOf(error)})`, error)
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : String(error)
}

function failure(message: string, cause?: unknown): Failure {
  return new Failure('ledger-unavailable', message, { cause })
}
