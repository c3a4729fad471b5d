/** Resolves a host once for a request and judges every answer; a forbidden one among them refuses the lot (I5). */
import { lookup as systemLookup } from 'node:dns'
import { isIPv4, isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Destination, Resolve } from '../gate/ports.ts'
import { type Cidr, readCidr } from './address.ts'
import { judge, type Listener, type Surroundings } from './addresses.ts'

/** Answers with every address of a host, in the order of the system's resolver; calls back once. */
export type Lookup = (
  host: string,
  callback: (error: Error | null, addresses: readonly string[]) => void,
) => void

export interface ResolverOptions {
  /** Listeners of this gate, asked anew each time: ports are known only once bound. */
  own(): readonly Listener[]
  /** Addresses of this machine's interfaces, for listeners on a wildcard address; none by default. */
  interfaces?(): readonly string[]
  /** Calls back once after so many milliseconds; the answer cancels it. */
  after(delayMs: number, callback: () => void): () => void
  /** Defaults to the system's resolver, which reads /etc/hosts. */
  readonly lookup?: Lookup
  /** How long answers are reused; they are judged anew each time. */
  readonly cacheMs?: number
  readonly timeoutMs?: number
}

const cacheMsDefault = 5_000
const timeoutMsDefault = 10_000
const cacheNamesMax = 1_000
const pendingMax = 256
/** More answers than this are dropped: they are neither judged nor dialled. */
const answersMax = 32
const cidrsMax = 4_096

/**
 * getaddrinfo in the order the system gives. It also reads `127.1`, `0x7f000001` and `2130706433` as numbers,
 * which is why answers are judged, and never names. libuv lets lookups take half of its threads at most, so
 * that a stalled resolver does not stop the ledger's fdatasync.
 */
const systemResolver: Lookup = (host, callback) => {
  systemLookup(host, { all: true, verbatim: true }, (error, answers) => {
    // On an error Node gives no list at all, whatever its types say.
    if (error !== null) callback(error, [])
    else
      callback(
        null,
        answers.map(({ address }) => address),
      )
  })
}

function unresolved(message: string): Destination {
  return { ok: false, code: 'destination-unresolved', message, addresses: [] }
}

function judgeAll(
  target: { readonly addresses: readonly string[]; readonly port: number },
  allowed: readonly Cidr[],
  surroundings: Surroundings,
): Destination {
  const { addresses, port } = target
  for (const address of addresses) {
    const judgement = judge({ address, port }, allowed, surroundings)
    if (judgement.ok) continue
    return { ok: false, code: 'destination-forbidden', message: judgement.message, addresses }
  }
  return { ok: true, addresses }
}

/** One lookup per host at a time: all who ask meanwhile get the same answers, or the same words of failure. */
function createNames(
  options: ResolverOptions,
): (host: string) => readonly string[] | Promise<readonly string[] | string> {
  const lookup = options.lookup ?? systemResolver
  const cache = new LRUCache<string, readonly string[]>({
    max: cacheNamesMax,
    ttl: options.cacheMs ?? cacheMsDefault,
  })
  const pending = new Map<string, Promise<readonly string[] | string>>()

  function ask(host: string): Promise<readonly string[] | string> {
    return new Promise((resolve) => {
      const cancel = options.after(options.timeoutMs ?? timeoutMsDefault, () => {
        resolve(`The name ${host} was not resolved in time.`)
      })
      const answer = (error: Error | null, answers: readonly string[]): void => {
        cancel()
        const addresses = answers.slice(0, answersMax)
        if (error !== null || addresses.length === 0) {
          resolve(`The name ${host} does not resolve.`)
          return
        }
        cache.set(host, addresses)
        resolve(addresses)
      }
      try {
        lookup(host, answer)
      } catch {
        // Node throws on names it cannot encode; for the client that is a name without an address.
        answer(null, [])
      }
    })
  }

  return (host) => {
    const cached = cache.get(host)
    if (cached !== undefined) return cached
    const same = pending.get(host)
    if (same !== undefined) return same
    if (pending.size >= pendingMax) return Promise.resolve('Too many names are being resolved.')
    const asked = ask(host).finally(() => pending.delete(host))
    pending.set(host, asked)
    return asked
  }
}

/**
 * Makes the gate's resolver. It answers in the same turn where the host is an address or its answers are
 * cached, and never throws: a name without answers is `destination-unresolved`.
 */
export function createResolver(options: ResolverOptions): Resolve {
  const names = createNames(options)
  const cidrs = new LRUCache<string, Cidr>({ max: cidrsMax })
  const interfaces = options.interfaces ?? ((): readonly string[] => [])

  function compile(allowed: readonly string[]): readonly Cidr[] {
    const compiled: Cidr[] = []
    for (const text of allowed) {
      const cidr = cidrs.get(text) ?? readCidr(text)
      // What the policy's schema let pass and is no CIDR opens nothing.
      if (cidr === null) continue
      cidrs.set(text, cidr)
      compiled.push(cidr)
    }
    return compiled
  }

  return (host, port, allowed) => {
    const opened = compile(allowed)
    const decide = (addresses: readonly string[]): Destination =>
      judgeAll({ addresses, port }, opened, { own: options.own(), interfaces: interfaces() })
    // Not isIP: its pattern for IPv6 takes a microsecond to find out that a name is none.
    if (host.includes(':') ? isIPv6(host) : isIPv4(host)) return decide([host])
    const answers = names(host)
    if (!(answers instanceof Promise)) return decide(answers)
    return answers.then((late) => (typeof late === 'string' ? unresolved(late) : decide(late)))
  }
}
