/** Where an export goes: whoever writes waits until it is taken. A file has its name only when it is whole. */
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '../../kernel/reasons.ts'

export interface Sink {
  /** Resolves when more may come. errors  those of the file system. */
  write(bytes: string | Uint8Array): Promise<void>
}

/** A file that is being made: `PATH.part` until it is kept. 0600: a ledger is not for everybody. */
export class NewFile implements Sink {
  readonly #path: string
  readonly #handle: FileHandle

  private constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  /** errors  Failure that names the file and the way out. */
  static async create(path: string): Promise<NewFile> {
    try {
      return new NewFile(path, await open(`${path}.part`, 'wx', 0o600))
    } catch (error) {
      const why = error instanceof Error && 'code' in error ? error.code : error
      const way =
        why === 'EEXIST'
          ? 'another export is writing it, or one was cut off: remove it then'
          : 'choose another with --out FILE'
      const message = `${path}.part cannot be made (${String(why)}); ${way}`
      throw new Failure('ledger-unavailable', message, { cause: error })
    }
  }

  async write(bytes: string | Uint8Array): Promise<void> {
    const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    for (let done = 0; done < all.length; ) {
      const { bytesWritten } = await this.#handle.write(all, done)
      done += bytesWritten
    }
  }

  /** Gives it its name; a crash before that leaves what was there before. */
  async keep(): Promise<void> {
    await this.#handle.sync()
    await this.#handle.close()
    await rename(`${this.#path}.part`, this.#path)
    const directory = await open(dirname(this.#path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  async discard(): Promise<void> {
    await this.#handle.close()
    await unlink(`${this.#path}.part`)
  }
}

/** Makes a file with what `work` writes; where that fails, nothing of it stays. errors  those of the work. */
export async function madeFile<Result>(
  path: string,
  work: (sink: Sink) => Promise<Result>,
): Promise<Result> {
  const file = await NewFile.create(path)
  let result: Result
  try {
    result = await work(file)
  } catch (error) {
    await file.discard()
    throw error
  }
  await file.keep()
  return result
}
