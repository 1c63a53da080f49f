// Plans of one map or reduction, written by hand: every scalar operation, dtypes, and operands that lie in memory in every way.
import { roundToBfloat16 } from '../../lib/ir/bfloat16';
import { encoding, isScalar, type OpName, opInfo, opTable, type ScalarOp } from '../../lib/ir/optable';
import type { Random } from '../helpers/random';
import { floatBits, PlanWords } from '../native/plan-words';

export type DType = keyof typeof encoding.dtypes;
type Lane = 'f' | 'i';

export interface HandPlan {
  readonly words: Uint32Array;
  /** One for each dtype, in the order of `encoding.dtypes`. */
  readonly feeds: readonly (Float32Array | Int32Array | Uint8Array | Int8Array | Uint16Array)[];
  /** How many elements of each it takes. */
  readonly lengths: readonly number[];
  readonly fetches: readonly { readonly dtype: DType; readonly size: number }[];
}

interface Step {
  readonly op: ScalarOp;
  readonly lanes: Lane;
  readonly args: readonly number[];
  readonly immediates?: readonly [number, number];
}

interface Program {
  readonly inputs: readonly DType[];
  readonly constants: readonly number[];
  readonly steps: readonly Step[];
  readonly outputs: readonly { readonly register: number; readonly dtype: DType }[];
}

const dtypes: readonly DType[] = ['float32', 'int32', 'bool', 'int8', 'bfloat16'];
const bytes: Record<DType, number> = { float32: 4, int32: 4, bool: 1, int8: 1, bfloat16: 2 };
const laneOf = (dtype: DType): Lane => (dtype === 'int32' ? 'i' : 'f');
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

export const scalarOps = (Object.keys(opTable) as OpName[]).filter(isScalar).filter((op) => op !== 'widen');

const encode = ({ inputs, constants, steps, outputs }: Program): number[] => {
  const fixed = inputs.length + constants.length;
  return [
    ...[inputs.length, outputs.length, constants.length, fixed + steps.length, steps.length],
    ...outputs.map(({ register }) => register),
    ...constants,
    ...steps.flatMap(({ op, lanes, args: [a = 0, b = 0, c = 0], immediates = [0, 0] }, i) => [
      opTable[op].code | (encoding.lanes[lanes] << 8),
      fixed + i,
      a | (b << 8) | (c << 16),
      ...immediates,
    ]),
  ];
};

const resultLane = (op: ScalarOp, lanes: Lane): Lane =>
  opInfo(op).predicate || op === 'castFloat' || op === 'random' ? 'f' : op === 'castInt' || op === 'iota' ? 'i' : lanes;

/** Steps that take registers at random; the last ones are the outputs. */
export function randomProgram(random: Random, inputs: readonly DType[], length: number, among: readonly ScalarOp[]) {
  const constants = [floatBits(random.normal()), random.int(0, 40), floatBits(0.5)];
  const held: Lane[] = [...inputs.map(laneOf), 'f', 'i', 'f'];
  const fixed = held.length;
  const steps: Step[] = [];
  while (steps.length < length) {
    const op = random.pick(among);
    const info = opInfo(op);
    const lanes = random.pick([...(info.lanes ?? 'f')]) as Lane;
    const register = (lane: Lane) => random.pick([...held.keys()].filter((r) => held[r] === lane));
    // The generator's key is the same for all elements.
    const one = inputs.length + 1;
    const args = Array.from({ length: info.inputs }, (_, k) =>
      op === 'random' ? one : register(op === 'select' && k === 0 ? 'f' : lanes),
    );
    const immediates: [number, number] =
      op === 'iota' ? [random.int(1, 9), random.int(1, 50)] : op === 'random' ? [random.int(0, 99), 0] : [0, 0];
    steps.push({ op, lanes, args, immediates });
    held.push(resultLane(op, lanes));
  }
  const rounded: Step[] = [];
  const outputs = Array.from({ length: random.int(1, 2) }, (_, k) => {
    const register = Math.max(held.length - 1 - k, fixed);
    if (held[register] === 'i') return { register, dtype: 'int32' as DType };
    const dtype: DType = random.pick(['float32', 'float32', 'bool', 'bfloat16'] as const);
    if (dtype !== 'bfloat16') return { register, dtype };
    rounded.push({ op: 'castBfloat16', lanes: 'f', args: [register] });
    return { register: held.length - 1 + rounded.length, dtype };
  });
  return { inputs, constants, steps: [...steps, ...rounded], outputs } satisfies Program;
}

