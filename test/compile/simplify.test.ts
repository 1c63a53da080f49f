import { gradients } from '../../lib/compile/autodiff';
import { simplify } from '../../lib/compile/simplify';
import { make } from '../../lib/ir/build';
import type { Graph, HostData, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { fed } from '../helpers/evaluate';
import { census, expectPreserved, graphOf, nodesOf, randomFeeds, randomProblem } from '../helpers/graphs';
import { checkNatively } from '../helpers/native';
import { Random } from '../helpers/random';

const { target } = loadAddon().info();
const x = fed(0, [3, 4]);
const n = fed(1, [3, 4], 'int32');
const row = fed(2, [4]);
const rows = fed(3, [4]);
const inputs = [x, n, row, rows];

function simplified(...outputs: Tensor[]): Graph {
  const problem = { graph: graphOf(inputs, outputs), feeds: randomFeeds(inputs, new Random(3)) };
  checkNatively(problem, [target]);
  return expectPreserved(problem, simplify);
}

const run = (graph: Graph, feeds: readonly HostData[]) => new Executable(graph).run(feeds);

/** What an output has become: operations from the result inwards, first inputs only, up to a source. */
function spine(t: Tensor): string {
  const { node } = t;
  const name = node.op === 'constant' ? `${[...(node.outputs[0].known as Float32Array)]}` : node.op;
  return node.inputs.length === 0 ? name : `${name} ${spine(node.inputs[0])}`;
}
const becomes = (t: Tensor): string => spine(simplified(t).outputs[0]);

describe('identities', () => {
  const same: [string, Tensor][] = [
    ['x + 0', ops.add(x, 0)],
    ['0 + x', ops.add(0, x)],
    ['x - 0', ops.subtract(x, 0)],
    ['x * 1', ops.multiply(x, 1)],
    ['1 * x', ops.multiply(1, x)],
    ['x / 1', ops.divide(x, 1)],
    ['x ^ 1', ops.power(x, 1)],
    ['- -x', ops.negative(ops.negative(x))],
    ['x + tensor of 0', ops.add(x, ops.zeros([3, 4]))],
    ['transposed twice', ops.transpose(ops.transpose(x))],
    ['reshaped there and back', ops.reshape(ops.reshape(x, [12]), [3, 4])],
    ['stopGradient', ops.stopGradient(x)],
    [
      'customGradient',
      ops.customGradient(
        [x],
        (v) => ops.add(v, 0),
        (dy) => [dy],
      ),
    ],
    ['x * (2 - 1)', ops.multiply(x, ops.subtract(ops.full([], 2), 1))],
  ];
  it.each(same)('%s is x', (_, t) => expect(simplified(t).outputs[0]).toBe(x));

  it('holds for int32', () => {
    expect(simplified(ops.multiply(ops.add(n, 0), 1)).outputs[0]).toBe(n);
    expect(becomes(ops.multiply(n, -1))).toBe('neg input');
  });

  it.each<[string, Tensor, string]>([
    ['x * -1', ops.multiply(x, -1), 'neg input'],
    ['-1 * x', ops.multiply(-1, x), 'neg input'],
    ['x ^ 2', ops.power(x, 2), 'mul input'],
    ['x / 4', ops.divide(x, 4), 'mul input'],
    ['x / -0.5', ops.divide(x, -0.5), 'mul input'],
    ['x / 3', ops.divide(x, 3), 'div input'],
    ['x / 0', ops.divide(x, 0), 'div input'],
    ['x / infinity', ops.divide(x, Infinity), 'div input'],
    ['x / almost 2', ops.divide(x, 2 - 2 ** -23), 'div input'],
    ['x ^ 3', ops.power(x, 3), 'pow input'],
    ['x * 0 stays: NaN', ops.multiply(x, 0), 'mul input'],
    ['x - x stays: infinity', ops.subtract(x, x), 'sub input'],
    ['0 - x', ops.subtract(0, x), 'sub broadcast 0'],
  ])('%s', (_, t, expected) => expect(becomes(t)).toBe(expected));
});

describe('constants', () => {
  it.each<[string, Tensor, string]>([
    ['float32, rounded', ops.multiply(ops.full([3], 0.1), 3), `broadcast ${Math.fround(Math.fround(0.1) * 3)}`],
    ['int32, which wraps', ops.multiply(ops.full([2], 65536, 'int32'), 65536), 'broadcast 0'],
    ['int32 modulo', ops.mod(ops.full([2], -7, 'int32'), 3), 'broadcast 2'],
    ['bool', ops.logicalNot(ops.greater(ops.full([2], 1), 2)), 'broadcast 1'],
    ['casts', ops.cast(ops.full([2], -1.75), 'int32'), 'broadcast -1'],
    ['where', ops.where(ops.full([2], 1, 'bool'), ops.full([2], 5), 6), 'broadcast 5'],
    ['sums', ops.sum(ops.full([4, 8], 0.5)), '16'],
    ['largest', ops.max(ops.full([4, 8], -2), 0), 'broadcast -2'],
    ['a sum that would round stays', ops.sum(ops.full([3], 0.1)), 'reduce broadcast 0.10000000149011612'],
    ['nothing', ops.sum(ops.zeros([0, 3]), 0), 'broadcast 0'],
  ])('%s', (_, t, expected) => expect(becomes(t)).toBe(expected));

  it.each([3e9, -3e9, 2147483647, -2147483648, Number.NaN, Infinity, -Infinity, 1.5, -1.5])(
    'casts %p to int32 as the kernels do',
    (value) => {
      const given = fed(0, [4]);
      const computed = run(graphOf([given], [ops.cast(given, 'int32')]), [new Float32Array(4).fill(value)]);
      expect(run(graphOf([], [ops.cast(ops.full([4], value), 'int32')]), [])).toEqual(computed);
    },
  );

  it.each([
    [-7, 3],
    [7, -3],
    [-2147483648, -1],
    [5, 0],
    [2147483647, 2],
  ])('computes with int32 %i and %i as the kernels do', (a, b) => {
    const all = (u: Tensor, v: Tensor) => [
      ...[ops.add(u, v), ops.subtract(u, v), ops.multiply(u, v), ops.mod(u, v), ops.minimum(u, v), ops.maximum(u, v)],
      ...[ops.negative(u), ops.abs(u), ops.sign(u), ops.less(u, v), ops.cast(u, 'float32'), ops.cast(u, 'bool')],
    ];
    const [u, v] = [fed(0, [2], 'int32'), fed(1, [2], 'int32')];
    const given = run(graphOf([u, v], all(u, v)), [Int32Array.of(a, a), Int32Array.of(b, b)]);
    expect(run(graphOf([], all(ops.full([2], a, 'int32'), ops.full([2], b, 'int32'))), [])).toEqual(given);
  });
});

describe('broadcasts and reshapes', () => {
  const wide = (t: Tensor) => ops.broadcastTo(t, [3, 4]);

  it('are moved behind the work', () => {
    expect(becomes(ops.exp(wide(row)))).toBe('broadcast exp input');
    expect(becomes(ops.add(wide(row), wide(rows)))).toBe('broadcast add input');
    expect(becomes(ops.multiply(wide(row), 3))).toBe('broadcast mul input');
    expect(becomes(ops.sin(ops.reshape(x, [12])))).toBe('reshape sin input');
    expect(becomes(ops.where(ops.greater(wide(row), 0), wide(rows), 2))).toBe('broadcast select gt input');
  });

  it('stay where shapes differ', () => {
    const column = ops.reshape(ops.sum(x, 1), [3, 1]);
    expect(simplified(ops.add(wide(column), wide(row))).outputs[0].node.op).toBe('add');
    expect(simplified(ops.add(x, wide(row))).outputs[0].node.op).toBe('add');
    expect(simplified(ops.add(ops.reshape(x, [12]), ops.reshape(ops.transpose(x), [12]))).outputs[0].node.op).toBe(
      'add',
    );
  });

  it('are merged', () => {
    const twice = ops.broadcastTo(ops.broadcastTo(row, [3, 4]), [2, 3, 4]);
    expect(becomes(twice)).toBe('broadcast input');
    expect(becomes(ops.reshape(ops.reshape(x, [12]), [2, 6]))).toBe('reshape input');
    const t = fed(4, [2, 3, 4]);
    const permuted = simplify(graphOf([t], [ops.transpose(ops.transpose(t, [1, 2, 0]), [0, 2, 1])])).outputs[0];
    expect(permuted.node).toMatchObject({ op: 'permute', attrs: { axes: [1, 0, 2] } });
  });

  it('are not moved out of what depends on positions', () => {
    const noise = ops.randomUniform([3, 4], 0, 1, { seed: 1 });
    expect(spine(simplified(ops.add(noise, wide(row))).outputs[0])).toMatch(/^add random/);
  });
});

describe('sums', () => {
  const wide = fed(0, [256, 2, 4]);
  const factor = fed(1, [4]);
  const sums = (...outputs: Tensor[]): Graph => {
    const problem = { graph: graphOf([wide, factor], outputs), feeds: randomFeeds([wide, factor], new Random(2)) };
    checkNatively(problem, [target]);
    return expectPreserved(problem, simplify);
  };

  it('are taken before a factor that is the same along the axes', () => {
    expect(spine(sums(ops.sum(ops.multiply(wide, factor), [0, 1])).outputs[0])).toBe('mul reduce input');
    expect(spine(sums(ops.sum(ops.multiply(factor, wide), [0])).outputs[0])).toBe('mul reduce input');
    expect(spine(sums(ops.sum(ops.negative(ops.multiply(wide, factor)), [0, 1])).outputs[0])).toBe(
      'neg mul reduce input',
    );
  });

  it('of axes with one element are that element, and so are their other reductions', () => {
    const column = ops.reshape(ops.sin(x), [3, 1, 4, 1]);
    for (const reduce of [ops.sum, ops.mean, ops.max, ops.min, ops.prod]) {
      expect(becomes(reduce(column, [1, 3]))).toBe('sin input');
    }
    expect(becomes(ops.sum(column, [1, 2]))).toBe('reduce reshape sin input');
  });

  it('are taken after it where they are of few elements, whose rounding shows', () => {
    const few = fed(0, [255, 4]);
    const graph = simplify(graphOf([few, factor], [ops.sum(ops.multiply(few, factor), 0)]));
    expect(spine(graph.outputs[0])).toBe('reduce mul input');
  });

  it('are taken after a factor that is not', () => {
    expect(spine(sums(ops.sum(ops.multiply(wide, factor), [1, 2])).outputs[0])).toBe('reduce mul input');
    expect(spine(sums(ops.sum(ops.multiply(wide, wide), [0])).outputs[0])).toBe('reduce mul input');
    expect(spine(sums(ops.max(ops.multiply(wide, factor), [0])).outputs[0])).toBe('reduce mul input');
  });
});

describe('maximum pooling', () => {
  const image = fed(0, [2, 6, 5, 3]);
  const [before, dy] = [ops.relu(image), fed(1, [2, 3, 2, 3])];
  const gradient = (x: Tensor): Tensor => {
    const [dx] = gradients(ops.sum(ops.multiply(ops.maxPool(x, 2), dy)), [image]);
    return dx as Tensor;
  };
  const pooled = (...outputs: Tensor[]): Graph => {
    const problem = { graph: graphOf([image, dy], outputs), feeds: randomFeeds([image, dy], new Random(2)) };
    checkNatively(problem, [target]);
    return expectPreserved(problem, simplify);
  };

  it('passes gradients through what opens by sign before they are spread', () => {
    const graph = pooled(gradient(before));
    expect(graph.outputs[0].node.op).toBe('maxPoolGrad');
    expect(graph.outputs[0].node.inputs[2].node.op).toBe('select');
  });

  it('keeps what opens by another tensor behind', () => {
    const open = ops.greater(image, 0);
    expect(pooled(ops.where(open, gradient(ops.multiply(image, 2)), 0)).outputs[0].node.op).toBe('select');
  });

  it('adds gradients up before they are spread', () => {
    expect(census(pooled(ops.sum(gradient(before), [0, 1, 2]))).maxPoolGrad).toBeUndefined();
    expect(census(pooled(ops.sum(gradient(before), [0, 1]))).maxPoolGrad).toBe(1);
  });
});

describe('common subexpressions', () => {
  it('are computed once', () => {
    const f = () => ops.tanh(ops.add(ops.exp(x), row));
    const { outputs } = simplified(f(), f());
    expect(outputs[0]).toBe(outputs[1]);
  });

  it('are told apart by attributes, constants and order', () => {
    const minima = [Infinity, -Infinity, Number.NaN, 0, -0].map((m) => ops.minimum(x, m));
    expect(census(simplified(...minima)).min).toBe(5);
    expect(census(simplified(ops.subtract(x, row), ops.subtract(row, x))).sub).toBe(2);
    expect(census(simplified(ops.sum(x, 0), ops.sum(x, 1), ops.max(x, 1))).reduce).toBe(3);
    expect(census(simplified(ops.flip(x, 0), ops.flip(x, 1))).flip).toBe(2);
    expect(census(simplified(ops.add(row, 1), ops.add(x, 1), ops.add(n, 1))).add).toBe(3);
  });

  it('share random numbers of one stream and shape, and no others', () => {
    const seed = ops.full([], 7, 'int32');
    const draw = (stream: number, shape: number[]) => {
      const operands = [seed, seed].map((s) => make('broadcast', [s], {}, shape, 'int32'));
      return make('random', operands, { stream }, shape, 'float32');
    };
    expect(nodesOf(simplified(draw(1, [4]), draw(1, [4])), 'random')).toHaveLength(1);
    expect(nodesOf(simplified(draw(1, [4]), draw(2, [4]), draw(1, [2, 2])), 'random')).toHaveLength(3);
    expect(nodesOf(simplified(ops.iota([3, 4], 0), ops.iota([3, 4], 1), ops.iota([3, 4], 1)), 'iota')).toHaveLength(2);
  });
});

it('keeps every number on random graphs', () => {
  for (let seed = 1; seed <= 100; seed++) expectPreserved(randomProblem(new Random(seed), 40), simplify);
});
