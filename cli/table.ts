/** A table for a terminal: columns as wide as their widest cell, two spaces between. */

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return columns([heads, ...rows])
}

/** The same without heads: empty where there are no rows. */
export function columns(rows: readonly (readonly string[])[]): string {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}
