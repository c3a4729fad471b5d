/** Pages of a PDF that text, tables and shapes are put on from top to bottom: pdfkit, and where the next thing stands. */
import { createRequire } from 'node:module'
import PDFDocument from 'pdfkit'
import { letterSize, type Shape } from './chart.ts'
import type { Content } from './content.ts'

export type Face = 'plain' | 'bold' | 'code'

export interface Print {
  readonly face: Face
  readonly size: number
  readonly colour: string
  readonly align?: 'left' | 'right'
}

/** A place on a page, in points. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
}

/** A4, in points. */
const page = { width: 595.28, height: 841.89 } as const
const margin = { side: 42, top: 42, bottom: 46 } as const

const faces: Readonly<Record<Face, string>> = {
  plain: 'DejaVuSans.ttf',
  bold: 'DejaVuSans-Bold.ttf',
  code: 'DejaVuSansMono.ttf',
}

/** Letters that the fonts have and that stand one behind the other: Latin, Greek, Cyrillic, and signs. */
const foreign =
  /[^\u0020-\u007e\u00a0-\u02af\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2200-\u22ff]/gu

/** Text as the fonts can print it: the rest as escapes, and never as boxes. */
function printable(text: string): string {
  return text.replace(foreign, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)
}

export class Paper {
  /** Where the next thing stands. */
  y: number = margin.top
  readonly left: number = margin.side
  readonly width: number = page.width - 2 * margin.side
  readonly #document: PDFKit.PDFDocument
  readonly #bytes: Promise<Buffer>

  constructor({ at, by, subtitle, title }: Content) {
    const instant = new Date(at)
    this.#document = new PDFDocument({
      size: 'A4',
      margins: { top: 0, bottom: 0, left: 0, right: 0 },
      bufferPages: true,
      lang: 'en',
      displayTitle: true,
      pdfVersion: '1.7',
      info: {
        Title: printable(title),
        Subject: printable(subtitle),
        Author: printable(by),
        Creator: printable(by),
        Producer: 'pdfkit',
        CreationDate: instant,
        ModDate: instant,
      },
    })
    const require = createRequire(import.meta.url)
    for (const [face, file] of Object.entries(faces)) {
      this.#document.registerFont(face, require.resolve(`dejavu-fonts-ttf/ttf/${file}`))
    }
    this.#bytes = collected(this.#document)
  }

  /** Points that are left on this page. */
  get room(): number {
    return page.height - margin.bottom - this.y
  }

  /** True where nothing stands on this page yet. */
  get isFresh(): boolean {
    return this.y === margin.top
  }

  get pages(): number {
    return this.#document.bufferedPageRange().count
  }

  turn(): void {
    this.#document.addPage()
    this.y = margin.top
  }

  /** Turns the page where so much does not fit on this one. */
  need(height: number): void {
    if (height > this.room && !this.isFresh) this.turn()
  }

  /** How high a text is in a width. */
  heightOf(text: string, width: number, print: Print): number {
    this.#prepare(print)
    return this.#document.heightOfString(printable(text), { width, lineGap: gapOf(print) })
  }

  /** Puts text into a box; it does not move on. */
  put(text: string, { width, x, y }: Box, print: Print): void {
    this.#prepare(print)
    const { align = 'left' } = print
    this.#document.text(printable(text), x, y, { width, align, lineGap: gapOf(print) })
  }

  /** Text over the whole width, on the next page where it does not fit; moves on. */
  flow(text: string, print: Print, after: number): void {
    const height = this.heightOf(text, this.width, print)
    this.need(height)
    this.put(text, { x: this.left, y: this.y, width: this.width }, print)
    this.y += height + after
  }

  line(x: number, y: number, width: number, colour: string): void {
    this.#document.lineWidth(0.5).strokeColor(colour)
    this.#document
      .moveTo(x, y)
      .lineTo(x + width, y)
      .stroke()
  }

  fill(box: Box, height: number, colour: string): void {
    this.#document.rect(box.x, box.y, box.width, height).fill(colour)
  }

  /** A picture of shapes, its upper left corner at a place; scale 1 is a point for each unit. */
  draw(shapes: readonly Shape[], x: number, y: number): void {
    for (const shape of shapes) this.#shape(shape, x, y)
  }

  /** Writes the foot of each page, and ends the document. */
  async end(foot: string): Promise<Buffer> {
    const { count } = this.#document.bufferedPageRange()
    const print: Print = { face: 'plain', size: 7, colour: '#5a6272' }
    for (let index = 0; index < count; index += 1) {
      this.#document.switchToPage(index)
      const y = page.height - 30
      this.line(this.left, y - 6, this.width, '#d9dde5')
      this.put(foot, { x: this.left, y, width: this.width - 70 }, print)
      const right = { x: this.left + this.width - 60, y, width: 60 }
      this.put(`${index + 1} / ${count}`, right, { ...print, align: 'right' })
    }
    this.#document.end()
    return this.#bytes
  }

  #shape(shape: Shape, x: number, y: number): void {
    const document = this.#document
    if (shape.kind === 'rectangle') {
      document.rect(x + shape.x, y + shape.y, shape.width, shape.height).fill(shape.colour)
    } else if (shape.kind === 'line') {
      const [left, top] = shape.from
      const [right, bottom] = shape.to
      document.lineWidth(0.5).strokeColor(shape.colour)
      document
        .moveTo(x + left, y + top)
        .lineTo(x + right, y + bottom)
        .stroke()
    } else {
      this.#prepare({
        face: shape.isBold ? 'bold' : 'plain',
        size: letterSize,
        colour: shape.colour,
      })
      const text = printable(shape.text)
      const width = document.widthOfString(text)
      const shift = { start: 0, middle: width / 2, end: width }[shape.anchor]
      // pdfkit places the top of a line, a picture its base line.
      const top = y + shape.y - letterSize * 0.93
      document.text(text, x + shape.x - shift, top, { lineBreak: false })
    }
  }

  #prepare({ colour, face, size }: Print): void {
    this.#document.font(face).fontSize(size).fillColor(colour)
  }
}

/** Between the lines of one text. */
const gapOf = ({ size }: Print): number => size * 0.12

function collected(document: PDFKit.PDFDocument): Promise<Buffer> {
  const parts: Buffer[] = []
  return new Promise((resolve, reject) => {
    document.on('data', (part: Buffer) => parts.push(part))
    document.on('error', reject)
    document.on('end', () => resolve(Buffer.concat(parts)))
  })
}
