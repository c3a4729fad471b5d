#!/usr/bin/env node
/** Fuzzes for as long as is asked: `npm run fuzz -- --seconds 600 [--only NAME] [--seed N]`. See docs/fuzzing.md. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const number = (name, text) => {
  if (!/^\d{1,9}(\.\d+)?$/.test(text))
    throw new Error(`--${name} is a number, which ${text} is not`)
  return text
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    seed: { type: 'string' },
  },
})

const seconds = number('seconds', values.seconds)
const { status, signal } = spawnSync(
  process.execPath,
  [fileURLToPath(new URL('../dist/test/fuzz/fuzz.test.js', import.meta.url))],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      FUZZ_SECONDS: seconds,
      FUZZ_ONLY: values.only,
      FUZZ_SEED: number('seed', values.seed ?? String(Math.floor(Math.random() * 1e9))),
      // What is found late is still made small.
      TAP_TIMEOUT: String(Math.ceil(Number(seconds)) + 600),
    },
  },
)
process.exitCode = signal === null ? (status ?? 1) : 1
