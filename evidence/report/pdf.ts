/** A report as PDF: the same content as the HTML, on pages of A4 with embedded fonts; the same bytes for the same content. */
import { never } from '../../kernel/contract.ts'
import { shapesOf } from './chart.ts'
import type { Block, Column, Content, Tone } from './content.ts'
import { type Box, Paper, type Print } from './paper.ts'

const ink = '#1d2330'
const pale = '#454c5a'
const rule = '#d9dde5'

const tones: Readonly<Record<Tone, readonly [string, string]>> = {
  sound: ['#2f7d5b', '#f1f6f3'],
  incomplete: ['#b98408', '#fbf6e9'],
  broken: ['#b5452f', '#fbf0ed'],
}

/** Sizes of letters and gaps: of a report of pages, and of one that is a page. */
interface Look {
  readonly body: number
  readonly small: number
  readonly gap: number
  readonly columns: number
  readonly chart: number
  readonly pair: number
}

const wide: Look = { body: 9, small: 7.5, gap: 7, columns: 3, chart: 150, pair: 130 }
const dense: Look = { body: 7.8, small: 6.8, gap: 6, columns: 6, chart: 130, pair: 128 }

/** Bytes of the file. What is to be one page is made smaller until it is one. */
export async function pdfOf(content: Content): Promise<Buffer> {
  if (!content.isDense) return set(content, wide).end(content.foot)
  const looks = scales.map((scale) => scaled(dense, scale))
  let paper = set(content, dense)
  for (const look of looks) {
    if (paper.pages === 1) break
    paper = set(content, look)
  }
  return paper.end(content.foot)
}

/** How far a page may shrink: letters of less than 5 points nobody reads. */
const scales = [0.92, 0.84, 0.76, 0.68]

function scaled(look: Look, scale: number): Look {
  const { body, chart, columns, gap, pair, small } = look
  return {
    ...{ body: body * scale, small: small * scale, gap: gap * scale, columns },
    ...{ chart: chart * scale, pair: pair * scale },
  }
}

/** The content on paper, without the feet of its pages. */
function set(content: Content, look: Look): Paper {
  const paper = new Paper(content)
  const sheet = new Sheet(paper, look)
  sheet.title(content)
  for (const { blocks, isApart, title } of content.sections) {
    if (isApart && !paper.isFresh) paper.turn()
    if (title !== '') sheet.section(title)
    for (const [index, block] of blocks.entries()) sheet.block(block, blocks[index + 1])
  }
  return paper
}

/** Blocks on paper. */
class Sheet {
  readonly #paper: Paper
  readonly #look: Look

  constructor(paper: Paper, look: Look) {
    this.#paper = paper
    this.#look = look
  }

  title({ subtitle, title }: Content): void {
    const { body, gap } = this.#look
    this.#paper.flow(title, { face: 'bold', size: body * 2, colour: ink }, 2)
    this.#paper.flow(subtitle, { face: 'plain', size: body, colour: pale }, gap + 2)
  }

  section(title: string): void {
    const { body, gap } = this.#look
    const print: Print = { face: 'bold', size: body * 1.4, colour: ink }
    if (!this.#paper.isFresh) this.#paper.y += gap
    this.#paper.need(this.#paper.heightOf(title, this.#paper.width, print) + 70)
    this.#paper.flow(title, print, 2)
    this.#paper.line(this.#paper.left, this.#paper.y, this.#paper.width, ink)
    this.#paper.y += gap
  }

  /** next  what follows: a heading does not stand alone at the end of a page. */
  block(block: Block, next?: Block): void {
    const { body, gap } = this.#look
    const paper = this.#paper
    const plain: Print = { face: 'plain', size: body, colour: ink }
    switch (block.kind) {
      case 'text':
        paper.flow(block.text, plain, gap)
        return
      case 'heading': {
        const print: Print = { face: 'bold', size: body * 1.1, colour: ink }
        const follows = next?.kind === 'text' ? paper.heightOf(next.text, paper.width, plain) : 0
        paper.y += paper.isFresh ? 0 : gap
        paper.need(paper.heightOf(block.text, paper.width, print) + follows + 60)
        paper.flow(block.text, print, gap / 2)
        return
      }
      case 'list':
        for (const item of block.items) this.#item(item, plain)
        return
      case 'facts':
        this.#facts(block)
        return
      case 'figures':
        this.#figures(block)
        return
      case 'table':
        paper.y = this.#table(block, { x: paper.left, y: paper.y, width: paper.width }) + gap
        return
      case 'charts':
        this.#charts(block)
        return
      case 'notice':
        this.#notice(block)
        return
      case 'beside':
        this.#beside(block)
        return
      default:
        never(block)
    }
  }

  #item(item: string, print: Print): void {
    const paper = this.#paper
    const [x, width] = [paper.left + 12, paper.width - 12]
    const height = paper.heightOf(item, width, print)
    paper.need(height)
    paper.put('–', { x: paper.left, y: paper.y, width: 12 }, print)
    paper.put(item, { x, y: paper.y, width }, print)
    paper.y += height + this.#look.gap * 0.6
  }

