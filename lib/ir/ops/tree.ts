/** Tensors in lists and records, as loops carry them. */
import { opError, show } from '../build.js';
import { formatType, sameShape, Tensor } from '../graph.js';

/** One tensor, or several in a list or record. */
export type TensorTree = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

/** Each tensor, and where it is. */
export const leaves = (tree: TensorTree): readonly (readonly [string, Tensor])[] =>
  tree instanceof Tensor ? [['', tree]] : Object.entries(tree).map(([key, t]) => [`[${key}]`, t] as const);

export function checkTree(op: string, what: string, tree: unknown): asserts tree is TensorTree {
  const isTree = typeof tree === 'object' && tree !== null;
  const wrong = isTree ? leaves(tree as TensorTree).find(([, t]) => !(t instanceof Tensor)) : ['', tree];
  if (wrong === undefined) return;
  const [path, value] = wrong;
  throw opError(op, `${what}${path} must be a tensor, or tensors in a list or record, got ${show(value)}`);
}

/** Number of steps. */
export function lengthOf(op: string, sequence: unknown): number {
  checkTree(op, 'sequence', sequence);
  const all = leaves(sequence);
  const first = all[0]?.[1].shape[0];
  if (first === undefined) throw opError(op, 'sequence must hold at least one tensor of rank >= 1');
  for (const [path, t] of all) {
    if (t.shape[0] !== first) {
      throw opError(op, `sequence${path} ${formatType(t)} must have ${first} elements along its leading axis`);
    }
  }
  return first;
}

export function checkLike(op: string, what: string, expected: TensorTree, got: unknown): asserts got is TensorTree {
  checkTree(op, what, got);
  const wanted = leaves(expected);
  const found = new Map(leaves(got));
  if (found.size !== wanted.length || wanted.some(([path]) => !found.has(path))) {
    const list = (tree: TensorTree) => `{${leaves(tree).map(([path]) => path || 'a tensor')}}`;
    throw opError(op, `${what} must keep its structure ${list(expected)}, got ${list(got)}`);
  }
  for (const [path, t] of wanted) {
    const other = found.get(path) as Tensor;
    const same: boolean = other.dtype === t.dtype && sameShape(other.shape, t.shape);
    if (!same) throw opError(op, `${what}${path} must stay ${formatType(t)}, got ${formatType(other)}`);
  }
}