/** One operation of operands as they are. */
export function singleProgram(op: ScalarOp, lanes: Lane): Program {
  const dtype = lanes === 'i' ? 'int32' : 'float32';
  const info = opInfo(op);
  const inputs = Array.from({ length: info.inputs }, (_, k): DType => (op === 'select' && k === 0 ? 'bool' : dtype));
  const logical = ['and', 'or', 'not'].includes(op);
  const step: Step = {
    op,
    lanes,
    args: [...inputs.keys()],
    immediates: op === 'iota' ? [3, 7] : op === 'random' ? [5, 0] : [0, 0],
  };
  const result = resultLane(op, lanes) === 'i' ? 'int32' : 'float32';
  if (op === 'random') {
    return { inputs: [], constants: [7, 9], steps: [step], outputs: [{ register: 2, dtype: result }] };
  }
  return {
    inputs: logical ? inputs.map(() => 'bool') : inputs,
    constants: [],
    steps: [step],
    outputs: [{ register: inputs.length, dtype: result }],
  };
}

const pool = 1 << 17; // elements of each feed

/** Numbers of every kind: NaN, infinities, both zeros, subnormal ones and all magnitudes. */
const wild = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  3,
  Number.NaN,
  1 / 0,
  -1 / 0,
  1e-42,
  -1e-42,
  1e30,
  3e38,
  1e6,
  12345678,
  88.8,
  1e-30,
];
export function feedsOf(random: Random, tame: boolean): HandPlan['feeds'] {
  const number = () => {
    if (tame) return random.int(-8, 8) / 8;
    return random.uniform() < 0.3 ? random.pick(wild) : random.normal() * 10 ** random.int(-3, 3);
  };
  const whole = () =>
    tame || random.uniform() < 0.5
      ? random.int(-40, 40)
      : random.pick([2147483647, -2147483648, 0, -1, 31, 32, 33, 123456789]);
  const numbers = Float32Array.from({ length: 4001 }, number);
  const wholes = Int32Array.from({ length: 4001 }, whole);
  return [
    Float32Array.from({ length: pool }, (_, i) => numbers[i % 4001]),
    Int32Array.from({ length: pool }, (_, i) => wholes[i % 4001]),
    Uint8Array.from({ length: pool }, (_, i) => ((i * 7) % 5 < 2 ? 1 : 0)),
    Int8Array.from({ length: pool }, (_, i) => ((i * 37) % 255) - 127),
    roundToBfloat16(Float32Array.from({ length: pool }, (_, i) => numbers[(i * 5) % 4001])),
  ];
}

/** Strides and offset of an operand of the shape: contiguous, in another order of axes, backwards, with gaps, or repeated. */
function layout(random: Random, shape: readonly number[]): { strides: number[]; offset: number } {
  const strides: number[] = new Array(shape.length).fill(0);
  const plain = random.uniform() < 0.5;
  const order = plain ? [...shape.keys()] : random.shuffle([...shape.keys()]);
  let [stride, offset] = [1, plain ? random.pick([0, 0, 4, 1]) : random.int(0, 9)];
  for (const axis of order.reverse()) {
    if (random.uniform() < 0.25) continue; // the same for all
    const step = !plain && random.uniform() < 0.3 ? 2 : 1;
    const back = !plain && random.uniform() < 0.2;
    strides[axis] = (back ? -1 : 1) * step * stride;
    if (back) offset += step * stride * (shape[axis] - 1);
    stride *= step * shape[axis];
  }
  return { strides, offset };
}

class Arena {
  units = 0;
  take(size: number, dtype: DType): number {
    const base = this.units;
    this.units += Math.ceil((size * bytes[dtype]) / encoding.unit);
    return base;
  }
}

