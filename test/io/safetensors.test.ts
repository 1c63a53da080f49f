import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readSafetensors, type StoredTensor, safetensorsParts } from '../../lib/io/safetensors';
import { SafetensorsFile } from '../../lib/io/safetensors-file';

/** A file with any header; strings are taken as they are. */
function fileOf(header: unknown, data: Uint8Array | number = 0): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, typeof data === 'number' ? Buffer.alloc(data) : data]);
}

const write = (tensors: Record<string, StoredTensor>): Buffer =>
  Buffer.concat([...safetensorsParts(new Map(Object.entries(tensors)))]);

const read = (
  file: Uint8Array,
): Record<string, { dtype: string; shape: readonly number[]; values: readonly number[] }> =>
  Object.fromEntries(
    [...readSafetensors('f', file)].map(([name, { dtype, shape, values }]) => [
      name,
      { dtype, shape, values: [...values] },
    ]),
  );

const sample = {
  bytes: { shape: [3], values: Uint8Array.of(1, 2, 255) },
  matrix: { shape: [2, 3], values: Float32Array.of(1, -2, 3.5, 0, -0, 1e-40) },
  eighth: { shape: [3], values: Int8Array.of(-128, 0, 127) },
  none: { shape: [0, 4], values: new Float32Array(0) },
  scalar: { shape: [], values: Int32Array.of(-7) },
  truth: { dtype: 'BOOL' as const, shape: [2], values: Uint8Array.of(1, 0) },
  wide: { shape: [1], values: Float64Array.of(Math.PI) },
};

describe('round trip', () => {
  test('every type that is written comes back', () => {
    const back = read(write(sample));
    for (const [name, { shape, values }] of Object.entries(sample)) {
      expect(back[name]?.shape).toEqual(shape);
      expect(back[name]?.values).toEqual([...values]);
    }
    expect(
      Object.values(back)
        .map((t) => t.dtype)
        .sort(),
    ).toEqual(['BOOL', 'F32', 'F32', 'F64', 'I32', 'I8', 'U8']);
  });

  test('data is aligned to 8 bytes, and to its values', () => {
    const file = write({ c: sample.bytes, a: sample.matrix, b: sample.wide });
    for (const { begin, values } of readSafetensors('f', file).values())
      expect(begin % values.BYTES_PER_ELEMENT).toBe(0);
    expect(Number(file.readBigUInt64LE(0)) % 8).toBe(0);
  });

  test('names with quotes, and that look like numbers', () => {
    const odd = { '"\\é\n': sample.scalar, '2': sample.scalar, '1': sample.bytes };
    expect(Object.keys(read(write(odd))).sort()).toEqual(Object.keys(odd).sort());
  });
});

describe('values that are converted', () => {
  const one = (dtype: string, n: number, data: Uint8Array) => ({
    header: { t: { dtype, shape: [n], data_offsets: [0, data.length] } },
    file: fileOf({ t: { dtype, shape: [n], data_offsets: [0, data.length] } }, data),
  });

  test('all halves are exact', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const { file } = one('F16', bits.length, new Uint8Array(bits.buffer));
    const values = readSafetensors('f', file).get('t')?.values as Float32Array;
    expect(values[0x3c00]).toBe(1);
    expect(values[0xc000]).toBe(-2);
    expect(values[0x7bff]).toBe(65504);
    expect(values[0x0001]).toBe(2 ** -24);
    expect(values[0x03ff]).toBe(1023 * 2 ** -24);
    expect(values[0x0400]).toBe(2 ** -14);
    expect(Object.is(values[0x8000], -0)).toBe(true);
    expect([values[0x7c00], values[0xfc00]]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(values[0x7e00]).toBeNaN();
    // the numbers grow with the bits: none is out of line
    for (let i = 1; i < 0x7c00; i++) expect((values[i] as number) > (values[i - 1] as number)).toBe(true);
  });

  test('bfloat16 is the upper half of a float32', () => {
    const { file } = one('BF16', 4, new Uint8Array(Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x7f80).buffer));
    const expected = new Float32Array(Uint32Array.of(0x3f800000, 0xc0490000, 0x00010000, 0x7f800000).buffer);
    expect(readSafetensors('f', file).get('t')?.values).toEqual(expected);
  });

  test('I64 that fit become int32; others are refused', () => {
    const good = one('I64', 3, new Uint8Array(BigInt64Array.of(-1n, 2147483647n, -2147483648n).buffer));
    expect(read(good.file).t?.values).toEqual([-1, 2147483647, -2147483648]);
    const bad = one('I64', 2, new Uint8Array(BigInt64Array.of(1n, 2147483648n).buffer));
    expect(() => read(bad.file)).toThrow(`f: value 1 of tensor 't' is 2147483648, which does not fit into an int32`);
  });

  test('a BOOL is 0 or 1', () => {
    expect(() => read(one('BOOL', 2, Uint8Array.of(1, 2)).file)).toThrow(
      `value 1 of tensor 't' is 2; expected a bool, 0 or 1`,
    );
  });
});

