import { tensor } from '../ir/build.js';
import { Tensor } from '../ir/graph.js';

/** What may be passed where a traced function takes tensors, arrays or records of tensors: numbers stand for rank 0. */
export type Loose<T> = T extends Tensor ? Tensor | number : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;

/** A plain object, with or without `Object` behind it: no instance of a class. */
function isRecord(node: unknown): node is object {
  if (typeof node !== 'object' || node === null) return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  return prototype === null || prototype === Object.getPrototypeOf({});
}

/** Tensors of a tree in order, and a text that is the same for trees of the same structure. */
export function flatten(tree: unknown, what: string): { leaves: Tensor[]; structure: string } {
  const leaves: Tensor[] = [];
  const visit = (node: unknown, path: string): string => {
    if (node instanceof Tensor) {
      leaves.push(node);
      return '*';
    }
    if (typeof node === 'number') {
      leaves.push(tensor(node));
      return '*';
    }
    if (Array.isArray(node)) return `[${node.map((child, i) => visit(child, `${path}[${i}]`)).join()}]`;
    if (isRecord(node)) {
      const entries = Object.entries(node).map(([k, child]) => `${JSON.stringify(k)}:${visit(child, `${path}.${k}`)}`);
      return `{${entries.join()}}`;
    }
    const got = node === null ? 'null' : typeof node === 'object' ? (node as object).constructor.name : typeof node;
    throw new Error(`${path}: expected a tensor, a number, or arrays and records of them, got ${got}`);
  };
  return { structure: visit(tree, what), leaves };
}

/** The tree with its leaves replaced in order. */
export function unflatten<T>(tree: T, leaves: readonly Tensor[]): T {
  let next = 0;
  const visit = (node: unknown): unknown => {
    if (node instanceof Tensor || typeof node === 'number') return leaves[next++];
    if (Array.isArray(node)) return node.map(visit);
    return Object.fromEntries(Object.entries(node as object).map(([k, child]) => [k, visit(child)]));
  };
  return visit(tree) as T;
}
