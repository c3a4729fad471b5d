/** Finds the entries whose hosts a request's host is among, without looking at those for other hosts. */
import type { Target } from './target.ts'

/** Hosts whose candidates are remembered; an agent that asks for ever new hosts cannot make it grow. */
const rememberedMax = 1024

/** Positions of entries in the order of the file, by host. */
export class HostIndex {
  readonly #any: readonly number[]
  readonly #exact = new Map<string, number[]>()
  readonly #suffixes = new Map<string, number[]>()
  readonly #remembered = new Map<string, readonly number[]>()

  constructor(targets: readonly Target[]) {
    const any: number[] = []
    targets.forEach(({ hosts }, position) => {
      if (hosts.any) any.push(position)
      else {
        for (const name of hosts.exact) add(this.#exact, name, position)
        for (const name of hosts.suffixes) add(this.#suffixes, name, position)
      }
    })
    this.#any = any
  }

  /** Positions of all entries that may match the host, ascending; exceptions are still to be compared. */
  candidates(host: string): readonly number[] {
    const remembered = this.#remembered.get(host)
    if (remembered !== undefined) return remembered
    const found = this.#find(host)
    if (this.#remembered.size >= rememberedMax) {
      for (const oldest of this.#remembered.keys()) {
        this.#remembered.delete(oldest)
        break
      }
    }
    this.#remembered.set(host, found)
    return found
  }

  #find(host: string): readonly number[] {
    const lists = [this.#exact.get(host)]
    // `*.example.com` means every name below example.com, and not example.com itself.
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      lists.push(this.#suffixes.get(host.slice(dot + 1)))
    }
    const found = lists.filter((list) => list !== undefined)
    if (found.length === 0) return this.#any
    return [...new Set([...this.#any, ...found.flat()])].sort((a, b) => a - b)
  }
}

function add(lists: Map<string, number[]>, name: string, position: number): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [position])
  else if (list.at(-1) !== position) list.push(position)
}