  #facts({ caption, facts }: Extract<Block, { kind: 'facts' }>): void {
    const paper = this.#paper
    const { gap, small } = this.#look
    paper.flow(caption, { face: 'bold', size: small, colour: ink }, 3)
    for (const { isCode, name, value } of facts) {
      const label: Print = { face: 'plain', size: small, colour: pale }
      const print: Print = { face: isCode === true ? 'code' : 'plain', size: small, colour: ink }
      const [x, width] = [paper.left + 118, paper.width - 118]
      const height = paper.heightOf(value, width, print)
      paper.need(height + 4)
      paper.put(name, { x: paper.left, y: paper.y, width: 114 }, label)
      paper.put(value, { x, y: paper.y, width }, print)
      paper.y += height + 2
      paper.line(paper.left, paper.y, paper.width, rule)
      paper.y += 2.5
    }
    paper.y += gap
  }

  #figures({ figures }: Extract<Block, { kind: 'figures' }>): void {
    const paper = this.#paper
    const { body, columns, gap, small } = this.#look
    const width = (paper.width - (columns - 1) * 6) / columns
    for (let first = 0; first < figures.length; first += columns) {
      const row = figures.slice(first, first + columns)
      const prints = {
        name: { face: 'plain', size: small, colour: pale },
        value: { face: 'bold', size: body * 1.25, colour: ink },
        detail: { face: 'plain', size: small * 0.92, colour: pale },
      } as const
      const parts = ['name', 'value', 'detail'] as const
      const highest = parts.map((part) =>
        Math.max(...row.map((figure) => paper.heightOf(figure[part], width - 10, prints[part]))),
      )
      const height = highest.reduce((sum, each) => sum + each, 0) + 9
      paper.need(height)
      for (const [index, figure] of row.entries()) {
        const x = paper.left + index * (width + 6)
        paper.fill({ x, y: paper.y, width }, height, '#f5f6f8')
        paper.fill({ x, y: paper.y, width }, 2, '#3f6fb5')
        let y = paper.y + 5
        for (const [place, part] of parts.entries()) {
          paper.put(figure[part], { x: x + 5, y, width: width - 10 }, prints[part])
          y += highest[place] ?? 0
        }
      }
      paper.y += height + 6
    }
    paper.y += gap / 2
  }

  /** A table in a box, over several pages where it is long; answers where it ends. */
  #table(block: Extract<Block, { kind: 'table' }>, box: Box): number {
    const paper = this.#paper
    const { gap, small } = this.#look
    const { caption, columns, none, rows } = block
    const bold: Print = { face: 'bold', size: small, colour: ink }
    let y = box.y
    const turned = (height: number): boolean => {
      paper.y = y
      paper.need(height)
      const isTurned = paper.y !== y
      y = paper.y
      return isTurned
    }
    const first = rows[0] === undefined ? 0 : this.#rowHeight(rows[0], columns, box.width)
    const captionHeight = paper.heightOf(caption, box.width, bold)
    const whole = rows.length > keptTogether ? 0 : this.#tableHeight(block, box.width)
    turned(Math.max(captionHeight + 18 + first, whole))
    paper.put(caption, { ...box, y }, bold)
    y += captionHeight + 2
    if (rows.length === 0) {
      const plain: Print = { face: 'plain', size: small, colour: ink }
      paper.put(none, { ...box, y }, plain)
      return y + paper.heightOf(none, box.width, plain) + gap / 2
    }
    const head = (): void => {
      y += this.#row(
        columns.map(({ title }) => title),
        columns,
        { box: { ...box, y }, isHead: true },
      )
      paper.line(box.x, y, box.width, ink)
      y += 1.5
    }
    head()
    for (const row of rows) {
      if (turned(this.#rowHeight(row, columns, box.width) + 3)) head()
      y += this.#row(row, columns, { box: { ...box, y }, isHead: false })
      paper.line(box.x, y, box.width, rule)
      y += 1.5
    }
    return y
  }

  #printOf({ isCode, isNumber }: Column, isHead: boolean): Print {
    const { small } = this.#look
    const face = isHead ? 'bold' : isCode === true ? 'code' : 'plain'
    const size = isCode === true && !isHead ? small * 0.94 : small
    return { face, size, colour: ink, align: isNumber === true ? 'right' : 'left' }
  }

  #rowHeight(row: readonly string[], columns: readonly Column[], width: number): number {
    const heights = columns.map((column, index) =>
      this.#paper.heightOf(
        row[index] ?? '',
        cellWidth(column, width),
        this.#printOf(column, false),
      ),
    )
    return Math.max(...heights) + 1.5
  }

  #row(
    row: readonly string[],
    columns: readonly Column[],
    { box, isHead }: { readonly box: Box; readonly isHead: boolean },
  ): number {
    let x = box.x
    let height = 0
    for (const [index, column] of columns.entries()) {
      const print = this.#printOf(column, isHead)
      const width = cellWidth(column, box.width)
      const text = row[index] ?? ''
      this.#paper.put(text, { x, y: box.y + 1, width }, print)
      height = Math.max(height, this.#paper.heightOf(text, width, print))
      x += (column.share / 100) * box.width
    }
    return height + 1.5
  }

  #charts({ charts }: Extract<Block, { kind: 'charts' }>): void {
    const paper = this.#paper
    const { chart: alone, gap, pair } = this.#look
    const space = 14
    const width = (paper.width - (charts.length - 1) * space) / charts.length
    const height = charts.length > 1 ? pair : alone
    paper.need(height)
    for (const [index, chart] of charts.entries()) {
      const shapes = shapesOf(chart, { width, height })
      paper.draw(shapes, paper.left + index * (width + space), paper.y)
    }
    paper.y += height + gap
  }

  #notice({ text, title, tone }: Extract<Block, { kind: 'notice' }>): void {
    const paper = this.#paper
    const { body, gap } = this.#look
    const [edge, ground] = tones[tone]
    const [x, width] = [paper.left + 10, paper.width - 18]
    const bold: Print = { face: 'bold', size: body, colour: ink }
    const plain: Print = { face: 'plain', size: body * 0.94, colour: ink }
    const top = paper.heightOf(title, width, bold)
    const height = top + paper.heightOf(text, width, plain) + 11
    paper.need(height)
    paper.fill({ x: paper.left, y: paper.y, width: paper.width }, height, ground)
    paper.fill({ x: paper.left, y: paper.y, width: 3.5 }, height, edge)
    paper.put(title, { x, y: paper.y + 5, width }, bold)
    paper.put(text, { x, y: paper.y + 6 + top, width }, plain)
    paper.y += height + gap
  }

  /** Short tables, next to each other on one page. */
  #beside({ left, right }: Extract<Block, { kind: 'beside' }>): void {
    const paper = this.#paper
    const space = 14
    const width = (paper.width - space) / 2
    const sides = [left, right].map((blocks) => blocks.filter((block) => block.kind === 'table'))
    const heights = sides.map((tables) =>
      tables.reduce((sum, table) => sum + this.#tableHeight(table, width), 0),
    )
    // Both stand on the same page: one that turned it would leave the other behind.
    paper.need(Math.max(...heights))
    const top = paper.y
    let bottom = top
    for (const [index, tables] of sides.entries()) {
      let y = top
      for (const table of tables) {
        y = this.#table(table, { x: paper.left + index * (width + space), y, width })
      }
      bottom = Math.max(bottom, y)
    }
    paper.y = bottom + this.#look.gap
  }

  /** At least as high as the table will be. */
  #tableHeight({ columns, rows }: Extract<Block, { kind: 'table' }>, width: number): number {
    const heights = rows.map((row) => this.#rowHeight(row, columns, width) + 3)
    return heights.reduce((sum, height) => sum + height, 50)
  }
}

/** Rows of a table that is not torn over two pages. */
const keptTogether = 8

/** A number stands apart from the text to its right. */
const cellWidth = ({ isNumber, share }: Column, width: number): number =>
  (share / 100) * width - (isNumber === true ? 10 : 5)
