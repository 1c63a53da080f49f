import { encoding, type OpName, opInfo, opTable } from '../ir/optable.js';

/**
 * An encoded plan as text, one line per slot and per instruction; the addon's `printPlan` gives the same:
 *
 * ```
 * plan arena=128 state=64 constants=0
 * feed 0 float32[32, 784]
 * fetch 0 float32[32, 10]
 * 0 feed 0 -> arena+0 float32[32, 784]
 * 1 map 1 (arena+0 float32[32, 784]) -> arena+100352 float32[32, 784] { r1 = 0x3f800000; r2 = add.f r0 r1; return r2 }
 * ```
 *
 * Sizes and addresses are bytes. An instruction is: number, name, attribute words, inputs, outputs, program. Offset and
 * strides, in elements, are shown unless the view is contiguous from offset 0; `slide` is how many elements a view moves
 * with each step of a loop. The instructions of a loop follow it, numbered 3.0, 3.1, ...
 *
 * @throws Error when the words are no plan; only what is needed to print is looked at, the addon validates the rest
 */
export function printPlan(words: Uint32Array): string {
  const reader = new Reader(words);
  const [
    magic,
    version,
    ,
    total,
    arena = 0,
    state = 0,
    constants = 0,
    views = 0,
    instructions = 0,
    feeds = 0,
    fetches = 0,
  ] = reader.take(encoding.headerWords);
  if (magic !== encoding.magic || version !== encoding.version || total !== words.length) {
    throw new Error(`printPlan: expected a plan of version ${encoding.version} and ${words.length} words`);
  }
  reader.skip(constants);
  const lines = [`plan arena=${arena * encoding.unit} state=${state * encoding.unit} constants=${constants * 4}`];
  for (let slot = 0; slot < feeds; slot++) lines.push(`feed ${slot} ${readSlot(reader)}`);
  for (let slot = 0; slot < fetches; slot++) lines.push(`fetch ${slot} ${readSlot(reader)}`);
  const table = Array.from({ length: views }, () => readView(reader));
  readInstructions(reader, instructions, table, '', lines);
  return lines.map((line) => `${line}\n`).join('');
}

function readInstructions(
  reader: Reader,
  count: number,
  views: readonly string[],
  prefix: string,
  lines: string[],
): void {
  for (let i = 0; i < count; i++) {
    const { text, body } = readInstruction(reader, views);
    lines.push(`${prefix}${i} ${text}`);
    readInstructions(reader, body, views, `${prefix}${i}.`, lines);
  }
}

class Reader {
  #next = 0;
  constructor(readonly words: Uint32Array) {}

  get position(): number {
    return this.#next;
  }

  word(): number {
    return this.take(1)[0] as number;
  }

  take(count: number): number[] {
    const start = this.#next;
    this.skip(count);
    return [...this.words.subarray(start, this.#next)];
  }

  skip(count: number): void {
    this.#next += count;
    if (count < 0 || this.#next > this.words.length) {
      throw new Error(`printPlan: the plan ends at word ${this.words.length}, expected at least ${this.#next}`);
    }
  }
}

const names = (numbers: Readonly<Record<string, number>>): Map<number, string> =>
  new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
const dtypeNames = names(encoding.dtypes);
const spaceNames = names(encoding.spaces);
const laneNames = names(encoding.lanes);

/** Names by code: steps of programs, and instructions. */
const coded = (Object.keys(opTable) as OpName[]).filter((op) => opInfo(op).code !== 0);
const byCode = (scalar: boolean): Map<number, OpName> =>
  new Map(coded.filter((op) => (opInfo(op).kind === 'scalar') === scalar).map((op) => [opInfo(op).code, op]));
const scalarNames = byCode(true);
const instructionNames = byCode(false);

function lookup<T>(table: ReadonlyMap<number, T>, number: number, what: string): T {
  const found = table.get(number);
  if (found === undefined) throw new Error(`printPlan: no ${what} has the number ${number}`);
  return found;
}

const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;
const registers = (numbers: readonly number[]): string => numbers.map((r) => ` r${r}`).join('');

function readSlot(reader: Reader): string {
  const dtype = lookup(dtypeNames, reader.word(), 'dtype');
  return dtype + list(reader.take(reader.word()));
}

function readView(reader: Reader): string {
  const kind = reader.word();
  const rank = (kind & ~encoding.slidingView) >>> 16;
  const base = reader.word() * encoding.unit;
  const offset = reader.word() | 0;
  const slide = (kind & encoding.slidingView) === 0 ? '' : ` slide ${(reader.take(2)[1] as number) | 0}`;
  const shape = reader.take(rank);
  const strides = reader.take(rank).map((s) => s | 0);
  const space = lookup(spaceNames, kind & 0xff, 'space');
  const dtype = lookup(dtypeNames, (kind >>> 8) & 0xff, 'dtype');
  const text = `${space}+${base} ${dtype}${list(shape)}`;
  const isPlain = offset === 0 && isContiguous(shape, strides);
  return (isPlain ? text : `${text} offset ${offset} strides ${list(strides)}`) + slide;
}

/** Row-major without gaps; the stride of a dimension of size 1 does not matter. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i] as number;
  }
  return true;
}

/** `body`: number of instructions that follow, of a loop. */
function readInstruction(reader: Reader, views: readonly string[]): { text: string; body: number } {
  const name = lookup(instructionNames, reader.word(), 'instruction');
  const info = opInfo(name);
  const end = reader.position - 1 + reader.word();
  const inputs = reader.word();
  const outputs = reader.word();
  const operands = reader.take(inputs + outputs).map((index) => {
    const view = views[index];
    if (view === undefined) throw new Error(`printPlan: view ${index} of ${name}: the plan has ${views.length} views`);
    return view;
  });
  const attrs = reader.take(info.words ?? 0);
  let text = [name, ...attrs].join(' ');
  if (inputs > 0) text += ` (${operands.slice(0, inputs).join(', ')})`;
  if (outputs > 0) text += ` -> ${operands.slice(inputs).join(', ')}`;
  // a product without an epilogue may leave its program out or pass the product through: no program either way
  if (info.epilogue && attrs[0] === 0) reader.skip(end - reader.position);
  else if (info.program) text += ` ${readProgram(reader)}`;
  return { text, body: name === 'loop' ? (attrs[1] as number) : 0 };
}

function readProgram(reader: Reader): string {
  const inputs = reader.word();
  const outputCount = reader.word();
  const constantCount = reader.word();
  reader.word(); // registers
  const stepCount = reader.word();
  const outputs = reader.take(outputCount);
  const lines = reader.take(constantCount).map((bits, i) => `r${inputs + i} = 0x${bits.toString(16).padStart(8, '0')}`);
  for (let i = 0; i < stepCount; i++) lines.push(readStep(reader));
  return `{ ${[...lines, `return${registers(outputs)}`].join('; ')} }`;
}

function readStep(reader: Reader): string {
  const [operation = 0, destination, operands = 0, first, second] = reader.take(encoding.stepWords);
  const op = lookup(scalarNames, operation & 0xff, 'scalar operation');
  const lanes = lookup(laneNames, operation >>> 8, 'lane type');
  const { inputs, positional } = opInfo(op);
  const args = [operands & 0xff, (operands >>> 8) & 0xff, (operands >>> 16) & 0xff].slice(0, inputs);
  return `r${destination} = ${op}.${lanes}${registers(args)}${positional ? ` #${first} ${second}` : ''}`;
}
