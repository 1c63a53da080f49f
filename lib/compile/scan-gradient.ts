import { type Carry, type Element, makeScan, nodesBetween, parameter } from '../ir/body.js';
import { type Flowing, hasGradient, sumGradients } from '../ir/gradients.js';
import type { Attributes, Node, Tensor } from '../ir/graph.js';
import { add, cast } from '../ir/ops/elementwise.js';
import { zerosLike } from '../ir/ops/random.js';
import { sum } from '../ir/ops/reduce.js';
import { reshape } from '../ir/ops/shape.js';
import type { Product } from '../ir/products.js';
import type { Arrived, Flow } from './autodiff.js';
import { rebuild } from './rewrite.js';

type FlowBack = (from: readonly Flow[], wrt: readonly Tensor[], nodes: readonly Node[]) => Arrived;

const isProduct = (part: Flowing): part is Product => 'a' in part;

/**
 * The gradient of a scan is a scan that runs the other way. It carries the gradients of the carries; its elements are the
 * gradients of the results, and the values of the way there that the body's gradient needs: results of the first scan,
 * and from them whatever is cheap to compute again.
 *
 * The gradient of a constant is a sum over all steps. Products are made after the loop, of the factors of all steps at
 * once; what is collected anyway is summed then, too; only the rest is added up in a carry.
 *
 * @param dy gradients of the node's outputs, where there are any
 * @param wanted the inputs that need a gradient are in it
 */
export function scanFlows(
  node: Node<'scan'>,
  dy: readonly (Tensor | undefined)[],
  wanted: ReadonlySet<Tensor>,
  flowBack: FlowBack,
): Flow[] {
  if (dy.every((t) => t === undefined)) return [];
  const { steps, reverse, body } = node.attrs as Attributes['scan'];
  const { carries, results, next } = body;
  const inputOf = new Map(body.parameters.map((t, i) => [t, node.inputs[i] as Tensor]));
  const isWanted = (t: Tensor): boolean => wanted.has(inputOf.get(t) as Tensor);

  const float = [...carries.keys()].filter((i) => hasGradient(carries[i] as Tensor));
  const states = float.map((i) => parameter('the gradient of a carry', carries[i] as Tensor));
  const from: Flow[] = float.map((i, k) => ({ to: next[i] as Tensor, gradient: states[k] as Tensor }));
  const upstream = results.flatMap((to, i): Element[] => {
    const sequence = dy[carries.length + i];
    if (sequence === undefined) return [];
    const gradient = parameter('the gradient of a result', to);
    from.push({ to, gradient });
    return [{ parameter: gradient, sequence }];
  });
  const toCarries = float.map((i) => carries[i] as Tensor);
  const toElements = body.elements.filter(isWanted);
  const toConstants = body.constants.filter(isWanted);
  const arrived = flowBack(from, [...toConstants, ...toCarries, ...toElements], body.nodes);

  const replay = new Replay(node, states[0] ?? (upstream[0] as Element).parameter);
  const gradientOf = (t: Tensor): Tensor => replay.run(arrived.total(t) ?? zerosLike(t));
  const ofCarries = toCarries.map(gradientOf);
  const ofElements = toElements.map(gradientOf);
  const ofConstants = toConstants.map((t) => {
    const parts = arrived.parts(t) ?? [];
    const products = parts.filter(isProduct).map((p) => ({ ...p, a: replay.run(p.a), b: replay.run(p.b) }));
    const others = parts.filter((part) => !isProduct(part));
    const rest = { shape: t.shape, dtype: 'float32' } as const; // of all steps, before it is rounded
    return { t, products, rest: others.length > 0 ? replay.run(sumGradients(rest, others)) : undefined };
  });

  const elements = [...upstream, ...replay.elements];
  /** What there is of a tensor in all steps. */
  const stacked = new Map(elements.map((e) => [e.parameter, e.sequence]));
  const factors = ofConstants.flatMap(({ products }) => products.flatMap(({ a, b }) => [a, b]));
  const outputs = [...new Set([...ofElements, ...factors])].filter((t) => !stacked.has(t));
  const sums = new Map<Tensor, Carry>(); // by what is added up
  for (const { rest } of ofConstants) {
    if (rest === undefined || stacked.has(rest) || outputs.includes(rest)) continue;
    const total = parameter('a sum over steps', rest);
    sums.set(rest, { parameter: total, initial: zerosLike(rest), next: add(total, rest) });
  }
  const flowing = float.map((i, k): Carry => {
    const state = states[k] as Tensor;
    return { parameter: state, initial: dy[i] ?? zerosLike(state), next: ofCarries[k] as Tensor };
  });
  const back = makeScan({ steps, reverse: !reverse, carries: [...flowing, ...sums.values()], elements, outputs });
  for (const [i, t] of outputs.entries()) stacked.set(t, back.outputs[i] as Tensor);

  const summed = (t: Tensor): Tensor => {
    const at = [...sums.keys()].indexOf(t);
    return at < 0 ? sum(stacked.get(t) as Tensor, 0) : (back.last[flowing.length + at] as Tensor);
  };
  /** [steps, K, M] -> [steps · K, M] */
  const tall = (t: Tensor): Tensor => reshape(stacked.get(t) as Tensor, [-1, t.shape[1] as number]);
  const flow = (t: Tensor, gradient: Flowing): Flow => ({ to: inputOf.get(t) as Tensor, gradient });
  return [
    ...toCarries.map((t, k) => flow(t, back.last[k] as Tensor)),
    ...toElements.map((t, k) => flow(t, stacked.get(ofElements[k] as Tensor) as Tensor)),
    ...ofConstants.flatMap(({ t, products, rest }) => [
      ...(rest === undefined ? [] : [flow(t, cast(summed(rest), t.dtype))]),
      ...products.map((p) => flow(t, { ...p, a: tall(p.a), b: tall(p.b) })),
    ]),
  ];
}

