import { printPlan } from '../../lib/compile/print.js';
import { encoding, opTable, tableHash } from '../../lib/ir/optable.js';

const f32 = encoding.dtypes.float32;
const view = (
  space: number,
  dtype: number,
  base: number,
  offset: number,
  shape: number[],
  strides: number[],
): number[] => [space | (dtype << 8) | (shape.length << 16), base, offset, ...shape, ...strides];
const instruction = (code: number, inputs: number[], outputs: number[], rest: number[]): number[] => {
  const body = [inputs.length, outputs.length, ...inputs, ...outputs, ...rest];
  return [code, body.length + 2, ...body];
};

/** x [2, 4] is fed; y = (x + 1 where random() < 0.5 decides a bias row), summed over axis 0 backwards, fetched. */
function plan(): Uint32Array {
  const views = [
    view(encoding.spaces.arena, f32, 0, 0, [2, 4], [4, 1]),
    view(encoding.spaces.state, f32, 1, 0, [2, 4], [0, 1]),
    view(encoding.spaces.constant, encoding.dtypes.int32, 0, 3, [2, 4], [0, 0]),
    view(encoding.spaces.arena, f32, 2, 0, [2, 4], [4, 1]),
    view(encoding.spaces.arena, f32, 2, 4, [2, 4], [-4, 1]),
    view(encoding.spaces.arena, f32, 0, 0, [4], [1]),
    view(encoding.spaces.arena, f32, 0, 0, [4, 1], [1, 0]),
    view(encoding.spaces.state, f32, 0, 0, [1, 3], [3, 1]),
    view(encoding.spaces.arena, f32, 4, 0, [4, 3], [3, 1]),
  ];
  const step = (op: number, lanes: number, dst: number, args: number, first = 0, second = 0) => [
    op | (lanes << 8),
    dst,
    args,
    first,
    second,
  ];
  const map = [
    1, // segments
    ...[3, 1, 1, 6, 3], // inputs, outputs, constants, registers, steps
    ...[4], // outputs
    ...[0x3f800000],
    ...step(opTable.random.code, 1, 5, 2 | (2 << 8), 7),
    ...step(opTable.fma.code, 0, 4, 0 | (3 << 8) | (1 << 16)),
    ...step(opTable.select.code, 0, 4, 5 | (4 << 8) | (0 << 16)),
  ];
  const identity = [1, 1, 0, 1, 0, 0];
  const instructions = [
    instruction(opTable.feed.code, [], [0], [0]),
    instruction(opTable.map.code, [0, 1, 2], [3], map),
    instruction(opTable.reduce.code, [4], [5], [encoding.reduceKinds.sum, 1, ...identity]),
    instruction(opTable.matmul.code, [6, 7], [8], [0, 0, ...identity]),
    instruction(opTable.fetch.code, [8], [], [0]),
  ];
  const constants = new Array(16).fill(0);
  const words = [
    ...[encoding.magic, encoding.version, tableHash(), 0, 7, 2, constants.length],
    ...[views.length, instructions.length, 1, 1, 0, 0, 0, 0, 0],
    ...constants,
    ...[f32, 2, 2, 4],
    ...[f32, 2, 4, 3],
    ...views.flat(),
    ...instructions.flat(),
  ];
  words[3] = words.length;
  return Uint32Array.from(words);
}

const text = `\
plan arena=448 state=128 constants=64
feed 0 float32[2, 4]
fetch 0 float32[4, 3]
0 feed 0 -> arena+0 float32[2, 4]
1 map 1 (arena+0 float32[2, 4], state+64 float32[2, 4] offset 0 strides [0, 1], \
constant+0 int32[2, 4] offset 3 strides [0, 0]) -> arena+128 float32[2, 4] \
{ r3 = 0x3f800000; r5 = random.i r2 r2 #7 0; r4 = fma.f r0 r3 r1; r4 = select.f r5 r4 r0; return r4 }
2 reduce 0 1 (arena+128 float32[2, 4] offset 4 strides [-4, 1]) -> arena+0 float32[4] { return r0 }
3 matmul 0 0 (arena+0 float32[4, 1], state+0 float32[1, 3]) -> arena+256 float32[4, 3]
4 fetch 0 (arena+256 float32[4, 3])
`;

describe('printPlan', () => {
  it('prints slots, views, attributes and programs', () => {
    expect(printPlan(plan())).toBe(text);
  });

  it('says what is wrong with words that are no plan', () => {
    const truncated = plan().slice(0, -1);
    expect(() => printPlan(truncated)).toThrow(`expected a plan of version 1 and ${truncated.length} words`);
    truncated[3] = truncated.length;
    expect(() => printPlan(truncated)).toThrow(
      `ends at word ${truncated.length}, expected at least ${truncated.length + 1}`,
    );
    expect(() => printPlan(new Uint32Array(3))).toThrow('ends at word 3, expected at least 16');
    const unknown = plan();
    unknown[unknown.length - 6] = 99; // opcode of the fetch
    expect(() => printPlan(unknown)).toThrow('no instruction has the number 99');
  });
});
