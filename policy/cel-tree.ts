/** The parts of the CEL library's syntax tree and functions that the check of an expression reads. */
import type { CelEnv, CelFunc, parse } from '@bufbuild/cel'

export type ParsedCel = ReturnType<typeof parse>

export type CelNode = ParsedCel['expr']

type Kind = CelNode['exprKind']

type Of<K> = Extract<Kind, { readonly case: K }> extends { readonly value: infer V } ? V : never

export type CelCall = Of<'callExpr'>
export type CelSelect = Of<'selectExpr'>
export type CelStruct = Of<'structExpr'>
export type CelComprehension = Of<'comprehensionExpr'>
export type CelConstant = Of<'constExpr'>

/** Overloads by name, as an environment has them. */
export type FuncRegistry = CelEnv['funcs']

export type { CelFunc }
