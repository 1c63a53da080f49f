/** Columns of equal width between rules; those in `right` have their text, numbers, at the right edge. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string[] {
  const widths = head.map((title, c) => Math.max(title.length, ...rows.map((row) => (row[c] as string).length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => (right.includes(c) ? cell.padStart(widths[c] as number) : cell.padEnd(widths[c] as number)))
      .join('  ');
  const rule = '-'.repeat(widths.reduce((total, w) => total + w + 2, -2));
  return [rule, line(head), rule, ...rows.map((row) => line(row).trimEnd()), rule];
}