describe('files that are not valid', () => {
  const f32 = (n: number, from: number, to: number) => ({ dtype: 'F32', shape: [n], data_offsets: [from, to] });
  const prefix = (length: bigint, rest = ''): Buffer => {
    const bytes = Buffer.alloc(8 + rest.length);
    bytes.writeBigUInt64LE(length);
    bytes.write(rest, 8);
    return bytes;
  };
  const invalid: [string, Buffer, RegExp][] = [
    ['empty', Buffer.alloc(0), /it has 0 bytes, fewer than 8/],
    ['7 bytes', Buffer.alloc(7), /it has 7 bytes/],
    ['a header past the end', prefix(100n, '{}'), /its header claims 100 bytes in a file of 10/],
    ['a header of 2^63 bytes', prefix(1n << 63n, '{}'), /its header claims 9223372036854775808 bytes/],
    ['a header of no bytes', prefix(0n), /the header must begin with '\{'/],
    ['white space in front', fileOf(' {}'), /the header must begin with '\{'/],
    ['a list', fileOf('[]'), /the header must begin with '\{'/],
    ['no UTF-8', fileOf('{"a\u0000":'.replace('\u0000', '\\')), /not valid JSON/],
    ['half JSON', fileOf('{"a":'), /not valid JSON/],
    ['text after the JSON', fileOf('{}{}'), /not valid JSON/],
    ['deep JSON', fileOf(`{"a":${'['.repeat(100000)}`), /nested deeper than 4 levels/],
    ['many values', fileOf(`{"a":{"shape":[${'1,'.repeat(1_000_001)}1]}}`), /holds more than 1000000 values/],
    ['a tensor twice', fileOf('{"a":{},"a":{}}'), /the key 'a' occurs twice/],
    ['a tensor twice, spelt differently', fileOf('{"a":{},"\\u0061":{}}'), /the key 'a' occurs twice/],
    ['an attribute twice', fileOf('{"a":{"dtype":"F32","dtype":"U8"}}'), /the key 'dtype' occurs twice/],
    ['__proto__', fileOf('{"__proto__":{}}'), /the key '__proto__' is not allowed/],
    ['a tensor that is none', fileOf({ a: 1 }), /tensor 'a' must be an object, got 1/],
    ['an unknown attribute', fileOf({ a: { ...f32(0, 0, 0), x: 1 } }), /tensor 'a' has an unknown key 'x'/],
    [
      'an unknown dtype',
      fileOf({ a: { ...f32(0, 0, 0), dtype: 'F8_E4M3' } }),
      /tensor 'a' has dtype F8_E4M3; readable are F64/,
    ],
    ['a dtype of the prototype', fileOf({ a: { ...f32(0, 0, 0), dtype: 'toString' } }), /has dtype toString/],
    [
      'no shape',
      fileOf({ a: { dtype: 'F32', data_offsets: [0, 0] } }),
      /shape of tensor 'a' must be an array, got nothing/,
    ],
    [
      'a negative dimension',
      fileOf({ a: { ...f32(0, 0, 0), shape: [-1] } }),
      /shape\[0\] of tensor 'a' must be a whole number/,
    ],
    ['a fraction', fileOf({ a: { ...f32(0, 0, 0), shape: [0.5] } }), /shape\[0\] of tensor 'a' must be a whole number/],
    [
      'a dimension of 2^53 + 1',
      fileOf('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,0]}}'),
      /must be a whole number/,
    ],
    [
      'an overflow',
      fileOf({ a: { ...f32(0, 0, 0), shape: [2 ** 40, 2 ** 40, 0] } }),
      /the shape .* of tensor 'a' is too large/,
    ],
    [
      'many dimensions',
      fileOf({ a: { ...f32(0, 0, 4), shape: Array(17).fill(1) } }, 4),
      /has 17 dimensions, more than 16/,
    ],
    [
      'three offsets',
      fileOf({ a: { ...f32(0, 0, 0), data_offsets: [0, 0, 0] } }),
      /data_offsets of tensor 'a' must be two numbers/,
    ],
    ['offsets the wrong way', fileOf({ a: f32(1, 4, 0) }, 4), /hold -4/],
    [
      'offsets past the end',
      fileOf({ a: f32(2, 0, 8) }, 4),
      /data_offsets\[1\] of tensor 'a' must be a whole number from 0 to 4, got 8/,
    ],
    [
      'a shape that does not fit',
      fileOf({ a: f32(3, 0, 8) }, 8),
      /'a' is F32\[3\], which are 12 bytes, but its data_offsets \[0, 8\] hold 8/,
    ],
    ['overlap', fileOf({ a: f32(2, 0, 8), b: f32(1, 4, 8) }, 8), /tensor 'b' overlaps another tensor/],
    ['a hole', fileOf({ a: f32(1, 0, 4), b: f32(1, 8, 12) }, 12), /tensor 'b' leaves a hole of 4 bytes in front/],
    ['a hole at the beginning', fileOf({ a: f32(1, 4, 8) }, 8), /tensor 'a' leaves a hole of 4 bytes/],
    ['bytes at the end', fileOf({ a: f32(1, 0, 4) }, 6), /2 bytes after the last tensor belong to nothing/],
    ['data without tensors', fileOf({}, 1), /1 bytes after the last tensor/],
    ['metadata that is not text', fileOf({ __metadata__: { a: 1 } }), /__metadata__\.a must be a string, got 1/],
    [
      '50,001 tensors',
      fileOf(`{${Array.from({ length: 50001 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`)}}`),
      /more than 50000 tensors/,
    ],
  ];
  test.each(invalid)('%s', (_, file, message) => {
    expect(() => readSafetensors('weights.safetensors', file)).toThrow(message);
    expect(() => readSafetensors('weights.safetensors', file)).toThrow(/^weights\.safetensors: /);
  });

  test('bytes that are not UTF-8', () => {
    expect(() => read(Buffer.concat([prefix(3n), Buffer.from([0x7b, 0xff, 0x7d])]))).toThrow(
      'the header is not valid UTF-8',
    );
  });

  test('an empty file of the format, padding and metadata are valid', () => {
    expect(read(fileOf('{}'))).toEqual({});
    expect(read(fileOf('{"__metadata__":{"format":"pt"}}   '))).toEqual({});
  });

  test('a wrong tensor is not written', () => {
    expect(() => write({ a: { shape: [2], values: new Float32Array(3) } })).toThrow(
      `safetensors: tensor 'a' of shape [2] has 3 values`,
    );
  });
});

describe('fuzz', () => {
  /** Numbers in [0, n) that are the same each time. */
  function generator(seed: number): (n: number) => number {
    let state = seed;
    return (n) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 0x100000000) * n);
    };
  }

  test('mutated bytes are read as what they say, or refused with an Error; memory stays in bounds', () => {
    const valid = write(sample);
    const headerEnd = 8 + Number(valid.readBigUInt64LE(0));
    const below = generator(5);
    const tokens = ['0', '9', '-', '"', '{', '}', '[', ']', ',', ':', '\\', '1e9', 'F16', 'I64', '9999999999999999'];
    let [accepted, refused] = [0, 0];
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 6000; i++) {
      let file = Buffer.from(valid);
      for (let n = 1 + below(3); n > 0; n--) {
        const position = below(i % 4 === 0 ? file.length : Math.min(headerEnd, file.length));
        const kind = below(5);
        if (kind === 0) file[position] = below(256);
        else if (kind === 1) file[position] = (file[position] as number) ^ (1 << below(8));
        else if (kind === 2) file = file.subarray(0, position) as typeof file;
        else if (kind === 3) file.copy(file, position, below(file.length), below(file.length));
        else file.write(tokens[below(tokens.length)] as string, position);
        if (file.length === 0) break;
      }
      try {
        for (const { values, shape, bytes, begin } of readSafetensors('f', file).values()) {
          expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
          expect(begin + bytes).toBeLessThanOrEqual(file.length);
        }
        accepted++;
      } catch (error) {
        refused++;
        expect((error as Error).message).toMatch(/^f: /);
      }
    }
    expect(accepted).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(3000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });
});

describe('files on disk', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'safetensors-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('are read tensor by tensor, as from memory', async () => {
    const halves = Uint16Array.from({ length: 1_200_000 }, (_, i) => i & 0x7bff); // more than one chunk
    const json = { h: { dtype: 'F16', shape: [halves.length], data_offsets: [0, halves.byteLength] } };
    for (const bytes of [write(sample), fileOf(json, new Uint8Array(halves.buffer))]) {
      const name = path.join(folder, 'f');
      writeFileSync(name, bytes);
      const file = await SafetensorsFile.open(name);
      for (const { name: tensor, values } of readSafetensors('f', readFileSync(name)).values()) {
        const entry = file.entries.get(tensor);
        expect(entry && Buffer.from((await file.read(entry)).buffer).equals(Buffer.from(values.buffer))).toBe(true);
      }
      await file.close();
    }
  });

  test('what is wrong with them names them', async () => {
    const name = path.join(folder, 'f');
    for (const bytes of [Buffer.alloc(3), write(sample).subarray(0, -1)]) {
      writeFileSync(name, bytes);
      await expect(SafetensorsFile.open(name)).rejects.toThrow(`${name}: `);
    }
    await expect(SafetensorsFile.open(folder)).rejects.toThrow(/is not a file/);
    await expect(SafetensorsFile.open('/dev/zero')).rejects.toThrow('/dev/zero: is not a file');
  });
});
