/** The decoder of SQL: how strong a text is whatever its dialect, and that what two dialects read apart is refused. */
import fc from 'fast-check'
import { test } from 'tap'
import { sqlStatements, tokensMax } from '../../../kernel/decoders/sql-text.ts'
import { seed, seedSentence } from '../seed.ts'
import { decoded, factsOr, json, request, stepsOf } from './request.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const raw = (text: string): ReturnType<typeof request> =>
  request({ contentType: 'text/plain', text })

const fact = (text: string, name: string): unknown => {
  const facts = factsOr('sql', raw(text))
  return typeof facts === 'string' ? facts : facts[name]
}

const classes: readonly (readonly [text: string, sqlClass: string])[] = [
  ['SELECT 1', 'read'],
  ['select a, "update", `drop`, \'delete\' from t -- insert\n', 'read'],
  ['select /* drop */ t.delete, a.update from t', 'read'],
  ['(select 1) union all (select 2)', 'read'],
  ['with a as (select 1) select * from a', 'read'],
  ['values (1), (2)', 'read'],
  ['table t', 'read'],
  ['show create table t', 'read'],
  ['describe t', 'read'],
  ['desc t', 'read'],
  ['explain select 1', 'read'],
  ["select replace(a, 'x', 'y'), $1, :name, ?, @v, 0x1F, .5, 1.5e3 from t", 'read'],
  ['explain analyze select 1', 'write'],
  ['explain (analyze, buffers) select 1', 'write'],
  ['explain analyse select 1', 'write'],
  ['insert into t values (1)', 'write'],
  ['INSERT INTO t SELECT * FROM u', 'write'],
  ['update t set a = 1', 'write'],
  ['delete from t', 'write'],
  ['merge into t using u on true when matched then delete', 'write'],
  ['replace into t values (1)', 'write'],
  ['with d as (delete from t returning *) select * from d', 'write'],
  ['with a as (select 1) insert into t select * from a', 'write'],
  ['select * into u from t', 'write'],
  ["select 1 into outfile '/x'", 'write'],
  ['select * from t for update', 'write'],
  ['select * from t for no key update', 'write'],
  ['select * from t for share', 'write'],
  ['select * from t lock in share mode', 'write'],
  ['select share from t', 'read'],
  ['select 1; update t set a = 1; select 2', 'write'],
  ['create table t (a int)', 'ddl'],
  ['create table u as select * from t', 'ddl'],
  ['alter table t add a int', 'ddl'],
  ['drop table t', 'ddl'],
  ['truncate t', 'ddl'],
  ['grant all on t to u', 'ddl'],
  ['select 1 drop table t', 'ddl'],
  ['insert into t select 1 drop table u', 'ddl'],
  ['delete from t; drop table t', 'ddl'],
  ['call f()', 'other'],
  ["exec xp_cmdshell 'dir'", 'other'],
  ["select 1 exec xp_cmdshell 'dir'", 'other'],
  ["copy t to program 'sh'", 'other'],
  ['set a = 1', 'other'],
  ['begin', 'other'],
  ['vacuum', 'other'],
  ['1', 'other'],
  ['()', 'other'],
  ['"select" 1', 'other'],
  ['from t |> where a', 'other'],
  ['do $$ begin delete from t; end $$', 'other'],
  ['select $a$ drop table t; $a$', 'other'],
  ['select 1 as $$; delete from t; select 2 as $$', 'other'],
  ['drop table t; call f()', 'other'],
]

test('a text is as strong as its strongest word, wherever that stands', async (t) => {
  for (const [text, sqlClass] of classes) t.equal(fact(text, 'sql_class'), sqlClass, text)
})

/** Each of these is one statement to one server, and another to the next. */
const ambiguous: readonly string[] = [
  "select 'a\\'; drop table t; -- '",
  'select "a\\"; drop table t; -- "',
  'select 1 --1; drop table t',
  'select 1 # x',
  "select a #>> '{b}'",
  'select 1 // x',
  'select 1 /* a /* b */ drop table t */',
  'select 1 /*! drop table t */',
  'select 1 /*M! drop table t */',
  'select 1 -- a\r drop table t',
  "select '''a'b; drop table t",
  'select """a"b',
  "select q'[a'b]'",
  "select NQ'{'}'",
  "select ['] ; drop table t --'] from t",
  'select [a -- b]\n',
  'select [a /* ] */ drop table t',
  'select [a;b]',
  'select [$$ ] $$]',
  'select 1drop table t',
  'select 1.2.3',
  'select 1\u00a0drop table t',
  '\uFEFFselect 1',
  'select 1\u200b',
  'select \u0000',
  'select \\g',
  'select 1\vdrop table t',
  "select 'a",
  'select "a',
  'select `a',
  'select /* a',
  'select $$ a',
  'select (1',
  'select 1)',
  'select (1; drop table t)',
  'select [1',
  'select 1]',
  '',
  ' ; ; ',
  '-- nothing\n',
]

