/** The shape of a policies.yaml that passed its schema, before its words are understood. */
import type { DecoderName } from '../kernel/content.ts'
import type { RiskLevel, Sensitivity } from '../kernel/domain.ts'
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
  readonly capability?: 'require' | 'attach'
  readonly approval?: {
    readonly need?: number
    readonly threshold?: number
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
  readonly type?: string
  readonly tokens?: readonly string[]
}

interface FileApprover {
  readonly groups?: readonly string[]
  readonly tokens: readonly string[]
}

interface FileIssuer {
  readonly kinds: readonly string[]
  readonly key: string
}

interface FileBound {
  readonly fact: string
  readonly min?: number
  readonly max?: number
  readonly actions?: readonly string[]
}

interface FileRate {
  readonly fact?: string
  readonly per: string
  readonly limit: number
  readonly scope: 'agent' | 'run'
  readonly actions?: readonly string[]
}

interface FileAction {
  readonly description?: string
  readonly category?: string
  readonly risk_level?: RiskLevel
  readonly requires_human_approval?: boolean
  readonly requires?: readonly string[]
  readonly controls?: readonly string[]
}

/** A domain that passed the schema of declarations. */
interface FileDeclaration {
  readonly kind?: 'yaml'
  readonly description?: string
  readonly actors?:
    | readonly string[]
    | Readonly<Record<string, { readonly description?: string } | null>>
  readonly actions?: Readonly<Record<string, FileAction | null>>
  readonly resources?: Readonly<
    Record<string, { readonly description?: string; readonly sensitivity?: Sensitivity } | null>
  >
  readonly bounds?: readonly FileBound[]
  readonly rates?: readonly FileRate[]
  readonly frameworks?: readonly string[]
  readonly templates?: readonly {
    readonly name: string
    readonly description?: string
    readonly text: string
  }[]
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
  readonly ledger?: { readonly anchored_within?: string }
  readonly agents?: Readonly<Record<string, FileAgent | null>>
  readonly rules?: readonly FileRule[]
  readonly budgets?: readonly FileBudget[]
  readonly credentials?: Readonly<Record<string, FileCredential>>
  readonly upstream_proxies?: Readonly<Record<string, FileUpstreamProxy>>
  readonly prices?: FilePrices
  readonly approvers?: Readonly<Record<string, FileApprover>>
  readonly issuers?: Readonly<Record<string, FileIssuer>>
  readonly domains?: Readonly<Record<string, Readonly<Record<string, unknown>> | null>>
}

export type {
  FileAgent,
  FileBudget,
  FileCredential,
  FileDeclaration,
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
