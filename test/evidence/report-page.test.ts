/** The pages of a report: hostile text stays text, one page stays one, and the same ledger gives the same bytes. */
import fc from 'fast-check'
import { test } from 'tap'
import '../kernel/seed.ts'
import { type Chart, letterSize, shapesOf } from '../../evidence/report/chart.ts'
import { articles, controlsOf } from '../../evidence/report/compliance.ts'
import {
  brief,
  countText,
  durationText,
  moneyText,
  visible,
} from '../../evidence/report/figures.ts'
import { reportFrameworks } from '../../evidence/report/frameworks.ts'
import { fileOf } from '../../evidence/report/make.ts'
import { loadCatalogue } from '../../policy/controls.ts'
import { contentFrom, decision, type Event, event, ledgerOf, settlement } from './report-ledger.ts'

const script = '<script>alert(1)</script>'
const wide = 'W'.repeat(200)
const reversed = '\u202etxt.exe\u0000\u200b'

/** A ledger in which everything that comes from outside means harm. */
function hostile(): readonly Event[] {
  const texts = [
    script,
    wide,
    reversed,
    '"><img src=x onerror=y>',
    "'&amp;",
    '名前',
    '\u0301'.repeat(80),
  ]
  return Array.from({ length: 60 }, (_, index): readonly Event[] => {
    const text = `${texts[index % texts.length]}${index}`
    const minute = index * 10
    const request = `r${index}`
    return [
      decision(minute, {
        ...{ verdict: 'allow', agent: text, host: text, path: text, model: text, request },
        hold: { cost_usd: 1e14, tokens: 1e9, [`z${index}`]: 1 },
        controls: [text, 'gdpr/art-30'],
      }),
      settlement(minute, request, { actual: {} }),
      decision(minute, {
        ...{ verdict: 'deny', agent: text, host: text, reason: { code: text, id: text } },
        ...{ request: `d${index}` },
      }),
      event(minute, 'halt', { at: 0, by: text, cause: text, reason: text, scope: text }),
      event(minute, 'alert', {
        ...{ at: 0, budget: text, dimension: text, held: 0, limit: 1e15, posted: 1e15 + index },
        ...{ scope: text, tier: 80 },
      }),
      event(minute, 'incident', { at: 0, code: text, message: text }),
      event(minute, 'policy.load', { at: 0, digest: text, mode: text, verdict: text }),
      event(minute, 'approval', { approval: text, at: 0, by: text, op: text, verdict: 'allow' }),
    ]
  }).flat()
}

const compliance = { kind: 'compliance', frameworks: reportFrameworks } as const
const debrief = { kind: 'debrief' } as const

/** Pages of a PDF, whose page objects pdfkit does not compress. */
const pagesOf = (pdf: Buffer): number =>
  pdf.toString('latin1').match(/\/Type \/Page\b/g)?.length ?? 0

test('no text of a hostile ledger becomes markup, and nothing disguises itself', async (t) => {
  const place = await ledgerOf(t, hostile())
  for (const wanted of [compliance, debrief]) {
    const html = (await fileOf(await contentFrom(place, wanted), 'html')).toString('utf8')
    t.notMatch(html, /<script|<img|onerror=y>|javascript:/i, `${wanted.kind}: no tag of theirs`)
    t.notMatch(html, /\u202e|\u200b|\u0000|\u0301/, `${wanted.kind}: nothing unseen`)
    const tags = new Set(Array.from(html.matchAll(/<([a-z0-9]+)/gi), ([, name]) => name))
    const known =
      'html head meta title style body header h1 h2 h3 p main section div strong table caption tbody thead tr th td colgroup col dl dt dd b span svg desc rect line text ul li footer'
    for (const tag of tags) t.ok(known.split(' ').includes(String(tag)), `the tag ${tag} is ours`)
    t.notMatch(html, /<[^>]*\b(src|href)=/, 'nothing is loaded from elsewhere')
  }
  const page = (await fileOf(await contentFrom(place, debrief), 'html')).toString('utf8')
  t.match(page, '&#60;script&#62;', 'and it is there to be read')
})

test('the debrief of a hostile ledger is one page, and that of an ordinary one, too', async (t) => {
  const worst = await ledgerOf(t, hostile())
  t.equal(pagesOf(await fileOf(await contentFrom(worst, debrief), 'pdf')), 1)
  const plain = await ledgerOf(t, [decision(0, { verdict: 'allow' })])
  t.equal(pagesOf(await fileOf(await contentFrom(plain, debrief), 'pdf')), 1)
  t.ok(pagesOf(await fileOf(await contentFrom(plain, compliance), 'pdf')) > 10, 'the other is not')
})

