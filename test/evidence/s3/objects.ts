/** Objects with versions, delete markers and locks, as S3 keeps them: what was written once is never written again. */

export interface Lock {
  readonly mode: string
  readonly until: number
}

export interface StoredVersion {
  readonly key: string
  readonly id: string
  readonly deleted: boolean
  readonly bytes: Buffer
  readonly modified: number
  readonly metadata: Readonly<Record<string, string>>
  lock: Lock | null
}

export interface Listed {
  readonly version: StoredVersion
  readonly latest: boolean
}

export class Objects {
  /** By key, the newest first. */
  readonly #versions = new Map<string, StoredVersion[]>()
  #made = 0

  put(
    key: string,
    bytes: Buffer,
    more: {
      readonly modified: number
      readonly lock: Lock | null
      readonly metadata: Readonly<Record<string, string>>
      readonly deleted?: boolean
    },
  ): StoredVersion {
    this.#made += 1
    const { deleted = false, lock, metadata, modified } = more
    const id = `v${String(this.#made).padStart(6, '0')}`
    const version = { key, id, deleted, bytes, modified, metadata, lock }
    this.#versions.set(key, [version, ...this.of(key)])
    return version
  }

  /** All versions of a key, the newest first. */
  of(key: string): readonly StoredVersion[] {
    return this.#versions.get(key) ?? []
  }

  /** True where a plain read finds something. */
  has(key: string): boolean {
    return this.of(key)[0]?.deleted === false
  }

  /** A version, or the newest where `id` is null. */
  find(key: string, id: string | null): StoredVersion | null {
    const versions = this.of(key)
    return (id === null ? versions[0] : versions.find((version) => version.id === id)) ?? null
  }

  /** Removes one version for good; false where its lock forbids it. */
  remove(key: string, id: string, now: number): boolean {
    const version = this.find(key, id)
    if (version === null) return true
    if (version.lock !== null && version.lock.until > now) return false
    this.#versions.set(
      key,
      this.of(key).filter((one) => one !== version),
    )
    return true
  }

  /** Keys ascending, of each the newest first, behind a marker; without an id the marker is a whole key. */
  list(prefix: string, after: { readonly key: string; readonly id: string }): readonly Listed[] {
    const listed: Listed[] = []
    for (const key of [...this.#versions.keys()].sort()) {
      if (!key.startsWith(prefix) || key < after.key) continue
      const versions = this.of(key)
      const seen =
        key !== after.key
          ? -1
          : after.id === ''
            ? versions.length
            : versions.findIndex(({ id }) => id === after.id)
      for (const [index, version] of versions.entries()) {
        if (index > seen) listed.push({ version, latest: index === 0 })
      }
    }
    return listed
  }
}
