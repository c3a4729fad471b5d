/** The shape of a policies.yaml that passed its schema, before its words are understood. */
import type { DecoderName } from '../kernel/content.ts'
import type { DetectorName, PayloadAction } from '../kernel/payload.ts'
import type { OnLimit } from '../kernel/policy.ts'
import type { ScopeKind } from '../kernel/scope.ts'
import type { Verdict } from '../kernel/verdict.ts'
import type { states } from './schema.ts'

interface FileTarget {
  readonly agents?: readonly string[]
  readonly tenants?: readonly string[]
  readonly projects?: readonly string[]
  readonly actors?: readonly string[]
  readonly keys?: readonly string[]
  readonly hosts?: readonly string[]
  readonly ports?: readonly number[]
  readonly methods?: readonly string[]
  readonly paths?: readonly string[]
  readonly when?: string
}

interface FileEntry extends FileTarget {
  readonly id: string
  readonly state?: (typeof states)[number]
  readonly reason?: string
}

interface FilePayload {
  readonly action: PayloadAction | 'off'
  readonly detectors?: readonly DetectorName[]
  readonly responses?: boolean
}

interface FileRule extends FileEntry {
  readonly effect: Verdict
  readonly decoder?: DecoderName
  readonly domain?: string
  readonly action?: string
  readonly resource?: string
  readonly context?: Readonly<Record<string, string>>
  readonly charge?: Readonly<Record<string, string | number>>
  readonly addresses?: readonly string[]
  readonly tls?: 'inspect' | 'tunnel'
  readonly payload?: FilePayload | FilePayload['action']
  readonly inject?: string
  readonly upstream_proxy?: string
  readonly approval?: {
    readonly need?: number
    readonly of?: readonly string[]
    readonly expires?: string
    readonly wait?: string
  }
}

interface FileBudget extends FileEntry {
  readonly scope: ScopeKind
  readonly pool?: string
  readonly period?: 'run' | 'lifetime' | 'hour' | 'day' | 'month'
  readonly window?: string
  readonly limits: Readonly<Record<string, string | number>>
  readonly tiers?: readonly number[]
  readonly on_limit?: OnLimit
  readonly queue?: { readonly length?: number; readonly wait?: string }
}

interface FileAgent {
  readonly tenant?: string
  readonly project?: string
  readonly actor?: string
  readonly tokens?: readonly string[]
}

interface FileCredential {
  readonly source: {
    readonly env?: string
    readonly file?: string
    readonly command?: readonly string[]
  }
  readonly as: {
    readonly header?: string
    readonly format?: string
    readonly query?: string
    readonly basic?: string
  }
  readonly placeholder?: string
}

interface FileUpstreamProxy {
  readonly url: string
  readonly auth?: string
  readonly by?: 'address' | 'name'
}

interface FileRates {
  readonly input: string | number
  readonly cached_input?: string | number
  readonly cache_write?: string | number
  readonly output: string | number
}

interface FileModelPrice extends FileRates {
  readonly provider?: string
  readonly id: string
  readonly match?: readonly string[]
  readonly max_output?: number
}

interface FilePrices {
  readonly models?: readonly FileModelPrice[]
  readonly unpriced?: FileRates
}

interface PolicyFile {
  readonly version: 1
  readonly mode?: 'enforce' | 'observe'
  readonly defaults?: {
    readonly verdict?: 'allow' | 'warn' | 'deny'
    readonly tls?: 'inspect' | 'tunnel'
    readonly upstream_proxy?: string
  }
  readonly agents?: Readonly<Record<string, FileAgent | null>>
  readonly rules?: readonly FileRule[]
  readonly budgets?: readonly FileBudget[]
  readonly credentials?: Readonly<Record<string, FileCredential>>
  readonly upstream_proxies?: Readonly<Record<string, FileUpstreamProxy>>
  readonly prices?: FilePrices
}

export type {
  FileAgent,
  FileBudget,
  FileCredential,
  FileEntry,
  FileModelPrice,
  FilePayload,
  FilePrices,
  FileRates,
  FileRule,
  FileTarget,
  FileUpstreamProxy,
  PolicyFile,
}
