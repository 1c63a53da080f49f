import { gradients } from '../../lib/compile/autodiff';
import { fuse } from '../../lib/compile/fuse';
import { memoryOf, schedule } from '../../lib/compile/schedule';
import { simplify } from '../../lib/compile/simplify';
import { legalizeViews } from '../../lib/compile/views';
import type { Attributes, Graph, Node, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { fed } from '../helpers/evaluate';
import { planned } from '../helpers/memory';
import { read, variable, write } from '../helpers/stateful';

const orderOf = (graph: Graph) => schedule(fuse(legalizeViews(simplify(graph)))).order;

/** Layers of `width` units on `batch` rows, and a step of `learningRate`, which is made last. */
function training(depth: number, batch: number, width: number, learningRate: () => Tensor | number): Graph {
  const x = fed(0, [batch, width]);
  const kernels = Array.from({ length: depth }, (_, i) => variable(`kernel${i}`, [width, width]));
  const values = kernels.map(read);
  const y = values.reduce((h, w) => ops.tanh(ops.matmul(h, w)), x as Tensor);
  const loss = ops.sum(ops.square(y));
  const slopes = gradients(loss, values);
  const rate = learningRate();
  const writes = slopes.map((g, i) => write(kernels[i], ops.subtract(values[i], ops.multiply(g, rate))));
  return { inputs: [x], outputs: [], writes };
}

/** A step of one layer whose logits of 8 rows are classes, by a number made of the losses of the rows. */
function classifier(classes: number, total: (losses: Tensor) => Tensor): Graph {
  const x = fed(0, [8, 16]);
  const labels = fed(1, [8], 'int32');
  const kernel = variable('kernel', [16, classes]);
  const value = read(kernel);
  const loss = total(ops.sparseSoftmaxCrossEntropy(ops.matmul(x, value), labels));
  const [slope] = gradients(loss, [value]);
  return { inputs: [x, labels], outputs: [loss, slope], writes: [write(kernel, ops.subtract(value, slope))] };
}

/** The layer whose kernel a product updates, or whose rows it makes the gradient of. */
const updates = (order: readonly Node[]) =>
  order
    .filter((n) => n.op === 'matmul')
    .map((n) => {
      const [rows] = n.outputs[0].shape;
      return rows === 8 ? 'rows' : 'kernel';
    });

describe('the order of instructions', () => {
  it('has the gradient of a kernel right behind the last one that reads the kernel', () => {
    const order = updates(orderOf(training(3, 8, 32, () => 0.1)));
    // forward: three; then the rows of layer 2 and its kernel, those of layer 1, and the kernel of layer 0 at the end
    expect(order).toEqual(['rows', 'rows', 'rows', 'rows', 'kernel', 'rows', 'kernel', 'kernel']);
  });

  it('has the sum of squares of a gradient right behind it, though the gradient is read again', () => {
    const x = fed(0, [8, 32]);
    const kernels = [0, 1, 2].map((i) => variable(`kernel${i}`, [32, 32]));
    const values = kernels.map(read);
    const loss = ops.sum(ops.square(values.reduce((h, w) => ops.tanh(ops.matmul(h, w)), x as Tensor)));
    const slopes = gradients(loss, values);
    const norm = ops.sqrt(slopes.map((g) => ops.sum(ops.square(g))).reduce((sum, s) => ops.add(sum, s)));
    const writes = slopes.map((g, i) => write(kernels[i], ops.subtract(values[i], ops.divide(g, norm))));
    const kinds = orderOf({ inputs: [x], outputs: [], writes })
      .filter((n) => n.op === 'matmul' || n.op === 'reduce')
      .map((n) => (n.op === 'reduce' ? 'sum' : n.outputs[0].shape[0] === 8 ? 'rows' : 'kernel'));
    expect(kinds.join(' ')).toBe('rows rows rows rows rows kernel sum kernel sum kernel sum');
  });

  it('has the sum over a batch right behind the rows that it sums', () => {
    const x = fed(0, [64, 32]);
    const kernels = [0, 1, 2].map((i) => variable(`kernel${i}`, [32, 32]));
    const biases = [0, 1, 2].map((i) => variable(`bias${i}`, [32]));
    const weights = [...kernels, ...biases].map(read);
    let h: Tensor = x;
    for (let i = 0; i < 3; i++) h = ops.tanh(ops.add(ops.matmul(h, weights[i]), weights[3 + i]));
    const slopes = gradients(ops.sum(ops.square(h)), weights);
    const writes = slopes.map((g, i) => write([...kernels, ...biases][i], ops.subtract(weights[i], g)));
    const kinds = orderOf({ inputs: [x], outputs: [], writes })
      .filter((n) => n.op === 'matmul' || n.op === 'reduce')
      .map((n) => (n.op === 'reduce' ? 'sum' : n.outputs[0].shape[0] === 64 ? 'rows' : 'kernel'));
    expect(kinds.join(' ')).toBe('rows rows rows sum rows sum kernel rows sum kernel kernel');
  });

  it('makes a step size soon where an update waits for nothing else', () => {
    const count = variable('count', []);
    let next: Tensor | undefined;
    const { inputs, outputs, writes } = training(3, 8, 32, () => {
      next = ops.add(read(count), 1);
      return ops.divide(0.1, ops.sqrt(next));
    });
    const order = orderOf({ inputs, outputs, writes: [...writes, write(count, next as Tensor)] });
    expect(updates(order)).toEqual(['rows', 'rows', 'rows', 'rows', 'kernel', 'rows', 'kernel', 'kernel']);
    const small = order.findIndex((n) => n.outputs.every((t) => t.size === 1) && n.op === 'map');
    expect(order.slice(0, small).filter((n) => n.op === 'matmul')).toHaveLength(4); // not before it is needed
  });

  it('frees what a gradient reads before the next one is made', () => {
    const rows = 64 * 16 * 4; // bytes of one layer's rows
    const shallow = planned(training(4, 64, 16, () => 0.1)).arena.bytes;
    const deep = planned(training(12, 64, 16, () => 0.1)).arena.bytes;
    expect((deep - shallow) / rows).toBe(8); // one kept value for each layer more, and no gradient
  });

  it.each([3, 65])('has a loss of %i classes right behind its gradient', (classes) => {
    const order = orderOf(classifier(classes, (losses) => ops.mean(losses))).map((n) => n.op);
    const at = order.indexOf('softmaxCrossEntropyGrad');
    expect(order[at + 1]).toBe('softmaxCrossEntropy');
  });

  it('has a loss that its gradient needs in front of it', () => {
    const weighted = (losses: Tensor) => ops.mean(ops.multiply(losses, ops.stopGradient(losses)));
    const order = orderOf(classifier(65, weighted)).map((n) => n.op);
    expect(order.indexOf('softmaxCrossEntropy')).toBeGreaterThanOrEqual(0);
    expect(order.indexOf('softmaxCrossEntropy')).toBeLessThan(order.indexOf('softmaxCrossEntropyGrad'));
  });

  it('has a loss that is kept behind its gradient and who reads the one before', () => {
    const [kept, seen] = [variable('kept', [8]), variable('seen', [8])];
    let losses: Tensor | undefined;
    const graph = classifier(65, (t) => {
      losses = t;
      return ops.mean(t);
    });
    // which the old one is read behind
    const later = ops.sum(ops.square(graph.outputs[1] as Tensor));
    const old = ops.softmax(ops.reshape(ops.multiply(read(kept), later), [2, 4]));
    const writes = [...graph.writes, write(kept, losses as Tensor), write(seen, ops.reshape(old, [8]))];
    const { order, copies } = schedule(fuse(legalizeViews(simplify({ ...graph, writes }))));
    const at = (op: string) => order.findIndex((n) => n.op === op);
    expect(copies).toEqual([]);
    expect(at('softmaxCrossEntropyGrad')).toBeLessThan(at('softmaxCrossEntropy'));
    const readsKept = (t: Tensor) => (memoryOf(t).base.node.attrs as Attributes['variable']).variable === kept;
    const reader = order.findIndex((n) => n.inputs.some(readsKept));
    expect(reader).toBeGreaterThan(at('softmaxCrossEntropyGrad'));
    expect(reader).toBeLessThan(at('softmaxCrossEntropy'));
  });
});