test('a text that two dialects read apart, or that does not end, is refused', async (t) => {
  for (const text of ambiguous) t.equal(factsOr('sql', raw(text)), 'validator-refused', text)
})

const readable: readonly (readonly [text: string, statements: number])[] = [
  ["select 'it''s', 'a\\n', 'a\\\\'", 1],
  ['select 1;', 1],
  ['select \';\', ";", `;` -- ;\n/* ; */', 1],
  ['select 1 --', 1],
  ['select 1 -- x\r\n; select 2', 2],
  ['select a[1], [\'x\',"y"], [[1,2],[3]] from [dbo].[t]', 1],
  ["select ''", 1],
  ['select $tag, $1, a$b$c from t', 1],
  ['select \u00e9t\u00e9, \u{1F600} from t', 1],
]

test('statements are counted where they end for every dialect', async (t) => {
  for (const [text, statements] of readable) t.equal(fact(text, 'sql_statements'), statements, text)
})

const limits: readonly (readonly [text: string, limit: number])[] = [
  ['select * from t', -1],
  ['select * from t limit 10', 10],
  ['select * from t limit 10;', 10],
  ['SELECT * FROM t ORDER BY a LIMIT 10 OFFSET 20', 10],
  ['select * from t limit 20, 10', 10],
  ['select * from t limit 10 offset 5 rows', 10],
  ['select * from t limit 10 format JSON', 10],
  ['with a as (select 1 limit 5) select * from a limit 7', 7],
  ['values (1) limit 1', 1],
  ['select * from (select * from t limit 5) x', -1],
  ['(select * from t limit 5)', -1],
  ['select * from t limit 5 union all select * from u', -1],
  ['select * from t limit 1 by a', -1],
  ['select * from t limit 10 + 100', -1],
  ['select * from t limit ?', -1],
  ['select * from t limit all', -1],
  ['select * from t limit 1e9', -1],
  ['select * from t limit 9999999999999999', -1],
  ['select * from t limit 5 settings max = 1', -1],
  ['select * from t limit "N"', -1],
  ['select "limit" 5', -1],
  ['select * from t fetch first 3 rows only', 3],
  ['select * from t offset 5 rows fetch next row only', 1],
  ['select * from t fetch first 3 rows with ties', -1],
  ['select * from t fetch first 3 percent rows only', -1],
  ['select top 5 * from t', 5],
  ['select distinct top (5) a from t', 5],
  ['select top 5 percent * from t', -1],
  ['select top 5 with ties * from t', -1],
  ['select top (5) with ties * from t', -1],
  ['select top 5 * from t union all select * from u', -1],
  ['select top 5 * from t select * from u', -1],
  ['select top 5 * from (select * from u) x', 5],
  ['select top @n * from t', -1],
  ['select 1 limit 5; select 2 limit 6', -1],
  ['delete from t limit 5', -1],
  ['show tables limit 5', -1],
  ['select * from t limit 5 for update', -1],
]

test('a cap of rows counts only where nothing can undo it', async (t) => {
  for (const [text, limit] of limits) t.equal(fact(text, 'sql_limit'), limit, text)
})

const tables: readonly (readonly [text: string, tables: string])[] = [
  ['select 1', ''],
  ['select a, b from t', 't'],
  [
    'select * from a.b.C x, "D e" as y, only [dbo].[f] where x in (select 1 from g, h) order by i, j',
    'D e,a.b.c,dbo.f,g,h',
  ],
  ['select * from a join b on x = y, c group by d, e', 'a,b,c'],
  ['insert into t (a, b) select c, d from u', 't,u'],
  ['update t set a = 1, b = 2', 't'],
  ['drop table if exists t', 't'],
  ['with a as (select * from s) select * from a', 'a,s'],
  ['select * from `p.d.t`', 'p.d.t'],
  ['select * from', ''],
  ['select * from (select 1) x', ''],
  ['select * from t where exists (select 1 from u where a, b), v', 't,u'],
]

