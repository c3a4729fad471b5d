/** A report as one HTML file: no script, nothing loaded from elsewhere, every text escaped, charts as SVG. */
import { never } from '../../kernel/contract.ts'
import { type Chart, letterSize, type Shape, shapesOf } from './chart.ts'
import type { Block, Column, Content, Section } from './content.ts'

/** The text of the file. */
export function htmlOf(content: Content): string {
  const { by, foot, isDense, sections, subtitle, title } = content
  const numbering = { charts: 0 }
  const body = sections.map((section) => sectionHtml(section, numbering)).join('\n')
  return `<!doctype html>
<html lang="en"${isDense ? ' class="dense"' : ''}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="${escaped(by)}">
<title>${escaped(title)}: ${escaped(subtitle)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p class="subtitle">${escaped(subtitle)}</p>
</header>
<main>
${body}
</main>
<footer><p>${escaped(foot)}</p></footer>
</body>
</html>
`
}

/** Text between tags and in quoted attributes. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
}

/** Ids of charts are counted through the page. */
interface Numbering {
  charts: number
}

function sectionHtml({ blocks, isApart, title }: Section, numbering: Numbering): string {
  const heading = title === '' ? '' : `<h2>${escaped(title)}</h2>\n`
  const inside = blocks.map((block) => blockHtml(block, numbering)).join('\n')
  return `<section${isApart ? ' class="apart"' : ''}>\n${heading}${inside}\n</section>`
}

