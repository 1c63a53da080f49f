// Writes encoded plans by hand, for tests of the runtime that need no compiler.
import { encoding, type OpName, opTable, tableHash } from '../../lib/ir/optable.js';

type DType = keyof typeof encoding.dtypes;
type Space = keyof typeof encoding.spaces;

interface Slot {
  readonly dtype?: DType;
  readonly shape: readonly number[];
}

interface ViewSpec extends Slot {
  readonly space?: Space;
  /** In units of 64 bytes. */
  readonly base?: number;
  readonly offset?: number;
  readonly strides?: readonly number[];
  /** Number of steps, and elements by which the view moves with each. */
  readonly slide?: readonly [number, number];
}

const rowMajor = (shape: readonly number[]): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));

export const floatBits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] as number;

/** The program `register 0 + constant`, as attribute words. */
export const addConstant = (value: number): number[] => [
  ...[1, 1, 1, 3, 1],
  2,
  floatBits(value),
  ...[opTable.add.code, 2, 0 | (1 << 8), 0, 0],
];

export class PlanWords {
  readonly #feeds: number[][] = [];
  readonly #fetches: number[][] = [];
  readonly #views: number[][] = [];
  readonly #instructions: number[][] = [];

  constructor(
    readonly arenaUnits: number,
    readonly stateUnits: number,
    readonly constants: readonly number[] = [],
  ) {}

  view({
    space = 'arena',
    dtype = 'float32',
    base = 0,
    offset = 0,
    shape,
    strides = rowMajor(shape),
    slide = [] as never,
  }: ViewSpec): number {
    const flag = slide.length > 0 ? encoding.slidingView : 0;
    const kind = encoding.spaces[space] | (encoding.dtypes[dtype] << 8) | (shape.length << 16) | flag;
    return this.#views.push([kind, base, offset, ...slide, ...shape, ...strides]) - 1;
  }

  /** A loop around the instructions that `body` adds. */
  loop(steps: number, body: () => void): this {
    const before = this.#instructions.length;
    body();
    const inner = this.#instructions.splice(before);
    return this.instruction('loop', [], [], [steps, inner.length, ...inner.flat()]);
  }

  instruction(op: OpName, inputs: readonly number[], outputs: readonly number[], attrs: readonly number[] = []): this {
    const words = [inputs.length, outputs.length, ...inputs, ...outputs, ...attrs];
    this.#instructions.push([opTable[op].code, words.length + 2, ...words]);
    return this;
  }

  feed(view: number, { dtype = 'float32', shape }: Slot): this {
    this.#feeds.push([encoding.dtypes[dtype], shape.length, ...shape]);
    return this.instruction('feed', [], [view], [this.#feeds.length - 1]);
  }

  fetch(view: number, { dtype = 'float32', shape }: Slot): this {
    this.#fetches.push([encoding.dtypes[dtype], shape.length, ...shape]);
    return this.instruction('fetch', [view], [], [this.#fetches.length - 1]);
  }

  words(): Uint32Array {
    const body = [...this.#feeds, ...this.#fetches, ...this.#views, ...this.#instructions].flat();
    const total = encoding.headerWords + this.constants.length + body.length;
    const header = [encoding.magic, encoding.version, tableHash(), total, this.arenaUnits, this.stateUnits];
    const counts = [this.constants, this.#views, this.#instructions, this.#feeds, this.#fetches].map((l) => l.length);
    return Uint32Array.from([...header, ...counts, 0, 0, 0, 0, 0, ...this.constants, ...body]);
  }
}

/** Adds 1 to the float32 at the beginning of the state. */
export function counterPlan(): Uint32Array {
  const plan = new PlanWords(0, 1);
  const counter = plan.view({ space: 'state', shape: [] });
  return plan.instruction('map', [counter], [counter], [1, ...addConstant(1)]).words();
}

/** Running sums of a [3, 4] in the state, from the second row on: a loop whose views slide. */
export function sumsPlan(): Uint32Array {
  const plan = new PlanWords(1, 1);
  const total = plan.view({ shape: [4] });
  const [first, row] = [plan.view({ space: 'state', shape: [4] }), { space: 'state', shape: [4], offset: 4 } as const];
  const now = plan.view({ ...row, slide: [2, 4] });
  const add = [2, 1, 0, 3, 1, 2, opTable.add.code, 2, 0 | (1 << 8), 0, 0];
  plan.instruction('copy', [first], [total]);
  return plan
    .loop(2, () => {
      plan.instruction('map', [total, now], [total], [1, ...add]);
      plan.instruction('copy', [total], [now]);
    })
    .words();
}

/** Feeds rows and fetches them again. */
export function passThroughPlan(rows: number, columns: number, dtype: DType = 'float32'): Uint32Array {
  const slot = { dtype, shape: [rows, columns] };
  const plan = new PlanWords(Math.ceil((rows * columns * 4) / encoding.unit), 0);
  const view = plan.view(slot);
  return plan.feed(view, slot).fetch(view, slot).words();
}
