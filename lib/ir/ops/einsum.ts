import { asTensor, type Operand, opError } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { cast, multiply } from './elementwise.js';
import { matmul } from './linalg.js';
import { diagonal } from './matrix.js';
import { sum } from './reduce.js';
import { broadcastTo, reshape, transpose } from './shape.js';

/** A tensor whose axes have names: letters, and for what an ellipsis stands for, numbers counted from its end. */
interface Named {
  readonly value: Tensor;
  readonly labels: readonly string[];
}

/**
 * Sum of products in Einstein's notation: every letter names an axis; letters that the result lacks are summed over.
 *
 * Without '->' the result has the letters that occur once, in alphabetical order. '...' stands for any number of leading
 * axes, which broadcast. A letter twice in one operand takes its diagonal. Operands are contracted from the left, each
 * pair as one (batched) matrix product in float32.
 *
 * @throws Error when the equation is malformed or does not fit the operands
 *
 * @example
 * ops.einsum('ij,jk->ik', a, b); // matrix product
 * ops.einsum('bthd,bshd->bhts', q, k); // attention scores
 * ops.einsum('...ii->...', x); // traces
 */
export function einsum(equation: string, ...operands: Operand[]): Tensor {
  const { inputs, output } = parse(equation, operands.length);
  const fail = (message: string): never => {
    throw opError('einsum', `'${equation}': ${message}`);
  };
  const named = operands.map((o, i) => {
    const t = cast(asTensor('einsum', `operand ${i}`, o), 'float32');
    return withoutRepeats({ value: t, labels: labelAxes(inputs[i] as string, t, i, fail) }, fail);
  });
  checkSizes(named, fail);

  const ellipsis = [...new Set(named.flatMap((n) => n.labels.filter((l) => !isLetter(l))))].sort(
    (a, b) => Number(b) - Number(a),
  );
  if (ellipsis.length > 0 && output?.includes('...') === false) fail(`the result needs a '...' like the operands`);
  const result = output === undefined ? implicit(inputs, ellipsis) : expand(output, ellipsis);
  for (const label of result) {
    if (!named.some((n) => n.labels.includes(label))) fail(`letter '${label}' of the result is in no operand`);
  }
  const contracted = named.slice(1).reduce((left, right, i) => {
    // what no later operand and not the result needs is summed over now
    const later = new Set([...result, ...named.slice(i + 2).flatMap((n) => n.labels)]);
    return contract(left, right, later);
  }, named[0] as Named);
  return arrange(reduceTo(contracted, new Set(result)), result);
}

const isLetter = (label: string): boolean => /^[A-Za-z]$/.test(label);

function parse(equation: string, operands: number): { inputs: string[]; output: string | undefined } {
  if (typeof equation !== 'string') throw opError('einsum', `equation must be a string, got ${typeof equation}`);
  const text = equation.replaceAll(' ', '');
  const fail = (message: string): never => {
    throw opError('einsum', `'${equation}': ${message}`);
  };
  const [left = '', output, ...more] = text.split('->');
  if (more.length > 0) fail(`'->' stands more than once`);
  const inputs = left.split(',');
  for (const term of output === undefined ? inputs : [...inputs, output]) {
    const letters = term.replace('...', '');
    const odd = [...letters].find((c) => !isLetter(c));
    if (odd !== undefined) fail(`unexpected '${odd}'; a term has letters and at most one '...'`);
  }
  if (output !== undefined && new Set(output.replace('...', '')).size !== output.replace('...', '').length) {
    fail('a letter stands twice in the result');
  }
  if (operands === 0 || inputs.length !== operands) {
    fail(`names ${inputs.length} operands, got ${operands}`);
  }
  return { inputs, output };
}

/** One label for each axis of an operand. */
function labelAxes(term: string, t: Tensor, index: number, fail: (message: string) => never): string[] {
  const letters = term.replace('...', '').length;
  const hidden = t.rank - letters;
  if (term.includes('...') ? hidden < 0 : hidden !== 0) {
    fail(`'${term}' has ${letters} letters, operand ${index} is ${formatType(t)}`);
  }
  return expand(
    term,
    [...Array(Math.max(0, hidden)).keys()].map((i) => String(hidden - 1 - i)),
  );
}

/** The labels of a term, with those of the ellipsis in its place. */
function expand(term: string, ellipsis: readonly string[]): string[] {
  const at = term.indexOf('...');
  if (at < 0) return [...term];
  return [...term.slice(0, at), ...ellipsis, ...term.slice(at + 3)];
}