test('tables are named, rather one too many', async (t) => {
  for (const [text, expected] of tables) t.equal(fact(text, 'sql_tables'), expected, text)
})

const read = { sql_class: 'read', sql_statements: 1, sql_limit: -1, sql_tables: '' }

const bodies: readonly (readonly [value: unknown, facts: unknown])[] = [
  [{ sql: 'select 1', database: 'x' }, read],
  [{ query: 'select 1' }, read],
  [{ statement: 'select 1', warehouse: 'w' }, read],
  [{ Sql: 'select 1' }, read],
  [{ QueryString: 'select 1' }, read],
  [{ sqlStatements: 'select 1' }, read],
  [{ Sqls: ['select 1', 'select 2'] }, { ...read, sql_statements: 2 }],
  [{ configuration: { query: { query: 'select 1' } } }, read],
  [{ sql: 'select 1', SQL: 'drop table t' }, 'validator-refused'],
  [{ sql: 'select 1', query: 'drop table t' }, 'validator-refused'],
  [{ sql: 1 }, 'validator-refused'],
  [{ sqls: [] }, 'validator-refused'],
  [{ sqls: ['select 1', 2] }, 'validator-refused'],
  [{ configuration: { load: {} } }, 'validator-refused'],
  [{}, 'validator-refused'],
  [['select 1'], 'validator-refused'],
]

test('SQL is found in one member of the body, and nowhere else', async (t) => {
  for (const [value, facts] of bodies) {
    t.same(factsOr('sql', request({ body: json(value) })), facts, JSON.stringify(value))
  }
  t.equal(
    factsOr('sql', request({ text: '{"sql":"select 1","sql":"drop table t"}' })),
    'malformed-request',
  )
})

test('SQL is the body, or a parameter alone', async (t) => {
  const ask = (change: Parameters<typeof request>[0]): unknown => factsOr('sql', request(change))
  t.same(ask({ contentType: 'application/sql', text: 'select 1' }), read)
  t.same(ask({ contentType: '', text: 'select 1' }), read)
  t.same(ask({ contentType: '', text: ' {"sql":"select 1"}' }), read)
  t.same(ask({ method: 'GET', contentType: '', query: 'query=select+1&database=x' }), read)
  t.same(ask({ contentType: 'text/plain', query: 'database=x', text: 'select 1' }), read)
  t.equal(ask({ query: 'query=select+1', text: 'x' }), 'validator-refused')
  t.equal(ask({ query: 'query=select+1&sql=drop' }), 'validator-refused')
  t.equal(ask({ query: 'query=a&query=b' }), 'malformed-request')
  t.equal(
    ask({ contentType: 'application/x-www-form-urlencoded', text: 'select 1' }),
    'validator-refused',
  )
  t.equal(ask({ contentType: 'text/plain', body: new Uint8Array([0xff]) }), 'malformed-request')
  t.match(decoded('sql', raw('select 1')), { body: { sql: 'select 1' }, model: null })
})

test('texts have a limit of tokens, and are walked over once', async (t) => {
  t.equal(typeof sqlStatements('a '.repeat(tokensMax + 1)), 'string')
  t.equal(fact(`select ${'1;select '.repeat(60_000)}1`, 'sql_statements'), 60_001)
  for (const shape of [
    "'a'",
    '$a$ $a$',
    '$a',
    '/* */',
    '-- \n',
    '(',
    '[',
    'a.',
    "''",
    '"',
    'from a,',
    '1 ',
    'limit 5 ',
  ]) {
    const [less = 0, more = 0] = [2000, 4000].map((size) => {
      const text = shape.repeat(size)
      return stepsOf(() => factsOr('sql', raw(text)))
    })
    t.ok(more <= 2.2 * less + 100, `${shape}: ${less} and ${more} steps`)
  }
})

test('a text around a word of writing is never a read', async (t) => {
  const word = fc.constantFrom(
    'insert',
    'DELETE',
    'Update',
    'drop',
    'exec',
    'into',
    'merge',
    'truncate',
  )
  const piece = fc.constantFrom(
    'select',
    'a',
    '1',
    ',',
    '(',
    ')',
    "'x'",
    '"y"',
    ' -- z\n',
    '/* c */',
    ';',
    '=',
    'from',
  )
  const property = fc.property(fc.array(piece), word, fc.array(piece), (before, danger, after) => {
    const text = [...before, danger, ...after].join(' ')
    t.not(fact(text, 'sql_class'), 'read')
  })
  fc.assert(property, { seed, numRuns: 300 })
})
