import { gradients } from '../../lib/compile/autodiff';
import { fuse } from '../../lib/compile/fuse';
import { simplify } from '../../lib/compile/simplify';
import { legalizeViews } from '../../lib/compile/views';
import { make } from '../../lib/ir/build';
import type { Attributes, Graph, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { fed } from '../helpers/evaluate';
import { census, expectPreserved, graphOf, nodesOf, randomFeeds, randomProblem } from '../helpers/graphs';
import { checkNatively } from '../helpers/native';
import { Random } from '../helpers/random';

const { target } = loadAddon().info();
const passes = (enabled: boolean) => (graph: Graph) => fuse(legalizeViews(simplify(graph)), enabled);

/** Checks values in float64 and natively, and returns the fused graph. */
function fused(inputs: readonly Tensor[], outputs: readonly Tensor[]): Graph {
  const problem = { graph: graphOf(inputs, outputs), feeds: randomFeeds(inputs, new Random(1)) };
  checkNatively(problem, [target]);
  expectPreserved(problem, passes(false));
  return expectPreserved(problem, passes(true));
}

const repeat = (times: number, x: Tensor, f: (x: Tensor, i: number) => Tensor): Tensor => {
  let y = x;
  for (let i = 0; i < times; i++) y = f(y, i);
  return y;
};

describe('regions', () => {
  it('makes one instruction of a diamond with several results', () => {
    const x = fed(0, [5, 7]);
    const a = ops.sin(x);
    const graph = fused([x], [ops.add(ops.exp(a), ops.tanh(a)), a]);
    expect(census(graph)).toEqual({ input: 1, map: 1 });
    expect((nodesOf(graph, 'map')[0].attrs as Attributes['map']).program.outputs).toHaveLength(2);
  });

  it('does not enclose a reduction that needs the region and is needed by it', () => {
    const x = fed(0, [4, 6]);
    const e = ops.exp(x);
    const graph = fused([x], [ops.divide(e, ops.sum(e, 1, { keepDims: true }))]);
    expect(census(graph)).toMatchObject({ map: 2, reduce: 1 });
  });

  it('joins all rank-0 operations of a level, connected or not', () => {
    const [a, b] = [fed(0, []), fed(1, [])];
    expect(census(fused([a, b], [ops.sin(a), ops.exp(b)]))).toEqual({ input: 2, map: 1 });
  });

  it.each([96, 97, 192, 193, 500])('cuts a chain of %i operations', (length) => {
    const x = fed(0, [9]);
    const graph = fused([x], [repeat(length, x, ops.sin)]);
    expect(census(graph).map).toBe(Math.ceil(length / 96));
  });

  it('cuts two long chains that cross each other both ways', () => {
    const [x, y] = [fed(0, [6]), fed(1, [6])];
    const [a, b] = [ops.sin(x), ops.cos(y)];
    const [sines, cosines] = [repeat(90, a, ops.sin), repeat(90, b, ops.cos)];
    const left = ops.add(sines, b);
    const right = ops.add(cosines, a);
    fused([x, y], [left, right, ops.tanh(left), ops.multiply(right, left)]);
  });

  it('makes one map of those that read the same array', () => {
    const [x, y, z] = [fed(0, [6, 5]), fed(1, [6, 5]), fed(2, [5])];
    const both = [ops.softmax(ops.multiply(x, y)), ops.softmax(ops.sin(x))];
    expect(census(fused([x, y], both)).map).toBe(1);
    const rows = ops.add(ops.zeros([6, 5]), z);
    expect(census(fused([x, y, z], [ops.multiply(x, rows), ops.sin(ops.add(y, rows))])).map).toBe(2);
  });

  it('lowers an operation to the map that makes what only it reads', () => {
    const [x, y] = [fed(0, [6, 5]), fed(1, [6, 5])];
    const state = ops.sin(x);
    const used = ops.softmax(ops.multiply(state, y));
    const graph = fused([x, y], [ops.softmax(used), ops.multiply(state, 3)]);
    expect(census(graph).map).toBe(1);
    // not when a result would have to be stored besides what is read
    expect(census(fused([x, y], [ops.softmax(used), ops.multiply(state, 3), state])).map).toBe(2);
  });

  it('makes a part of two concatenations twice', () => {
    const [x, y] = [fed(0, [6, 5]), fed(1, [6, 5])];
    const part = ops.multiply(x, y);
    const both = [ops.concatenate([part, ops.sin(x)], 1), ops.concatenate([part, ops.sin(y)], 1)];
    const [map] = nodesOf(fused([x, y], both), 'map');
    expect(map.outputs).toHaveLength(4);
  });

  it('cuts a region that needs more registers than can be named', () => {
    const conditions = Array.from({ length: 90 }, (_, i) => fed(i, [3], 'bool'));
    const values = Array.from({ length: 91 }, (_, i) => fed(90 + i, [3]));
    const chosen = [values[90]];
    conditions.forEach((c, i) => {
      chosen.push(ops.where(c, chosen[i], values[i]));
    });
    expect(census(fused([...conditions, ...values], chosen)).map).toBeGreaterThan(1);
  });

  it('cuts hundreds of rank-0 operations', () => {
    const inputs = Array.from({ length: 150 }, (_, i) => fed(i, []));
    fused(
      inputs,
      inputs.map((x, i) => ops.sin(ops.add(x, ops.multiply(inputs[(i * 7) % 150], 0.5)))),
    );
  });
});

describe('programs', () => {
  it('keeps constants apart that JSON would not: infinities, NaN, signed zeros', () => {
    const x = fed(0, [4]);
    const y = fed(1, [5]);
    const bounded = [x, y, y].map((t, i) => ops.minimum(t, [Infinity, -Infinity, Number.NaN][i]));
    fused([x, y], [...bounded, ops.multiply(x, 0), ops.multiply(y, -0)]);
  });

  it('reads a seed as an operand of random numbers and as a plain number', () => {
    const x = fed(0, []);
    const seed = ops.cast(x, 'int32');
    const [s, zero] = [make('broadcast', [seed], {}, [8], 'int32'), ops.full([8], 3, 'int32')];
    const draw = (counter: Tensor) => make('random', [s, counter], { stream: 5 }, [8], 'float32');
    const plain = ops.cast(ops.add(ops.iota([8], 0), zero), 'float32');
    fused([x], [ops.add(plain, draw(zero)), ops.add(draw(zero), plain)]);
  });

  it('runs bool, int32 and float32 in one region', () => {
    const [i, x] = [fed(0, [7], 'int32'), fed(1, [7])];
    const inside = ops.logicalAnd(ops.greater(i, -2), ops.less(x, 0.5));
    const graph = fused(
      [i, x],
      [inside, ops.where(inside, ops.mod(i, 3), -1), ops.multiply(ops.cast(inside, 'float32'), x)],
    );
    expect(census(graph).map).toBe(1);
  });
});

describe('segments', () => {
  const update = (w: Tensor, g: Tensor) => ops.subtract(w, ops.multiply(g, 0.125));

  it('makes one instruction of the same program over different shapes', () => {
    const shapes = [[3, 4], [4], [4, 2], [2]];
    const w = shapes.map((s, i) => fed(i, s));
    const g = shapes.map((s, i) => fed(4 + i, s));
    const graph = fused(
      [...w, ...g],
      w.map((t, i) => update(t, g[i])),
    );
    expect(census(graph).map).toBe(1);
    expect(nodesOf(graph, 'map')[0].attrs).toMatchObject({ segments: 4 });
  });

  it('keeps dtypes apart', () => {
    const [a, b] = [fed(0, [3], 'int32'), fed(1, [4])];
    expect(census(fused([a, b], [ops.negative(a), ops.negative(b)])).map).toBe(2);
  });

  it('keeps random numbers apart: each map counts its own positions', () => {
    const draw = (n: number) => ops.add(ops.randomUniform([n], 0, 1, { seed: 4 }), 1);
    expect(census(fused([], [draw(5), draw(9)])).map).toBe(2);
  });

  it('may share an input that dies there', () => {
    const x = fed(0, [6, 5]);
    const [a, b] = [fed(1, [6, 5]), fed(2, [6, 5])];
    const shared = ops.softmax(x);
    expect(census(fused([x, a, b], [ops.multiply(shared, a), ops.multiply(shared, b)])).map).toBe(1);
  });
});

describe('epilogues and prologues', () => {
  const [x, w, v, bias] = [fed(0, [5, 3]), fed(1, [3, 4]), fed(2, [3, 4]), fed(3, [4])];

  it('finishes a product while it is hot', () => {
    const graph = fused([x, w, v, bias], [ops.relu(ops.add(ops.matmul(x, w), bias))]);
    expect(census(graph)).toMatchObject({ matmul: 1 });
    expect(census(graph).map).toBeUndefined();
  });

  it('finishes convolutions and their gradients while they are hot', () => {
    const [images, kernel, filterBias] = [fed(0, [2, 6, 5, 3]), fed(1, [3, 3, 3, 4]), fed(2, [4])];
    const layer = fused([images, kernel, filterBias], [ops.tanh(ops.add(ops.conv(images, kernel), filterBias))]);
    expect(census(layer)).toEqual({ input: 3, broadcast: 1, conv: 1 });
    const [dy, old] = [fed(3, [2, 4, 3, 4]), fed(4, kernel.shape)];
    const geometry = { strides: [1, 1], dilation: [1, 1], padding: [0, 0], groups: 1 };
    const update = make('convKernelGrad', [images, dy], geometry, kernel.shape, 'float32');
    const input = make('convInputGrad', [dy, kernel], geometry, images.shape, 'float32');
    const backward = fused(
      [images, kernel, filterBias, dy, old],
      [ops.subtract(old, ops.multiply(update, 0.1)), ops.multiply(input, ops.sin(images))],
    );
    expect(census(backward)).toMatchObject({ convKernelGrad: 1, convInputGrad: 1 });
    expect(nodesOf(backward, 'convKernelGrad')[0].attrs).toHaveProperty('epilogue');
  });

  it('updates a table by the rows that were added up', () => {
    const [ids, rows, table, momentum] = [fed(0, [6], 'int32'), fed(1, [6, 20]), fed(2, [5, 20]), fed(3, [5, 20])];
    const next = ops.add(ops.multiply(momentum, 0.9), ops.scatterAdd(ids, rows, 5));
    const graph = graphOf([ids, rows, table, momentum], [ops.subtract(table, ops.multiply(next, 0.1)), next]);
    const feeds = [Int32Array.of(0, 4, 2, 4, 4, 1), ...randomFeeds([rows, table, momentum], new Random(1))];
    checkNatively({ graph, feeds }, [target]);
    const after = expectPreserved({ graph, feeds }, passes(true));
    expect(census(after)).toEqual({ input: 4, scatterAdd: 1 });
    expect(nodesOf(after, 'scatterAdd')[0].outputs).toHaveLength(2);
  });

  it('of a product and rows that are added up goes into the product', () => {
    const [ids, rows, table, dy] = [fed(0, [6], 'int32'), fed(1, [6, 20]), fed(2, [5, 20]), fed(3, [8, 5])];
    const ofLogits = ops.matmul(ops.transpose(dy), fed(4, [8, 20]));
    const gradient = ops.add(ofLogits, ops.scatterAdd(ids, rows, 5));
    const inputs = [ids, rows, table, dy, ofLogits.node.inputs[1] as Tensor];
    const graph = graphOf(inputs, [ops.subtract(table, ops.multiply(gradient, 0.1))]);
    const feeds = [Int32Array.of(0, 4, 2, 4, 4, 1), ...randomFeeds(inputs.slice(1), new Random(1))];
    checkNatively({ graph, feeds }, [target]);
    const after = expectPreserved({ graph, feeds }, passes(true));
    expect(census(after).map).toBeUndefined();
    expect(nodesOf(after, 'matmul')[0].attrs).toHaveProperty('epilogue');
    expect(nodesOf(after, 'scatterAdd')[0].attrs).not.toHaveProperty('epilogue');
  });

  it('goes into one of two products', () => {
    const graph = fused([x, w, v, bias], [ops.add(ops.tanh(ops.matmul(x, w)), ops.sin(ops.matmul(x, v)))]);
    expect(census(graph)).toMatchObject({ matmul: 2 });
    expect(census(graph).map).toBeUndefined();
  });

  it('finishes both of two products that are added, each with its bias', () => {
    const sum = ops.add(ops.relu(ops.add(ops.matmul(x, w), bias)), ops.matmul(x, v));
    const graph = fused([x, w, v, bias], [ops.tanh(sum)]);
    expect(census(graph).map).toBeUndefined();
    expect(nodesOf(graph, 'matmul').map(({ attrs }) => 'epilogue' in attrs)).toEqual([true, true]);
  });

  it('leaves a product alone that is fetched, or read by something else', () => {
    const product = ops.matmul(x, w);
    expect(census(fused([x, w, v, bias], [ops.tanh(product), product])).map).toBe(1);
    const other = ops.matmul(x, w);
    expect(census(fused([x, w, v, bias], [ops.tanh(other), ops.sum(other)])).map).toBe(1);
  });

  it('stores several results', () => {
    const z = ops.add(ops.matmul(x, w), bias);
    const graph = fused([x, w, v, bias], [ops.sigmoid(z), z]);
    expect(nodesOf(graph, 'matmul')[0].outputs).toHaveLength(2);
  });

  it('does not store bool from a product', () => {
    const z = ops.matmul(x, w);
    expect(census(fused([x, w, v, bias], [ops.greater(ops.tanh(z), 0), z])).map).toBe(1);
  });

  it('finishes a batched product with dropout', () => {
    const [a, b] = [fed(0, [2, 3, 4]), fed(1, [2, 4, 5])];
    const graph = fused([a, b], [ops.dropout(ops.tanh(ops.matmul(a, b)), 0.5, { seed: 9 })]);
    expect(census(graph)).toMatchObject({ matmul: 1 });
  });

  it('runs before a reduction that is its only reader', () => {
    const graph = fused([x, w, v, bias], [ops.sum(ops.square(ops.sin(x)), 0)]);
    expect(census(graph)).toEqual({ input: 4, reduce: 1 });
  });

  it('does not move random numbers into a reduction', () => {
    const graph = fused([x], [ops.sum(ops.multiply(x, ops.randomUniform([5, 3], 0, 1, { seed: 2 })), 1)]);
    expect(census(graph)).toMatchObject({ map: 1, reduce: 1 });
  });

  it('runs a product, its epilogue and a reduction of it', () => {
    const z = ops.tanh(ops.add(ops.matmul(x, w), bias));
    fused([x, w, v, bias], [ops.sum(ops.square(z)), ops.max(z, 1), ops.sum(ops.multiply(z, ops.matmul(x, v)))]);
  });
});

describe('large values', () => {
  // More than 2^16 elements. What they are computed in float64 would take half a minute: the cases of large sizes do that.
  const shape = [5, 32, 32, 16];
  function fused(inputs: readonly Tensor[], outputs: readonly Tensor[]): Graph {
    const graph = graphOf(inputs, outputs);
    const feeds = randomFeeds(inputs, new Random(1));
    const [whole, apart] = [true, false].map((fuse) => new Executable(graph, { fuse }).run(feeds));
    whole?.forEach((values, i) => {
      const expected = apart?.[i] as Float32Array;
      // sums of 5120 numbers about 1 in another order, in float32
      values.forEach((v, k) => {
        if (!(Math.abs(v - (expected[k] as number)) <= 1e-3 * Math.max(1, Math.abs(expected[k] as number))))
          throw new Error(`output ${i}: element ${k} is ${v}, unfused ${expected[k]}`);
      });
    });
    return passes(true)(graph);
  }
  const [x, dy, gamma, beta] = [fed(0, shape), fed(1, shape), fed(2, [16]), fed(3, [16])];

  it('are read once for each sum and each result of batch normalization', () => {
    const { mean, variance } = ops.moments(x, [0, 1, 2]);
    const y = ops.relu(ops.batchNormalization(x, mean, variance, { scale: gamma, offset: beta }));
    const loss = ops.sum(ops.multiply(y, dy));
    const graph = fused([x, dy, gamma, beta], [y, ...(gradients(loss, [x, gamma, beta]) as Tensor[])]);
    const large = nodesOf(graph, 'map').flatMap((node) => node.outputs.filter((t) => t.size > 1 << 16));
    // y, its gradient where it is positive, and that of x
    expect(large).toHaveLength(3);
    expect(nodesOf(graph, 'reduce').filter((node) => node.inputs[0].size > 1 << 16)).toHaveLength(4);
  });

  it('are stored when they are costly or needed in memory', () => {
    const e = ops.exp(x);
    const half = ops.multiply(x, 0.5);
    const graph = fused([x], [ops.divide(e, ops.sum(e)), half, ops.multiply(half, ops.sum(half))]);
    expect(nodesOf(graph, 'map').flatMap((node) => node.outputs.filter((t) => t.size > 1 << 16))).toHaveLength(4);
  });
});

describe('random graphs', () => {
  it.each(Array.from({ length: 150 }, (_, i) => i + 1))(
    'compute the same fused, unfused and by definition: seed %i',
    (seed) => {
      const random = new Random(seed);
      const problem = randomProblem(random, random.pick([8, 30, 60]));
      checkNatively(problem, [target]);
      expectPreserved(problem, passes(true));
    },
  );
});
