/** The staircase of rooms holds, and the tool that guards it objects to each way of breaking it. */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { rooms } from './sources.ts'

const root = process.cwd()
const tool = join(root, 'node_modules/.bin/depcruise')

interface Violation {
  readonly from: string
  readonly rule: { readonly name: string }
}

/** Source files that keep every rule, so that each broken one beside them is broken in one way. */
const lawful: Readonly<Record<string, string>> = {
  'kernel/step.ts': 'export const step = 1\nexport type Step = number\n',
  'kernel/domains/finance.ts': "export { step } from '../step.ts'\n",
  'ledger/entry.ts': "import { createHash } from 'node:crypto'\nexport const entry = createHash\n",
  'policy/load.ts': "import { parse } from 'yaml'\nexport const load = parse\n",
  'payload/scan.ts': "import { createHmac } from 'node:crypto'\nexport const scan = createHmac\n",
  'proof/verify.ts': "import { jwtVerify } from 'jose'\nexport const verify = jwtVerify\n",
  'gate/gate.ts': "import type { Step } from '../kernel/step.ts'\nexport const gate: Step = 1\n",
  'evidence/query.ts': "import { gate } from '../gate/gate.ts'\nexport const query = gate\n",
  'proxy/front.ts': "import { LRUCache } from 'lru-cache'\nexport const front = LRUCache\n",
  'control/server.ts': "import fastify from 'fastify'\nexport const server = fastify\n",
  'cli/main.ts': "import { front } from '../proxy/front.ts'\nexport const main = front\n",
  'test/seed.ts': 'export const seed = 1\n',
  'bench/load.ts': "import { gate } from '../gate/gate.ts'\nexport const load = gate\n",
}

/** Each line: a file, what it says, and the rule that must object. */
const broken: readonly (readonly [file: string, source: string, rule: string])[] = [
  ['kernel/up.ts', "export { gate } from '../gate/gate.ts'\n", 'kernel-looks-up'],
  [
    'kernel/type.ts',
    "import type { entry } from '../ledger/entry.ts'\nexport type E = typeof entry\n",
    'kernel-looks-up',
  ],
  ['kernel/node.ts', "export { createHash } from 'node:crypto'\n", 'kernel-node-module'],
  ['kernel/bare.ts', "export { readFileSync } from 'fs'\n", 'kernel-node-module'],
  ['kernel/npm.ts', "export { parse } from 'yaml'\n", 'kernel-outside-library'],
  [
    'kernel/npm-type.ts',
    "import type { Pool } from 'undici'\nexport type P = Pool\n",
    'kernel-outside-library',
  ],
  [
    'kernel/domain.ts',
    "export { step } from './domains/finance.ts'\n",
    'domains-look-at-kernel-only',
  ],
  [
    'kernel/domains/up.ts',
    "import type { load } from '../../policy/load.ts'\nexport type L = typeof load\n",
    'kernel-looks-up',
  ],
  ['policy/up.ts', "export { entry } from '../ledger/entry.ts'\n", 'policy-looks-up'],
  ['evidence/up.ts', "export { front } from '../proxy/front.ts'\n", 'evidence-looks-up'],
  ['evidence/net.ts', "export { connect } from 'node:net'\n", 'evidence-node-module'],
  ['policy/net.ts', "export { request } from 'node:http'\n", 'policy-node-module'],
  ['payload/up.ts', "export { load } from '../policy/load.ts'\n", 'payload-looks-up'],
  ['payload/disk.ts', "export { readFileSync } from 'node:fs'\n", 'payload-node-module'],
  ['payload/npm.ts', "export { parse } from 'yaml'\n", 'payload-outside-library'],
  ['proxy/payload.ts', "export { scan } from '../payload/scan.ts'\n", 'proxy-looks-up'],
  ['ledger/up.ts', "export { gate } from '../gate/gate.ts'\n", 'ledger-looks-up'],
  ['gate/up.ts', "export { load } from '../policy/load.ts'\n", 'gate-looks-up'],
  ['gate/node.ts', "export { createHash } from 'node:crypto'\n", 'gate-node-module'],
  ['gate/npm.ts', "export { parse } from 'yaml'\n", 'gate-outside-library'],
  ['proxy/policy.ts', "export { load } from '../policy/load.ts'\n", 'proxy-looks-up'],
  [
    'proxy/ledger.ts',
    "import type { entry } from '../ledger/entry.ts'\nexport type E = typeof entry\n",
    'proxy-looks-up',
  ],
  ['proxy/npm.ts', "export { parse } from 'yaml'\n", 'proxy-outside-library'],
  ['control/up.ts', "export { front } from '../proxy/front.ts'\n", 'control-looks-up'],
  ['control/late.ts', "export const late = import('../cli/main.ts')\n", 'control-looks-up'],
  ['fleet/up.ts', "export { load } from '../policy/load.ts'\n", 'fleet-looks-up'],
  ['cli/test.ts', "export { seed } from '../test/seed.ts'\n", 'nobody-imports-what-stands-beside'],
  [
    'gate/bench.ts',
    "export { load } from '../bench/load.ts'\n",
    'nobody-imports-what-stands-beside',
  ],
  ['cli/lost.ts', "export { nothing } from './nowhere.ts'\n", 'not-resolved'],
  ['cli/dev.ts', "export { assert } from 'fast-check'\n", 'not-to-development-dependency'],
  ['gate/left.ts', "export { right } from './right.ts'\nexport const left = 1\n", 'no-circles'],
]

/** The other half of the circle: the tool names a circle once, by either of its files. */
const otherHalf = [
  'gate/right.ts',
  "import type { left } from './left.ts'\nexport const right: typeof left = 1\n",
] as const

function plant(folder: string, files: readonly (readonly [string, string])[]): void {
  for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
    copyFileSync(join(root, file), join(folder, file))
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [file, source] of files) {
    mkdirSync(join(folder, dirname(file)), { recursive: true })
    writeFileSync(join(folder, file), source)
  }
}

/** Runs the tool as `npm run rooms` does, over the planted tree. */
function cruise(folder: string): Promise<readonly Violation[]> {
  const output = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...rooms]
  const options = { cwd: folder, maxBuffer: 16 * 1024 * 1024 }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [tool, ...output], options, (error, text) => {
      if (text === '') reject(error ?? new Error('the tool said nothing'))
      else resolve(JSON.parse(text).summary.violations)
    })
  })
}

test('a tree that keeps the staircase is passed without a word', async (t) => {
  const folder = t.testdir({ fleet: {} })
  plant(folder, Object.entries(lawful))
  t.same(await cruise(folder), [])
})

test('each way of breaking the staircase is found, and named by its rule', async (t) => {
  const folder = t.testdir({ fleet: {} })
  const planted = broken.map(([file, source]) => [file, source] as const)
  plant(folder, [...Object.entries(lawful), ...planted, otherHalf])
  const violations = await cruise(folder)
  const found = violations.map(({ from, rule }) => `${from} ${rule.name}`.replace('right', 'left'))
  for (const [file, , rule] of broken) {
    t.ok(found.includes(`${file} ${rule}`), `${file} breaks ${rule}`)
  }
  const innocent = violations.map(({ from }) => from).filter((file) => file in lawful)
  t.same(innocent, [], 'a lawful file is never accused')
})
