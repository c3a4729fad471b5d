/** No other spelling of a path or an address leads around a rule that stands in the way, and none opens a way. */
import { test } from 'tap'
import { foldPath } from '../../policy/fold-path.ts'
import { readHost } from '../../policy/host.ts'
import { policyOf, request, spoken, withRules } from './facts.ts'

/** Spellings that some server takes for `/admin/keys:list`, canonical for the wire. */
const spellings = [
  '/admin/keys:list',
  '/admin/keys%3Alist',
  '//admin/keys:list',
  '/admin//keys:list',
  '/admin;v=1/keys:list',
  '/admin/keys:list;jsessionid=1',
  '/admin;/keys:list;',
  '/ADMIN/Keys:List',
  '/admin/keys%3alist',
  '/admin./keys:list',
  '/admin%20/keys:list%2E%20',
  '/admi%C1%AE/keys:list',
  '/x/..;a=b/admin/keys:list',
  '/x/%C0%AE%C0%AE/admin/keys:list',
  '/.;/admin/keys:list',
  '/admin%C0%AFkeys:list',
  '/admin/%6Beys:list',
  '/admin%3B/keys:list',
]

const globs = [
  '/admin/keys:list',
  '/admin/keys%3Alist',
  '/admin/*',
  '/admin/**',
  '/**/keys:*',
  '/Admin/Keys:list',
]

test('a rule that stands in the way by path speaks about every spelling of the path', async (t) => {
  for (const effect of ['deny', 'halt', 'approve']) {
    const rules = globs.map((glob, index) => {
      return `  - {id: r${index}, effect: ${effect}, paths: ["${glob}"]}`
    })
    const policy = await policyOf(withRules(rules.join('\n')))
    for (const path of spellings) {
      const { rules: found } = policy.classify(request({ path }))
      t.same(found, ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'], `${effect} ${path}`)
    }
    for (const path of ['/', '/admins', '/x', '/admin', '/keys:list', '/a/dmin/key:list']) {
      t.same(policy.classify(request({ path })).rules, [], `${effect} ${path}`)
    }
  }
})

test('a budget by path counts every spelling of the path', async (t) => {
  const budgets = globs.map((glob, index) => {
    return `  - {id: b${index}, scope: run, limits: {requests: 1}, paths: ["${glob}"]}`
  })
  const policy = await policyOf(
    withRules('  - {id: a, effect: allow}', `budgets:\n${budgets.join('\n')}`),
  )
  for (const path of spellings) {
    t.same(policy.classify(request({ path })).budgets, ['b0', 'b1', 'b2', 'b3', 'b4', 'b5'], path)
  }
  t.same(policy.classify(request({ path: '/other' })).budgets, [])
})

test('a rule that lets pass by path speaks about the canonical path alone', async (t) => {
  for (const effect of ['allow', 'warn', 'queue']) {
    const rule = `  - {id: a, effect: ${effect}, paths: ["/admin/keys:list"]}`
    const policy = await policyOf(withRules(rule))
    for (const path of spellings) {
      const expected = path === '/admin/keys:list' ? ['a'] : []
      t.same(policy.classify(request({ path })).rules, expected, `${effect} ${path}`)
    }
  }
})

test('wildcards of a folded glob stay wildcards, and nothing else becomes one', async (t) => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['/a%2Ab', '/axb', false],
    ['/a%2Ab', '/A*b', true],
    ['/a;**', '/a;x/b', true],
    ['/a;**', '/A;x/b', true],
    ['/a;x/*', '/A/q', true],
    ['/*.', '/A.', true],
    ['/x/**/y', '/X/1/Y', true],
    ['/x/**/y', '/X//1//2/Y', true],
    ['/caf%C3%89', '/caf%C3%A9', true],
    ['/100%25', '/100%25', true],
    ['/a%25b', '/a%2525b', false],
  ]
  for (const [glob, path, expected] of table) {
    const policy = await policyOf(withRules(`  - {id: a, effect: deny, paths: ["${glob}"]}`))
    const { rules } = policy.classify(request({ path }))
    t.equal(rules.includes('a'), expected, `${glob} ${path}`)
  }
})

test('folding is decided once, and takes time in proportion to the path', (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['', ''],
    ['/', '/'],
    ['/a/', '/a/'],
    ['//', '/'],
    ['/A%2fB', '/a/b'],
    ['/%', '/%'],
    ['/%zz', '/%zz'],
    ['/%41%', '/a%'],
    ['/..', '/'],
    ['/a/..;', '/'],
    ['/..;/..;/a', '/a'],
    ['/%E0%81%81', '/a'],
    ['/%F0%80%81%81', '/a'],
    ['/%C3', '/\u00e3'],
    ['/%ED%A0%80', '/\u00ed\u00a0\u0080'],
    ['/%F4%8F%BF%BF', '/\u{10ffff}'],
    ['/%2561', '/%61'],
  ]
  for (const [path, folded] of table) t.equal(foldPath(path), folded, path)
  for (const piece of ['/', '/..;', ';', '%C0%AE/', '%', '. ', '/a;b/..']) {
    const begun = performance.now()
    foldPath(`/${piece.repeat(200_000)}`)
    t.ok(performance.now() - begun < 5_000, `in time: ${piece}`)
  }
  t.end()
})

test('an address in a rule has the one spelling that the wire gives it', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['8.8.8.8', '8.8.8.8'],
    ['[::ffff:8.8.8.8]', '8.8.8.8'],
    ['::ffff:8.8.8.8', '8.8.8.8'],
    ['::FFFF:808:808', '8.8.8.8'],
    ['0:0:0:0:0:ffff:0808:0808', '8.8.8.8'],
    ['[2001:DB8:0::1]', '2001:db8::1'],
    ['::8.8.8.8', '::808:808'],
  ]
  for (const [written, name] of table) {
    const policy = await policyOf(withRules(`  - {id: a, effect: deny, hosts: ["${written}"]}`))
    t.same(policy.classify(request({ host: name })).rules, ['a'], written)
    const excepting = await policyOf(
      withRules(`  - {id: a, effect: deny, hosts: ["*", "!${written}"]}`),
    )
    t.same(excepting.classify(request({ host: name })).rules, [], `!${written}`)
  }
  t.match(readHost('*.[::ffff:8.8.8.8]'), { problem: /no suffix/ })
  const numeric = ['134744072', '0x8.8.2056', '010.8.8.8', '8.8.2056', '0x08080808', '８.8.8.8']
  for (const written of numeric) {
    const rule = `  - {id: a, effect: deny, hosts: ["${written}"]}`
    const [said] = await spoken(withRules(rule))
    t.match(said, /is no host: write the address as 8\.8\.8\.8$/, written)
  }
  for (const written of ['1.2.3.4.5', '256.1.1.1', '0x', '1.2.3.08', 'a.1']) {
    const rule = `  - {id: a, effect: deny, hosts: ["${written}"]}`
    t.match((await spoken(withRules(rule)))[0], /is no host/, written)
  }
})