test('the same ledger at the same time gives the same bytes, and one entry more does not', async (t) => {
  const events = [decision(0, { verdict: 'allow' }), decision(1, { verdict: 'deny' })]
  const place = await ledgerOf(t, events)
  const other = await ledgerOf(t, [...events, decision(2, { verdict: 'deny' })])
  for (const format of ['html', 'pdf'] as const) {
    for (const wanted of [compliance, debrief]) {
      const [one, again, more] = await Promise.all(
        [place, place, other].map(async (each) => fileOf(await contentFrom(each, wanted), format)),
      )
      t.ok(one?.equals(again ?? Buffer.alloc(0)), `${wanted.kind} as ${format}`)
      t.notOk(one?.equals(more ?? Buffer.alloc(0)), `${wanted.kind} as ${format} is of its ledger`)
    }
  }
})

test('the fonts of a PDF are in it, and its dates are those of the report', async (t) => {
  const place = await ledgerOf(t, [decision(0, { verdict: 'allow' })])
  const pdf = (await fileOf(await contentFrom(place, debrief), 'pdf')).toString('latin1')
  const embedded = pdf.match(/\/FontFile2 /g)?.length ?? 0
  t.ok(embedded >= 2, `${embedded} fonts are embedded`)
  t.match(pdf, 'D:20261122090000Z')
  t.notMatch(pdf, /\/Subtype \/Type1\b/, 'no font is taken from whoever reads it')
})

test('each control of these frameworks has a text, and each text a control', async (t) => {
  const catalogue = await loadCatalogue()
  const frameworks = catalogue.frameworks.filter(({ id }) =>
    reportFrameworks.some((one) => one === id),
  )
  t.equal(frameworks.length, reportFrameworks.length)
  const ids = frameworks.flatMap((framework) => controlsOf(framework).map(({ id }) => id))
  t.same([...ids].sort(), Object.keys(articles).sort())
})

test('nothing is called compliant, and a control without entries is not called evidenced', async (t) => {
  const place = await ledgerOf(t, [decision(0, { verdict: 'allow' })])
  const html = (await fileOf(await contentFrom(place, compliance), 'html')).toString('utf8')
  const said = html.match(/[^.]*\bcompliant\b[^.]*/g) ?? []
  t.ok(
    said.length > 0 && said.every((sentence) => /of nothing that it is compliant/.test(sentence)),
  )
  const halts = /rts-6-art-12<\/td><td>[^<]*<\/td><td class="number">0<\/td><td>no entries/
  t.match(html, halts, 'there was no halt')
  t.match(html, /gdpr\/art-30<\/td><td>[^<]*<\/td><td class="number">0<\/td><td>evidenced/)
})

test('all of a chart lies within its picture', async (t) => {
  const chart: fc.Arbitrary<Chart> = fc
    .record({
      columns: fc.integer({ min: 0, max: 48 }),
      names: fc.array(fc.constantFrom('allow', 'approve', 'deny', 'rejected'), {
        minLength: 1,
        maxLength: 7,
      }),
      largest: fc.constantFrom(0, 1, 7, 1_000, 2_000_000_000, Number.MAX_SAFE_INTEGER / 64),
      unit: fc.constantFrom('count' as const, 'nano-USD' as const),
      layout: fc.constantFrom('stacked' as const, 'beside' as const),
    })
    .map(({ columns, largest, layout, names, unit }) => ({
      ...{ title: 'Title', description: '', unit, layout },
      labels: Array.from({ length: columns }, (_, index) => `21 Nov ${index}:00`),
      series: names.map((name, place) => ({
        ...{ name, colour: '#000000' },
        values: Array.from(
          { length: columns },
          (_, index) => ((index + place) % 3) * Math.floor(largest / 2),
        ),
      })),
    }))
  fc.assert(
    fc.property(chart, fc.integer({ min: 240, max: 700 }), (one, width) => {
      const height = 150
      return shapesOf(one, { width, height }).every((shape) => {
        if (shape.kind === 'line') return shape.to[0] <= width && shape.to[1] <= height
        if (shape.kind === 'rectangle') {
          const inside = shape.x >= 0 && shape.x + shape.width <= width
          return inside && shape.y >= -0.01 && shape.y + shape.height <= height
        }
        const breadth = shape.text.length * 0.62 * letterSize
        const left = shape.x - { start: 0, middle: breadth / 2, end: breadth }[shape.anchor]
        return left >= -1 && left + breadth <= width + 1 && shape.y <= height
      })
    }),
  )
  t.pass('for charts of all sizes')
})

test('numbers are written for people', async (t) => {
  t.equal(countText(1_234_567), '1,234,567')
  t.equal(moneyText(1_234_567_890_123), '1,234.57 USD')
  t.equal(moneyText(2_500_000_000), '2.50 USD')
  t.equal(moneyText(500_000_000), '0.50 USD')
  t.equal(moneyText(1), '0.000000001 USD')
  t.equal(moneyText(0), '0 USD')
  t.equal(durationText(999), '999 ms')
  t.equal(durationText(61_000), '1 min 1 s')
  t.equal(durationText(7_500_000), '2 h 5 min')
  t.equal(visible('a\u202eb\u0000'), 'a\\u{202e}b\\u{0}')
  t.equal(brief('abcdef', 4), 'abc…')
})
