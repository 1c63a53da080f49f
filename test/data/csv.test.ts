import { readFileSync } from 'node:fs';
import { parseNumbers } from '../../lib/data/csv';

test('reads numbers row by row', () => {
  const table = parseNumbers('1,2,3\n-4,5.5,6e2\n');
  expect(table.columns).toEqual([]);
  expect([table.rows, table.width]).toEqual([2, 3]);
  expect([...table.data]).toEqual([1, 2, 3, -4, 5.5, 600]);
});

test('a first line that is not all numbers names the columns', () => {
  const table = parseNumbers('"length", width\n1,2');
  expect(table.columns).toEqual(['length', 'width']);
  expect([table.rows, table.width, ...table.data]).toEqual([1, 2, 1, 2]);
});

test('header: true takes numbers as names, header: false takes no names', () => {
  const table = parseNumbers('1990,1991\n1,2', { header: true });
  expect(table.columns).toEqual(['1990', '1991']);
  expect([...table.data]).toEqual([1, 2]);
  expect(() => parseNumbers('a,b\n1,2', { header: false })).toThrow("row 1, column 1: expected a number, got 'a'");
});

test('accepts other delimiters, quotes, blanks, empty lines, CRLF and a byte order mark', () => {
  expect([...parseNumbers('\ufeff"1"; 2 ;3\r\n\r\n4;5;6\r\n', { delimiter: ';' }).data]).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a text without lines is an empty table', () => {
  expect(parseNumbers('\n')).toEqual({ columns: [], rows: 0, width: 0, data: new Float32Array(0) });
});

test.each([
  ['a,b\n1,2\n3,x', "parseNumbers: row 2, column b: expected a number, got 'x'"],
  ['1,2\n3,', "parseNumbers: row 2, column 2: expected a number, got ''"],
  ['1,2\n3,NaN', "parseNumbers: row 2, column 2: expected a number, got 'NaN'"],
  ['1,2\n3,Infinity', "parseNumbers: row 2, column 2: expected a number, got 'Infinity'"],
  ['1,2\n3,1e39', "parseNumbers: row 2, column 2: expected a number, got '1e39'"], // infinite as float32
  ['1,2\n3', 'parseNumbers: row 2: expected 2 values, got 1'],
  ['a,b\n1,2,3', 'parseNumbers: row 1: expected 2 values, got 3'],
])('%j is rejected', (text, message) => {
  expect(() => parseNumbers(text)).toThrow(message);
});

test('arguments of another kind are rejected', () => {
  expect(() => parseNumbers(Buffer.from('1,2') as unknown as string)).toThrow('text must be a string, got object');
  expect(() => parseNumbers('1,2', { delimiter: '' })).toThrow('delimiter must not be empty');
});

test('reads the Pima diabetes table', () => {
  const file = require.resolve('@liquid-carrot/data.pima-indians-diabetes/src/index.csv');
  const { columns, rows, width, data } = parseNumbers(readFileSync(file, 'utf8'));
  expect([rows, width]).toEqual([768, 9]);
  expect(columns[1]).toBe('plasma glucose concentration');
  expect(columns[8]).toBe('diabetic');
  const labels = data.filter((_, i) => i % width === 8);
  expect(labels.reduce((sum, v) => sum + v, 0)).toBe(268);
  expect([...data.subarray(0, 9)]).toEqual([6, 148, 72, 35, 0, 33.6, 0.627, 50, 1].map(Math.fround));
});

test('options that are none, and a delimiter that is no string, are rejected', () => {
  const wrong = (value: unknown) => value as never;
  expect(() => parseNumbers('1', wrong(null))).toThrow('parseNumbers: the options must be an object, got null');
  expect(() => parseNumbers('1', wrong({ delimiter: 1 }))).toThrow(
    'parseNumbers: delimiter must be a string, got number',
  );
});