function blockHtml(block: Block, numbering: Numbering): string {
  switch (block.kind) {
    case 'text':
      return `<p>${escaped(block.text)}</p>`
    case 'heading':
      return `<h3>${escaped(block.text)}</h3>`
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`
    case 'facts':
      return factsHtml(block)
    case 'figures':
      return figuresHtml(block)
    case 'table':
      return tableHtml(block)
    case 'charts':
      return `<div class="charts">${block.charts.map((chart) => chartHtml(chart, block.charts.length, numbering)).join('')}</div>`
    case 'notice':
      return `<div class="notice ${block.tone}" role="note"><strong>${escaped(block.title)}</strong> ${escaped(block.text)}</div>`
    case 'beside': {
      const side = (blocks: readonly Block[]): string =>
        `<div>${blocks.map((each) => blockHtml(each, numbering)).join('')}</div>`
      return `<div class="beside">${side(block.left)}${side(block.right)}</div>`
    }
    default:
      return never(block)
  }
}

function factsHtml({ caption, facts }: Extract<Block, { kind: 'facts' }>): string {
  const rows = facts.map(
    ({ isCode, name, value }) =>
      `<tr><th scope="row">${escaped(name)}</th><td${isCode === true ? ' class="code"' : ''}>${escaped(value)}</td></tr>`,
  )
  return `<table class="facts"><caption>${escaped(caption)}</caption><tbody>${rows.join('')}</tbody></table>`
}

function figuresHtml({ caption, figures }: Extract<Block, { kind: 'figures' }>): string {
  const tiles = figures.map(
    ({ detail, name, value }) =>
      `<div><dt>${escaped(name)}</dt><dd><b>${escaped(value)}</b><span>${escaped(detail)}</span></dd></div>`,
  )
  return `<dl class="figures" aria-label="${escaped(caption)}">${tiles.join('')}</dl>`
}

function tableHtml(block: Extract<Block, { kind: 'table' }>): string {
  const { caption, columns, none, rows } = block
  if (rows.length === 0) {
    return `<p class="none"><b>${escaped(caption)}.</b> ${escaped(none)}</p>`
  }
  const widths = columns.map(({ share }) => `<col style="width:${share}%">`).join('')
  const heads = columns.map(
    (column) => `<th scope="col"${classOf(column, true)}>${escaped(column.title)}</th>`,
  )
  const lines = rows.map((row) => {
    const cells = columns.map(
      (column, index) => `<td${classOf(column, false)}>${escaped(row[index] ?? '')}</td>`,
    )
    return `<tr>${cells.join('')}</tr>`
  })
  return `<table><caption>${escaped(caption)}</caption><colgroup>${widths}</colgroup><thead><tr>${heads.join('')}</tr></thead><tbody>${lines.join('')}</tbody></table>`
}

function classOf({ isCode, isNumber }: Column, isHead: boolean): string {
  const names = [isNumber === true ? 'number' : '', isCode === true && !isHead ? 'code' : '']
  const given = names.filter((name) => name !== '').join(' ')
  return given === '' ? '' : ` class="${given}"`
}

/** A chart alone is as wide as the page, of two each has half. */
function chartHtml(chart: Chart, beside: number, numbering: Numbering): string {
  numbering.charts += 1
  const id = `chart-${numbering.charts}`
  const size = beside > 1 ? { width: 330, height: 150 } : { width: 680, height: 180 }
  const shapes = shapesOf(chart, size).map(shapeSvg).join('')
  return `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-labelledby="${id}-title ${id}-text" font-size="${letterSize}"><title id="${id}-title">${escaped(chart.title)}</title><desc id="${id}-text">${escaped(chart.description)}</desc>${shapes}</svg>`
}

const rounded = (value: number): string => String(Math.round(value * 100) / 100)

function shapeSvg(shape: Shape): string {
  switch (shape.kind) {
    case 'rectangle': {
      const { colour, height, width, x, y } = shape
      return `<rect x="${rounded(x)}" y="${rounded(y)}" width="${rounded(width)}" height="${rounded(height)}" fill="${colour}"/>`
    }
    case 'line': {
      const [[left, top], [right, bottom]] = [shape.from, shape.to]
      return `<line x1="${rounded(left)}" y1="${rounded(top)}" x2="${rounded(right)}" y2="${rounded(bottom)}" stroke="${shape.colour}" stroke-width="0.6"/>`
    }
    case 'text': {
      const { anchor, colour, isBold, text, x, y } = shape
      const weight = isBold ? ' font-weight="bold"' : ''
      return `<text x="${rounded(x)}" y="${rounded(y)}" text-anchor="${anchor}" fill="${colour}"${weight}>${escaped(text)}</text>`
    }
    default:
      return never(shape)
  }
}

const style = `
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.5rem;max-width:52rem;background:#fff;color:#1d2330;font:15px/1.45 "DejaVu Sans",Verdana,Arial,sans-serif}
h1{font-size:1.75rem;margin:0}
.subtitle{margin:.25rem 0 1.25rem;color:#454c5a;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.2rem 0 .8rem;padding-bottom:.25rem;border-bottom:2px solid #1d2330}
h3{font-size:1rem;margin:1.8rem 0 .4rem;break-after:avoid}
p{margin:.5rem 0;overflow-wrap:anywhere}
ul{padding-left:1.2rem}li{margin:.35rem 0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;table-layout:fixed;margin:.8rem 0;font-size:.82rem}
caption{text-align:left;font-weight:bold;padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.25rem .5rem .25rem 0;border-bottom:1px solid #d9dde5;overflow-wrap:anywhere}
thead th{border-bottom:1px solid #1d2330}
tbody th{font-weight:normal;color:#454c5a;width:26%}
.number{text-align:right;padding-right:1rem;font-variant-numeric:tabular-nums}
.code{font-family:"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.92em}
tr,svg,.notice,.figures>div{break-inside:avoid}
thead{display:table-header-group}
.figures{display:grid;grid-template-columns:repeat(3,1fr);gap:.6rem;margin:.8rem 0}
.figures>div{border:1px solid #d9dde5;border-top:3px solid #3f6fb5;padding:.5rem .7rem}
.figures dt{font-size:.8rem;color:#454c5a}.figures dd{margin:0}
.figures b{display:block;font-size:1.25rem}.figures span{font-size:.75rem;color:#454c5a}
.charts,.beside{display:flex;flex-wrap:wrap;gap:0 1.5rem}
.charts svg{flex:1 1 18rem;width:100%;margin:.6rem 0;font-family:"DejaVu Sans",Verdana,Arial,sans-serif}
.beside>div{flex:1 1 18rem;min-width:0}
.notice{border-left:5px solid #2f7d5b;background:#f1f6f3;padding:.6rem .8rem;margin:.8rem 0;overflow-wrap:anywhere}
.notice.incomplete{border-color:#b98408;background:#fbf6e9}
.notice.broken{border-color:#b5452f;background:#fbf0ed}
.none{font-size:.85rem}
footer{margin-top:2.5rem;border-top:1px solid #d9dde5;font-size:.75rem;color:#454c5a}
.dense body{font-size:13px;max-width:58rem}
.dense .figures{grid-template-columns:repeat(6,1fr);gap:.4rem}.dense .figures b{font-size:1.02rem}
.dense table{margin:.4rem 0}
@media(max-width:40rem){.figures,.dense .figures{grid-template-columns:repeat(2,1fr)}}
@page{size:A4;margin:16mm 15mm}
@media print{html{font-size:11.5px}body,.dense body{padding:0;max-width:none;font-size:11.5px}html.dense,.dense body{font-size:8.8px}.dense table{margin:.2rem 0}.dense td,.dense th{padding-top:.15rem;padding-bottom:.15rem}.apart{break-before:page}h2{margin-top:0}.dense .charts svg{margin:.1rem 0}footer{margin-top:.6rem}}
`
