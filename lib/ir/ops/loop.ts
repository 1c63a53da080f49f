import { type Element, makeScan, parameter } from '../body.js';
import { checkFunction, checkOptions, opError, show } from '../build.js';
import { Tensor } from '../graph.js';
import { randomOfSteps } from '../step-random.js';
import { zeros } from './random.js';
import { checkLike, checkTree, leaves, lengthOf, type TensorTree } from './tree.js';

export type { TensorTree } from './tree.js';

export interface ScanStep<C extends TensorTree, Y extends TensorTree> {
  /** What the next step gets: the structure, shapes and dtypes of `initial`. */
  readonly carry: C;
  /** What is collected. */
  readonly output: Y;
}

export interface ScanOptions {
  /** Runs from the last element to the first; outputs stay at the positions of their inputs. Default: false. */
  readonly reverse?: boolean;
}

/**
 * Carries a state along the leading (time) axis of tensors:
 *
 *     for t in 0 .. T - 1:  (carry, outputs[t]) = body(carry, sequence[t])
 *
 * The body is traced once and becomes a loop of the compiled step. What it computes from neither the carry nor an element
 * is computed once, before the loop; what depends on the elements only is best computed outside, for all steps at once.
 * Random numbers differ from step to step. Gradients flow through; they keep the values of all steps that they need.
 *
 * @param body a pure function of the carry and of element t of every sequence (without the time axis). Tensors inside
 *     it mean nothing outside
 * @param initial the carry before the first step
 * @param sequence tensors [T, ...] with one T
 * @returns the last carry, and the outputs of all steps stacked: [T, ...]
 * @throws Error when the sequences differ in length or have rank 0, when body returns something else than promised, or
 *     when the carry changes its structure, shape or dtype
 *
 * @example
 * // running maximum
 * const { output } = ops.scan(
 *   (best: Tensor, x: Tensor) => { const carry = ops.maximum(best, x); return { carry, output: carry }; },
 *   ops.scalar(-Infinity),
 *   tensor([1, 3, 2]),
 * ); // 1, 3, 3
 */
export function scan<C extends TensorTree, X extends TensorTree, Y extends TensorTree>(
  body: (carry: C, x: X) => ScanStep<C, Y>,
  initial: C,
  sequence: X,
  options: ScanOptions = {},
): ScanStep<C, Y> {
  checkFunction('scan', 'body', body);
  checkOptions('scan', options);
  checkTree('scan', 'initial', initial);
  const steps = lengthOf('scan', sequence);
  const { reverse = false } = options;
  if (typeof reverse !== 'boolean') throw opError('scan', `reverse must be true or false, got ${show(reverse)}`);
  const first = leaves(initial).map(([path, t]) => parameter(`carry${path} of a scan`, t));
  const elements = leaves(sequence).map(([path, t]): Element => {
    const type = { shape: t.shape.slice(1), dtype: t.dtype };
    return { parameter: parameter(`element${path} of a scan`, type), sequence: t };
  });
  const traced = randomOfSteps(steps, (drawn) => {
    const step = body(
      refill(initial, first),
      refill(
        sequence,
        elements.map((e) => e.parameter),
      ),
    );
    checkStep(initial, step);
    return { step, elements: [...elements, ...drawn()] };
  });
  const { carry, output } = traced.step;
  // the body still says what its outputs look like
  if (steps === 0) return { carry: initial, output: mapTree(output, (t) => zeros([0, ...t.shape], t.dtype)) };
  const next = new Map(leaves(carry));
  const loop = makeScan({
    steps,
    reverse,
    carries: leaves(initial).map(([path, t], i) => ({
      parameter: first[i] as Tensor,
      initial: t,
      next: next.get(path) as Tensor,
    })),
    elements: traced.elements,
    outputs: leaves(output).map(([, t]) => t),
  });
  return { carry: refill(initial, loop.last), output: refill(output, loop.outputs) };
}

function mapTree<T extends TensorTree>(tree: T, f: (t: Tensor) => Tensor): T {
  if (tree instanceof Tensor) return f(tree) as T;
  if (Array.isArray(tree)) return tree.map(f) as unknown as T;
  return Object.fromEntries(Object.entries(tree).map(([key, t]) => [key, f(t)])) as T;
}

/** The structure of a tree with other leaves, in order. */
function refill<T extends TensorTree>(tree: T, tensors: readonly Tensor[]): T {
  let next = 0;
  return mapTree(tree, () => tensors[next++] as Tensor);
}

function checkStep(initial: TensorTree, step: ScanStep<TensorTree, TensorTree>): void {
  if (typeof step !== 'object' || step === null) {
    throw opError('scan', `body must return { carry, output }, got ${show(step)}`);
  }
  checkTree('scan', 'the output of body', step.output);
  checkLike('scan', 'the carry of body', initial, step.carry);
}