/** Rewrites what the gradient of a body computes, so that it begins at values that the `scan` node has collected. */
class Replay {
  /** Those that are needed. */
  readonly elements: Element[] = [];
  readonly #collected: ReadonlyMap<Tensor, Tensor>;
  readonly #body: ReadonlySet<Node>;
  readonly #done = new Map<Tensor, Tensor>();

  /**
   * @param first the first node of the gradient: what is older, and not of the body, lies outside
   */
  constructor(
    node: Node<'scan'>,
    readonly first: Tensor,
  ) {
    const { body } = node.attrs as Attributes['scan'];
    const { carries, constants, elements, results } = body;
    const sequences = node.inputs.slice(constants.length + carries.length);
    this.#body = new Set(body.nodes);
    this.#collected = new Map([
      ...results.map((t, i) => [t, node.outputs[carries.length + i] as Tensor] as const),
      ...elements.map((t, i) => [t, sequences[i] as Tensor] as const),
    ]);
    for (const [i, t] of constants.entries()) this.#done.set(t, node.inputs[i] as Tensor);
  }

  run(result: Tensor): Tensor {
    for (const node of nodesBetween([result], (t) => this.#known(t) !== undefined)) {
      const inputs = node.inputs.map((t) => this.#known(t) as Tensor);
      const made = rebuild(node, inputs);
      node.outputs.forEach((t, i) => {
        this.#done.set(t, made.outputs[i] as Tensor);
      });
    }
    return this.#known(result) as Tensor;
  }

  /** What stands for a tensor already. */
  #known(t: Tensor): Tensor | undefined {
    const done = this.#done.get(t);
    if (done !== undefined) return done;
    const sequence = this.#collected.get(t);
    if (sequence === undefined) return t.node.id < this.first.node.id && !this.#body.has(t.node) ? t : undefined;
    const element = parameter('a value of the way there', t);
    this.elements.push({ parameter: element, sequence });
    this.#done.set(t, element);
    return element;
  }
}
