/** The private keys that sign checkpoints: one file each, 0600, whole before it has its name, gone when its time is over. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { makeFile, syncNames, unfinished } from './durable.ts'
import { failureOf, unavailable } from './failure.ts'
import type { Files } from './files.ts'
import { type Signer, signerOf } from './note.ts'
import { contentOf } from './read-lines.ts'

const namePattern = /^[0-9a-f]{8}\.pem$/

/** Bytes of a key file at most; a PKCS8 Ed25519 key in PEM has 119. */
const keyBytesMax = 4_096

export interface CheckpointKeysOptions {
  readonly files: Files
  /** Made where it is missing, 0700; nothing but these keys lies in it. */
  readonly directory: string
  /** A new private key; Ed25519 of the system's randomness where it is left out. */
  readonly generate?: (() => KeyObject) | undefined
}

export class CheckpointKeys {
  readonly #files: Files
  readonly #directory: string
  readonly #generate: () => KeyObject

  constructor({ directory, files, generate }: CheckpointKeysOptions) {
    this.#files = files
    this.#directory = directory
    this.#generate = generate ?? (() => generateKeyPairSync('ed25519').privateKey)
  }

  /** errors  Failure where the directory is open to others or cannot be made. */
  prepare(): void {
    const directory = this.#directory
    try {
      this.#files.makeDirectory(directory)
      const facts = this.#files.factsAt(directory)
      if (facts !== null && (facts.mode & 0o077) !== 0) {
        throw unavailable(`${directory} can be read by others; run: chmod 700 ${directory}`)
      }
    } catch (error) {
      throw failureOf(error, `the directory of the checkpoint keys, ${directory}`)
    }
  }

  /**
   * The key that the chain names.
   *
   * errors  Failure where its file is missing, open to others, or holds another key.
   */
  find(vkey: string): Signer {
    const [name = '', id = ''] = vkey.split('+')
    const path = `${this.#directory}/${id}.pem`
    try {
      const facts = this.#files.factsAt(path)
      if (facts === null) throw unavailable('it is missing')
      if ((facts.mode & 0o077) !== 0)
        throw unavailable(`others can read it; run: chmod 600 ${path}`)
      if (facts.bytes > keyBytesMax) throw unavailable('it is too long for a key')
      const signer = signerOf(name, createPrivateKey(contentOf(this.#files, path).toString()))
      if (signer.vkey !== vkey) throw unavailable('it holds another key')
      return signer
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw unavailable(
        `the key of this ledger's checkpoints, ${path}, cannot be used: ${why}. Put it back from where it was ` +
          'saved, or begin a new ledger in another directory with --data DIR.',
        error,
      )
    }
  }

  /** A new key, durable when it is answered. errors  those of the system calls. */
  async make(name: string): Promise<Signer> {
    const key = this.#generate()
    const signer = signerOf(name, key)
    const file = `${signer.vkey.split('+')[1] ?? ''}.pem`
    const pem = Buffer.from(key.export({ format: 'pem', type: 'pkcs8' }))
    this.#files.close(await makeFile(this.#files, { directory: this.#directory, name: file }, pem))
    return signer
  }

  /** Removes every other key, so that nobody can sign the past again; durable when it resolves. */
  async destroyOthers(kept: readonly string[]): Promise<void> {
    const files = kept.map((vkey) => `${vkey.split('+')[1] ?? ''}.pem`)
    let removed = false
    for (const name of this.#files.list(this.#directory)) {
      const isKey = namePattern.test(name.replace(unfinished, ''))
      if (!isKey || files.includes(name)) continue
      this.#files.remove(`${this.#directory}/${name}`)
      removed = true
    }
    if (removed) await syncNames(this.#files, this.#directory)
  }
}