/** Without an explicit result: what an ellipsis stands for, then the letters that occur once, in alphabetical order. */
function implicit(inputs: readonly string[], ellipsis: readonly string[]): string[] {
  const letters = [...inputs.join('').replaceAll('.', '')];
  const once = letters.filter((l) => letters.indexOf(l) === letters.lastIndexOf(l));
  return [...ellipsis, ...once.sort()];
}

/** Takes the diagonal for each letter that stands twice in one operand. */
function withoutRepeats({ value, labels }: Named, fail: (message: string) => never): Named {
  const second = labels.findIndex((l, i) => labels.indexOf(l) < i);
  if (second < 0) return { value, labels };
  const first = labels.indexOf(labels[second] as string);
  if (value.shape[first] !== value.shape[second]) {
    fail(`axes '${labels[first]}' of ${formatType(value)} differ in size`);
  }
  const others = [...labels.keys()].filter((i) => i !== first && i !== second);
  const moved = diagonal(transpose(value, [...others, first, second]));
  return withoutRepeats(
    { value: moved, labels: [...others.map((i) => labels[i] as string), labels[first] as string] },
    fail,
  );
}

/** A letter has one size everywhere; axes of an ellipsis may also be 1. */
function checkSizes(named: readonly Named[], fail: (message: string) => never): void {
  const sizes = new Map<string, number>();
  for (const { value, labels } of named) {
    labels.forEach((label, i) => {
      const n = value.shape[i] as number;
      const known = sizes.get(label);
      const stretches = !isLetter(label) && (n === 1 || known === 1);
      if (known !== undefined && known !== n && !stretches) {
        fail(`${isLetter(label) ? `letter '${label}'` : 'an axis of the ellipsis'} has sizes ${known} and ${n}`);
      }
      if (known === undefined || known === 1) sizes.set(label, n);
    });
  }
}

/** The product of two operands, summed over what `later` does not need: [batch, m, k] x [batch, k, n]. */
function contract(a: Named, b: Named, later: ReadonlySet<string>): Named {
  const left = reduceTo(a, new Set([...later, ...b.labels]));
  const right = reduceTo(b, new Set([...later, ...a.labels]));
  const shared = left.labels.filter((l) => right.labels.includes(l));
  const inner = shared.filter((l) => !later.has(l));
  const batch = shared.filter((l) => later.has(l));
  const onlyLeft = left.labels.filter((l) => !shared.includes(l));
  const onlyRight = right.labels.filter((l) => !shared.includes(l));
  if (inner.length === 0) {
    const labels = [...batch, ...onlyLeft, ...onlyRight];
    return { value: multiply(spread(left, labels), spread(right, labels)), labels };
  }
  const size = new Map<string, number>();
  for (const { value, labels } of [left, right]) {
    labels.forEach((l, i) => {
      if ((size.get(l) ?? 1) === 1) size.set(l, value.shape[i] as number);
    });
  }
  const product = (labels: readonly string[]): number => labels.reduce((p, l) => p * (size.get(l) as number), 1);
  const sizes = (labels: readonly string[]): number[] => labels.map((l) => size.get(l) as number);
  const grouped = (n: Named, rows: readonly string[], columns: readonly string[]): Tensor => {
    const order = [...batch, ...rows, ...columns];
    const full = broadcastTo(arrange(n, order), sizes(order));
    return reshape(full, [...sizes(batch), product(rows), product(columns)]);
  };
  const value = matmul(grouped(left, onlyLeft, inner), grouped(right, inner, onlyRight));
  const labels = [...batch, ...onlyLeft, ...onlyRight];
  return { value: reshape(value, sizes(labels)), labels };
}

/** Sums over the axes that are not in `keep`. */
function reduceTo({ value, labels }: Named, keep: ReadonlySet<string>): Named {
  const axes = [...labels.keys()].filter((i) => !keep.has(labels[i] as string));
  return { value: sum(value, axes), labels: labels.filter((l) => keep.has(l)) };
}

/** Axes in the order of `labels`, which are the same. */
const arrange = ({ value, labels }: Named, order: readonly string[]): Tensor =>
  transpose(
    value,
    order.map((l) => labels.indexOf(l)),
  );

/** Axes in the order of `all`, with size 1 for those that the operand lacks. */
function spread(named: Named, all: readonly string[]): Tensor {
  const own = all.filter((l) => named.labels.includes(l));
  const value = arrange(named, own);
  return reshape(
    value,
    all.map((l) => (own.includes(l) ? (value.shape[own.indexOf(l)] as number) : 1)),
  );
}
