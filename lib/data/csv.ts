/** A table of numbers read from text. */
export interface NumberTable {
  /** Column names, or empty when the text has no header. */
  readonly columns: readonly string[];
  readonly rows: number;
  readonly width: number;
  /** Row-major. */
  readonly data: Float32Array;
}

export interface CsvOptions {
  /** What stands between two values. Default: ','. */
  readonly delimiter?: string;
  /** Whether the first line names the columns. Default: it does when it holds anything that is not a number. */
  readonly header?: boolean;
}

/**
 * Reads a table that holds numbers only. For text columns, quoting and the like use a CSV library (csv-parse).
 *
 * @throws Error naming row (counted from 1, without the header) and column of the first value that is not a finite
 *   float32 number, or the first row of another length
 *
 * @example
 * const { columns, rows, data } = parseNumbers(await readFile('houses.csv', 'utf8'));
 */
export function parseNumbers(text: string, options: CsvOptions = {}): NumberTable {
  if (typeof text !== 'string') throw new Error(`parseNumbers: text must be a string, got ${typeof text}`);
  if (typeof options !== 'object' || options === null) {
    throw new Error(`parseNumbers: the options must be an object, got ${options === null ? 'null' : typeof options}`);
  }
  const { delimiter = ',', header } = options;
  if (typeof delimiter !== 'string') {
    throw new Error(`parseNumbers: delimiter must be a string, got ${delimiter === null ? 'null' : typeof delimiter}`);
  }
  if (delimiter === '') throw new Error('parseNumbers: delimiter must not be empty');
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const cells = (line: string): string[] => line.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const first = lines[0] === undefined ? [] : cells(lines[0]);
  const named = header ?? first.some((cell) => cell !== '' && Number.isNaN(Number(cell)));
  const body = named ? lines.slice(1) : lines;
  const width = first.length;
  const data = new Float32Array(body.length * width);
  body.forEach((line, r) => {
    const values = cells(line);
    if (values.length !== width) {
      throw new Error(`parseNumbers: row ${r + 1}: expected ${width} values, got ${values.length}`);
    }
    values.forEach((cell, c) => {
      const value = cell === '' ? Number.NaN : Math.fround(Number(cell));
      if (!Number.isFinite(value)) {
        const column = named ? first[c] : c + 1;
        throw new Error(`parseNumbers: row ${r + 1}, column ${column}: expected a number, got '${cell}'`);
      }
      data[r * width + c] = value;
    });
  });
  return { columns: named ? first : [], rows: body.length, width, data };
}
