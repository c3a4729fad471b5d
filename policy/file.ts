/** The shape of a policies.yaml that passed its schema, before its words are understood. */
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

interface FileRule extends FileEntry {
  readonly effect: Verdict
  readonly decoder?: string
  readonly domain?: string
  readonly action?: string
  readonly resource?: string
  readonly context?: Readonly<Record<string, string>>
  readonly charge?: Readonly<Record<string, string | number>>
  readonly addresses?: readonly string[]
  readonly tls?: 'inspect' | 'tunnel'
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

interface PolicyFile {
  readonly version: 1
  readonly mode?: 'enforce' | 'observe'
  readonly defaults?: {
    readonly verdict?: 'allow' | 'warn' | 'deny'
    readonly tls?: 'inspect' | 'tunnel'
  }
  readonly agents?: Readonly<Record<string, FileAgent | null>>
  readonly rules?: readonly FileRule[]
  readonly budgets?: readonly FileBudget[]
}

export type { FileAgent, FileBudget, FileEntry, FileRule, FileTarget, PolicyFile }
