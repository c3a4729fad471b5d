/** All targets of the fuzzer. */
import { canonicalPaths, hosts, requestTargets } from './authorities.ts'
import { clamps } from './clamps.ts'
import { clientHellos } from './client-hellos.ts'
import { decoderTargets } from './decoders.ts'
import type { Fuzzed } from './fuzzed.ts'
import { requestHeads, responseHeads, streamHeads } from './heads.ts'
import { jsonTexts } from './json-texts.ts'
import { ledgerLines } from './ledger-lines.ts'
import { payloadStreams, payloads } from './payloads.ts'
import { policies } from './policies.ts'
import { redactedPaths } from './redacted-paths.ts'
import { responseReaders } from './responses.ts'
import { toolLists } from './tool-lists.ts'
import { usageBodies, usageFolds } from './usages.ts'

export const targets: readonly Fuzzed[] = [
  hosts,
  canonicalPaths,
  requestTargets,
  clientHellos,
  requestHeads,
  responseHeads,
  responseReaders,
  streamHeads,
  jsonTexts,
  ...decoderTargets,
  clamps,
  toolLists,
  usageFolds,
  usageBodies,
  policies,
  payloads,
  payloadStreams,
  ledgerLines,
  redactedPaths,
]