/** An operand, in the feed of its type. */
interface Operand {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
}

/** How many elements an operand needs of its feed. */
function reachOf({ shape, strides, offset = 0 }: Operand): number {
  if (strides === undefined) return offset + sizeOf(shape);
  return 1 + shape.reduce((last, length, axis) => last + Math.max(0, (length - 1) * strides[axis]), offset);
}

/** A plan with no more of each feed than its operands need: where races are looked for, feeding all of it would take longest. */
function handPlan(
  feeds: HandPlan['feeds'],
  operands: readonly Operand[],
  fill: (plan: PlanWords, arena: Arena, inputs: number[]) => HandPlan['fetches'],
): HandPlan {
  const plan = new PlanWords(1 << 16, 0);
  const arena = new Arena();
  const bases = new Map<DType, number>();
  const lengths = dtypes.map((dtype) => {
    const length = Math.max(1, ...operands.filter((o) => o.dtype === dtype).map(reachOf));
    const base = arena.take(length, dtype);
    bases.set(dtype, base);
    plan.feed(plan.view({ dtype, base, shape: [length] }), { dtype, shape: [length] });
    return length;
  });
  const inputs = operands.map((operand) => plan.view({ ...operand, base: bases.get(operand.dtype) }));
  const fetches = fill(plan, arena, inputs);
  return { words: plan.words(), feeds, lengths, fetches };
}

/** A map with a segment for each shape. `dense`: all operands are contiguous. */
export function mapPlan(
  random: Random,
  program: Program,
  shapes: readonly (readonly number[])[],
  feeds: HandPlan['feeds'],
  dense = false,
): HandPlan {
  const operands = shapes.flatMap((shape) =>
    program.inputs.map((dtype, k) => ({ dtype, shape, ...(dense ? { offset: k * 64 } : layout(random, shape)) })),
  );
  return handPlan(feeds, operands, (plan, arena, inputs) => {
    const outputs = shapes.flatMap((shape) =>
      program.outputs.map(({ dtype }) => ({
        dtype,
        shape,
        view: plan.view({ dtype, shape, base: arena.take(sizeOf(shape), dtype) }),
      })),
    );
    plan.instruction(
      'map',
      inputs,
      outputs.map(({ view }) => view),
      [shapes.length, ...encode(program)],
    );
    return outputs.map(({ dtype, shape, view }) => {
      plan.fetch(view, { dtype, shape });
      return { dtype, size: sizeOf(shape) };
    });
  });
}

/** -x^T for the first 48 floats as x [6, 8]. */
export function transposedPlan(feeds: HandPlan['feeds']): HandPlan {
  const program = singleProgram('neg', 'f');
  return handPlan(feeds, [{ dtype: 'float32', shape: [8, 6], strides: [1, 8] }], (plan, arena, [x]) => {
    const y = plan.view({ shape: [8, 6], base: arena.take(48, 'float32') });
    plan.instruction('map', [x], [y], [1, ...encode(program)]).fetch(y, { shape: [8, 6] });
    return [{ dtype: 'float32', size: 48 }];
  });
}

export function reducePlan(
  random: Random,
  program: Program,
  kind: keyof typeof encoding.reduceKinds,
  shape: readonly number[],
  mask: number,
  feeds: HandPlan['feeds'],
  dense = false,
): HandPlan {
  const operands = program.inputs.map((dtype) => ({ dtype, shape, ...(dense ? {} : layout(random, shape)) }));
  return handPlan(feeds, operands, (plan, arena, inputs) => {
    const kept = shape.filter((_, axis) => ((mask >> axis) & 1) === 0);
    const [{ dtype }] = program.outputs;
    const view = plan.view({ dtype, shape: kept, base: arena.take(sizeOf(kept), dtype) });
    plan.instruction('reduce', inputs, [view], [encoding.reduceKinds[kind], mask, ...encode(program)]);
    plan.fetch(view, { dtype, shape: kept });
    return [{ dtype, size: sizeOf(kept) }];
  });
}
