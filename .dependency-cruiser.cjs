/** The staircase of rooms: what a room may import, types included. Nothing looks up, and nothing goes in circles. */

/** A room's own row: the rooms below it, the outside libraries, and the parts of Node that it may import. */
const rooms = {
  kernel: { rooms: [], libraries: [], node: [] },
  policy: {
    rooms: ['kernel'],
    libraries: ['yaml', 'ajv', '@bufbuild/cel', '@bufbuild/protobuf', 're2js', 'lru-cache'],
    // net and url only for what is pure in them: isIP, domainToASCII.
    node: ['crypto', 'fs', 'fs/promises', 'path', 'net', 'url'],
  },
  // Looks for secrets and personal data in bytes; knows no policy and no wire.
  payload: { rooms: ['kernel'], libraries: ['re2js'], node: ['crypto'] },
  // Verifies and signs statements; keys are given to it.
  proof: { rooms: ['kernel'], libraries: ['jose'], node: [] },
  ledger: {
    rooms: ['kernel'],
    libraries: ['better-sqlite3', '@types/better-sqlite3'],
    node: ['fs', 'fs/promises', 'crypto', 'path', 'worker_threads'],
  },
  // What the ledger is worth to somebody else: index, proofs, anchors, exports, reports. Never on the commit path.
  evidence: {
    rooms: ['kernel', 'policy', 'ledger', 'gate'],
    libraries: [
      'better-sqlite3',
      '@types/better-sqlite3',
      'aws4fetch',
      'csv-stringify',
      'pdfkit',
      '@types/pdfkit',
      'dejavu-fonts-ttf',
      'tar-stream',
      '@types/tar-stream',
      'yaml',
    ],
    node: [
      'crypto',
      'fs',
      'fs/promises',
      'http',
      'module',
      'path',
      'stream',
      'stream/promises',
      'url',
      'worker_threads',
      'zlib',
    ],
  },
  gate: { rooms: ['kernel', 'ledger'], libraries: [], node: [] },
  proxy: {
    rooms: ['kernel', 'gate'],
    libraries: ['httpxy', 'lru-cache', '@peculiar/x509', 'reflect-metadata', 'eventsource-parser'],
    node: [
      'http',
      'http2',
      'zlib',
      'util',
      'net',
      'tls',
      'dns',
      'dns/promises',
      'stream',
      'crypto',
      'url',
    ],
  },
  control: {
    rooms: ['kernel', 'policy', 'ledger', 'gate', 'evidence'],
    libraries: ['fastify', 'prom-client'],
    node: ['crypto', 'fs', 'fs/promises', 'http', 'net'],
  },
  fleet: {
    rooms: ['kernel', 'gate'],
    libraries: ['better-sqlite3', '@types/better-sqlite3'],
    node: [],
  },
  cli: {
    rooms: [
      'kernel',
      'policy',
      'payload',
      'proof',
      'ledger',
      'gate',
      'evidence',
      'proxy',
      'control',
      'fleet',
    ],
    libraries: null,
    node: null,
  },
}

const all = Object.keys(rooms)

const escaped = (text) => text.replace(/[.\\/]/g, '\\$&')

const folders = (names) => `^(${names.join('|')})/`

/** A library by its folder, wherever it is installed. */
const libraries = (names) => `(^|/)node_modules/(${names.map(escaped).join('|')})(/|$)`

const nodeTypes = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown']

function staircase(room) {
  const above = all.filter((other) => other !== room && !rooms[room].rooms.includes(other))
  return {
    name: `${room}-looks-up`,
    comment: `${room}/ may import ${[room, ...rooms[room].rooms].join(', ')} and no other room.`,
    severity: 'error',
    from: { path: folders([room]) },
    to: { path: folders(above) },
  }
}

function outside(room) {
  const known = rooms[room].libraries
  const allowed = known.length > 0 ? { pathNot: libraries(known) } : {}
  return {
    name: `${room}-outside-library`,
    comment: `${room}/ may import ${known.join(', ') || 'no library'}.`,
    severity: 'error',
    from: { path: folders([room]) },
    to: { dependencyTypes: nodeTypes, ...allowed },
  }
}

function ofNode(room) {
  const known = rooms[room].node
  const allowed = known.length > 0 ? { pathNot: `^(node:)?(${known.map(escaped).join('|')})$` } : {}
  return {
    name: `${room}-node-module`,
    comment: `${room}/ may import ${known.map((name) => `node:${name}`).join(', ') || 'nothing'} of Node.`,
    severity: 'error',
    from: { path: folders([room]) },
    to: { dependencyTypes: ['core'], ...allowed },
  }
}

const bound = all.filter((room) => rooms[room].libraries !== null)

module.exports = {
  forbidden: [
    ...all.filter((room) => room !== 'cli').map(staircase),
    ...bound.map(outside),
    ...bound.map(ofNode),
    {
      name: 'no-circles',
      comment: 'Two files that need each other are one file, or a third one is missing.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'domains-look-at-kernel-only',
      comment: 'kernel/ knows no domain; a domain knows only kernel/.',
      severity: 'error',
      from: { path: '^kernel/(?!domains/)' },
      to: { path: '^kernel/domains/' },
    },
    {
      name: 'nobody-imports-what-stands-beside',
      comment: 'bench, test, docs and scripts use the rooms; no room uses them.',
      severity: 'error',
      from: { path: folders(all) },
      to: { path: folders(['bench', 'test', 'docs', 'scripts', 'examples', 'deploy', 'dist']) },
    },
    {
      name: 'not-to-development-dependency',
      comment: 'What ships runs on what is installed with it.',
      severity: 'error',
      from: { path: folders(all) },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '/@types/' },
    },
    {
      name: 'not-resolved',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
}
