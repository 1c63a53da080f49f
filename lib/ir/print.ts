import {
  type Attributes,
  formatType,
  type Graph,
  type HostData,
  type Node,
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
 * Nodes are numbered from 0 in the order shown, so equal graphs print alike. A node with several outputs is referred to
 * as `%3.0`, `%3.1`.
 */
export function printGraph(graph: Graph): string {
  const nodes = topological(graph);
  const numbers = new Map(nodes.map((node, number) => [node, number]));
  const name = (t: Tensor): string => {
    const id = `%${numbers.get(t.node)}`;
    return t.node.outputs.length === 1 ? id : `${id}.${t.index}`;
  };
  const lines = nodes.map((node) => printNode(node, name));
  if (graph.outputs.length > 0) lines.push(`return ${graph.outputs.map(name).join(', ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

function printNode(node: Node, name: (t: Tensor) => string): string {
  const results = node.outputs.map(name).join(', ');
  const inputs = node.inputs.length > 0 ? `(${node.inputs.map(name).join(', ')})` : '';
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

function printAttributes(node: Node): string {
  const entries = Object.entries(node.attrs).filter(([, value]) => value !== undefined && typeof value !== 'function');
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
    default:
      return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
  }
}

function printData(data: HostData): string {
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
