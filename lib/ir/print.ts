import type { Body, Start } from './body.js';
import {
  type Attributes,
  formatType,
  type Graph,
  type HostData,
  type Node,
  numbersOf,
  type Tensor,
  topological,
} from './graph.js';
import type { Program, Step } from './program.js';

/** Values of a constant that are shown; the rest is counted. */
const maxShown = 4;

/**
 * A graph as text, one line per node, producers first, then what is returned:
 *
 * ```
 * %0 = input {slot: 0} : float32[32, 784]
 * %1 = variable {variable: dense/kernel} : float32[784, 10]
 * %2 = matmul(%0, %1) : float32[32, 10]  // dense (dense)
 * return %2
 * ```
 *
 * The body of a scan or a loop is indented below it. Nodes are numbered from 0 in the order shown, so equal graphs print alike. A node with several outputs is referred to
 * as `%3.0`, `%3.1`.
 */
export function printGraph(graph: Graph): string {
  const printer = new Printer();
  printer.nodes(topological(graph), '');
  if (graph.outputs.length > 0) printer.line(`return ${printer.list(graph.outputs)}`);
  return printer.lines.map((line) => `${line}\n`).join('');
}

class Printer {
  readonly lines: string[] = [];
  readonly #names = new Map<Tensor, string>();
  #count = 0;

  line(text: string): void {
    this.lines.push(text);
  }

  list(tensors: readonly Tensor[]): string {
    return tensors.map((t) => this.#names.get(t)).join(', ');
  }

  nodes(nodes: readonly Node[], indent: string): void {
    for (const node of nodes) {
      const id = `%${this.#count++}`;
      for (const t of node.outputs) this.#names.set(t, node.outputs.length === 1 ? id : `${id}.${t.index}`);
      this.line(indent + this.#node(node));
      if (node.is('scan')) this.#scan((node.attrs as Attributes['scan']).body, `${indent}  `);
      if (node.is('loop')) this.nodes(topological((node.attrs as Attributes['loop']).body), `${indent}  `);
    }
  }

  /** A body uses the names of the constants that it takes from outside. */
  #scan({ carries, elements, nodes, next, results }: Body, indent: string): void {
    this.nodes([...carries, ...elements].map((t) => t.node), indent); // biome-ignore format: one call
    this.nodes(nodes, indent);
    this.line(`${indent}next ${this.list(next)}; results ${this.list(results)}`);
  }

  #node(node: Node): string {
    const results = this.list(node.outputs);
    const inputs = node.inputs.length > 0 ? `(${this.list(node.inputs)})` : '';
    const attrs = printAttributes(node);
    const types = node.outputs.map(formatType).join(', ');
    return [
      results === '' ? '' : `${results} = `,
      `${node.op}${inputs}`,
      attrs === '' ? '' : ` ${attrs}`,
      types === '' ? '' : ` : ${types}`,
      node.scope === '' ? '' : `  // ${node.scope}`,
    ].join('');
  }
}

function printAttributes(node: Node): string {
  const isShown = (key: string, value: unknown): boolean =>
    value !== undefined && typeof value !== 'function' && key !== 'body';
  const entries = Object.entries(node.attrs).filter(([key, value]) => isShown(key, value));
  if (entries.length === 0) return '';
  return `{${entries.map(([key, value]) => `${key}: ${printAttribute(key, value)}`).join(', ')}}`;
}

/** The keys of `Attributes` whose values are objects; everything else is a number, a boolean, a string or a list of them. */
function printAttribute(key: string, value: unknown): string {
  switch (key) {
    case 'variable':
      return (value as Attributes['variable']['variable']).name;
    case 'data':
      return printData(value as HostData);
    case 'program':
    case 'epilogue':
      return printProgram(value as Program);
    case 'starts':
      return `[${(value as Attributes['loop']['starts']).map(printStart).join(', ')}]`;
    default:
      return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
  }
}

const printStart = ({ input, output, row }: Start): string =>
  `${input} -> ${output}${row === undefined ? '' : ` row ${row}`}`;

function printData(bits: HostData): string {
  const data = bits instanceof Uint16Array ? numbersOf('bfloat16', bits) : bits;
  const shown = [...data.subarray(0, maxShown)].map((v) => formatNumber(v));
  if (data.length > maxShown) shown.push(`... ${data.length} values`);
  return `[${shown.join(', ')}]`;
}

/** Enough digits to tell float32 values apart, and the sign of zero. */
const formatNumber = (v: number): string => (Object.is(v, -0) ? '-0' : String(Number(v.toPrecision(9))));

/**
 * A scalar program on one line: constants, steps with the lanes of their operands (immediates after a #), outputs.
 *
 * @example
 * `{ r1 = 2; r2 = mul.f r0 r1; return r2 }`
 */
export function printProgram(program: Program): string {
  const constants = program.constants.map((c, i) => `r${program.inputs + i} = ${formatNumber(c.value)}`);
  const first = program.inputs + program.constants.length;
  const steps = program.steps.map((step, i) => `r${first + i} = ${printStep(step)}`);
  return `{ ${[...constants, ...steps, `return${registers(program.outputs)}`].join('; ')} }`;
}

function printStep({ op, lanes, args, immediates }: Step): string {
  const suffix = immediates === undefined ? '' : ` #${immediates.join(' ')}`;
  return `${op}.${lanes}${registers(args)}${suffix}`;
}

const registers = (list: readonly number[]): string => list.map((r) => ` r${r}`).join('');
