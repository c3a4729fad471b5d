/**
 * Mints the leaf that an inspected tunnel is answered with: one for each CONNECT host, signed by the root, kept in
 * memory and never on disk. All leaves of a process share one key, which is made with the first of them.
 *
 * A client may resume a session: each host's context has ticket keys of its own, so that a ticket of one host opens
 * nothing at another; and what is judged is every request, whichever way its tunnel came to be.
 */
import 'reflect-metadata'
import { constants, KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { LRUCache } from 'lru-cache'
import type { ReasonCode } from '../../kernel/reasons.ts'
import { Bucket } from './bucket.ts'
import { backdateMs, type Root, serialNumber } from './root.ts'

/** Leaves kept; a context takes 26 to 40 KiB (2026-11), so 40 MiB at most. */
const leavesMax = 1_000

/** Life of a leaf, shorter where the root ends before. */
const leafMs = 48 * 3_600_000

/** A leaf that has less than this to live is minted anew; no tunnel lives longer (`tunnelLifetimeMs`). */
const renewBeforeMs = 12 * 3_600_000

/** Fresh leaves a second, and at once: each costs 3 ms of the one thread (2026-11), so that is 15 % of it. */
const mintsPerSecond = 50
const mintsBurst = 200

/** The same of one agent: half, so that no agent alone can keep the others from new hosts. */
const agentMintsPerSecond = 25
const agentMintsBurst = 100

/** Agents whose rate is known; of more of them the one that asked longest ago begins anew, below the bound of all. */
const agentsMax = 1_000

/** X.520 upper bound of a common name; a longer host stands in the SAN alone. */
const commonNameMax = 64

export interface MintClock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds that never run backward. */
  monotonicMs(): number
}

export interface MintLimits {
  readonly leavesMax: number
  readonly mintsPerSecond: number
  readonly mintsBurst: number
  readonly agentMintsPerSecond: number
  readonly agentMintsBurst: number
}

/** Why a tunnel cannot be inspected. */
export interface Unminted {
  readonly ok: false
  readonly code: Extract<ReasonCode, 'rate-limited' | 'inspection-required'>
  readonly message: string
}

export type Minted = { readonly ok: true; readonly context: SecureContext } | Unminted

interface Leaf {
  readonly context: SecureContext
  readonly notBefore: number
  readonly renewAt: number
}

interface LeafKeys {
  readonly publicKey: PublicKey
  readonly pem: string
}

const curve = { name: 'ECDSA', namedCurve: 'P-256' }

export class Mint {
  readonly #root: Root
  readonly #clock: MintClock
  readonly #leaves: LRUCache<string, Leaf>
  /** Mints under way: two tunnels to one host wait for the same leaf. */
  readonly #minting = new Map<string, Promise<Minted>>()
  readonly #bucket: Bucket
  readonly #agents: LRUCache<string, Bucket>
  readonly #agentRate: { readonly burst: number; readonly perSecond: number }
  /** What all leaves have alike, encoded once. */
  readonly #extensions: readonly Extension[]
  #keys: Promise<LeafKeys> | null = null

  constructor(root: Root, clock: MintClock, limits: Partial<MintLimits> = {}) {
    this.#root = root
    this.#clock = clock
    this.#extensions = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      root.keyIdentifier,
    ]
    this.#leaves = new LRUCache({ max: limits.leavesMax ?? leavesMax })
    this.#bucket = new Bucket({
      burst: limits.mintsBurst ?? mintsBurst,
      perSecond: limits.mintsPerSecond ?? mintsPerSecond,
    })
    this.#agents = new LRUCache({ max: agentsMax })
    this.#agentRate = {
      burst: limits.agentMintsBurst ?? agentMintsBurst,
      perSecond: limits.agentMintsPerSecond ?? agentMintsPerSecond,
    }
  }

  /**
   * The context to answer a tunnel to `host` with.
   *
   * host    as in RequestFacts: lower case, ASCII, an address without brackets.
   * agent   who asks: fresh hosts are counted for each, and for all together.
   * errors  none: too many fresh hosts at once, or a root that has ended, is a refusal.
   */
  contextOf(host: string, { agent }: { readonly agent: string }): Minted | Promise<Minted> {
    const now = this.#clock.now()
    const known = this.#leaves.get(host)
    if (known !== undefined && now >= known.notBefore && now < known.renewAt) {
      return { ok: true, context: known.context }
    }
    const underWay = this.#minting.get(host)
    if (underWay !== undefined) return underWay
    if (now >= this.#root.notAfter || now < this.#root.notBefore) {
      const message = 'The CA of the gate is not valid now: run haltgate ca rotate and start again.'
      return { ok: false, code: 'inspection-required', message }
    }
    if (!this.#mayMint(agent)) {
      const message = 'Too many new hosts were asked for at once: try again in a second.'
      return { ok: false, code: 'rate-limited', message }
    }
    const minting = this.#mint(host, now).finally(() => this.#minting.delete(host))
    this.#minting.set(host, minting)
    return minting
  }

  /** Its own bucket first: what one agent is refused takes nothing from the others. */
  #mayMint(agent: string): boolean {
    const now = this.#clock.monotonicMs()
    const own = this.#agents.get(agent) ?? new Bucket(this.#agentRate)
    this.#agents.set(agent, own)
    return own.take(now) && this.#bucket.take(now)
  }

  async #mint(host: string, now: number): Promise<Minted> {
    this.#keys ??= makeKeys()
    const keys = await this.#keys
    const root = this.#root
    const notBefore = Math.max(now - backdateMs, root.notBefore)
    const notAfter = Math.min(now + leafMs, root.notAfter)
    const isName = isIP(host) === 0
    const named = isName && host.length <= commonNameMax
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        ...(named ? { subject: [{ CN: [host] }] } : {}),
        issuer: root.name,
        notBefore: new Date(notBefore),
        notAfter: new Date(notAfter),
        publicKey: keys.publicKey,
        signingKey: root.signingKey,
        signingAlgorithm: root.signingAlgorithm,
        extensions: [
          ...this.#extensions,
          // Critical where there is no other name (RFC 5280 section 4.2.1.6).
          new SubjectAlternativeNameExtension(
            [{ type: isName ? 'dns' : 'ip', value: host }],
            !named,
          ),
        ],
      },
      webcrypto,
    )
    const context = createSecureContext({
      cert: `${certificate.toString('pem')}\n${root.chainPem}`,
      key: keys.pem,
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    })
    // A leaf that lives as long as its root is kept to its end: there is no better one.
    const renewAt = notAfter === root.notAfter ? notAfter : notAfter - renewBeforeMs
    this.#leaves.set(host, { context, notBefore, renewAt })
    return { ok: true, context }
  }
}

async function makeKeys(): Promise<LeafKeys> {
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify'])
  const pem = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' })
  return { publicKey: await PublicKey.create(keys.publicKey, webcrypto), pem: pem.toString() }
}
