import { isContiguous, isIdentity, legalizeViews, resolveView, rowMajorStrides } from '../../lib/compile/views';
import { make, tensor } from '../../lib/ir/build';
import { type Graph, type Tensor, topological } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { isView } from '../../lib/ir/optable';
import { loadAddon } from '../../lib/runtime/native';
import { fed } from '../helpers/evaluate';
import { census, expectPreserved, graphOf, randomFeeds } from '../helpers/graphs';
import { checkNatively } from '../helpers/native';
import { Random } from '../helpers/random';
import { read, variable, write } from '../helpers/stateful';

const { target } = loadAddon().info();
const x = fed(0, [2, 3, 4]);
const problem = (outputs: readonly Tensor[], inputs = [x]) => ({
  graph: graphOf(inputs, outputs),
  feeds: randomFeeds(inputs, new Random(2)),
});

/** The graph after the pass, with values checked; the view is used by an operation, so that it need not be contiguous. */
function legal(view: Tensor): Graph {
  checkNatively(problem([view, ops.exp(view)]), [target]);
  const graph = expectPreserved(problem([ops.exp(view)]), legalizeViews);
  for (const node of topological(graph)) for (const t of node.inputs) expect(resolveView(t)).toBeDefined();
  return graph;
}
const copies = (view: Tensor): number => census(legal(view)).copy ?? 0;

describe('resolveView', () => {
  it.each<[string, Tensor, object]>([
    ['permute', ops.transpose(x, [2, 0, 1]), { offset: 0, strides: [1, 12, 4] }],
    ['slice', ops.slice(x, [1, 0, 1], [1, 2, 2], [1, 2, 2]), { offset: 13, strides: [12, 8, 2] }],
    ['flip', ops.flip(x, [0, 2]), { offset: 15, strides: [-12, 4, -1] }],
    ['flip of a slice', ops.flip(ops.sliceAxis(x, 2, 1, 3), 2), { offset: 2, strides: [12, 4, -1] }],
    ['broadcast', ops.broadcastTo(ops.sliceAxis(x, 1, 2), [5, 2, 3, 4]), { offset: 8, strides: [0, 12, 0, 1] }],
    [
      'reshape of a permutation that splits an axis',
      ops.reshape(ops.transpose(x), [2, 2, 3, 2]),
      { strides: [2, 1, 4, 12] },
    ],
    ['size 1 axes', ops.reshape(ops.transpose(ops.reshape(x, [1, 6, 1, 4])), [4, 1, 6]), { strides: [1, 0, 4] }],
    ['of no elements', ops.sliceAxis(x, 1, 3), { offset: 0, shape: [2, 0, 4] }],
  ])('%s', (_, view, expected) => {
    expect(resolveView(view)).toMatchObject({ base: x, shape: view.shape, ...expected });
    if (view.size > 0) legal(view);
  });

  it('says what is contiguous and what is the whole', () => {
    const of = (t: Tensor) => resolveView(t) as NonNullable<ReturnType<typeof resolveView>>;
    const tail = of(ops.sliceAxis(x, 0, 1));
    expect([isContiguous(tail), isIdentity(tail)]).toEqual([true, false]);
    expect(isIdentity(of(ops.reshape(x, [24, 1])))).toBe(true);
    expect(isContiguous(of(ops.flip(x, 2)))).toBe(false);
    expect(isContiguous(of(ops.flip(ops.sliceAxis(x, 0, 1), 0)))).toBe(true);
    expect(isContiguous(of(ops.broadcastTo(tensor([1]), [2])))).toBe(false);
    expect(rowMajorStrides([2, 3, 4])).toEqual([12, 4, 1]);
  });
});

describe('legalizeViews', () => {
  it.each<[string, Tensor]>([
    ['rows in order', ops.reshape(ops.sliceAxis(x, 0, 1), [12])],
    ['every second row', ops.reshape(ops.slice(x, [0, 0, 0], [2, 2, 4], [1, 2, 1]), [2, 2, 2, 2])],
    ['a broadcast, again broadcast', ops.reshape(ops.broadcastTo(ops.sum(x), [6, 4]), [24])],
    ['leading axes of a broadcast', ops.reshape(ops.broadcastTo(ops.sum(x, [0, 1]), [3, 2, 4]), [6, 4])],
    ['a flip of the only axis', ops.reshape(ops.flip(ops.reshape(x, [24]), 0), [4, 6])],
  ])('needs no copy to reshape %s', (_, view) => expect(copies(view)).toBe(0));

  it.each<[string, Tensor]>([
    ['a permutation', ops.reshape(ops.transpose(x), [24])],
    ['columns', ops.reshape(ops.sliceAxis(x, 2, 0, 3), [18])],
    ['a flip of one axis', ops.reshape(ops.flip(x, 1), [24])],
    ['repeated columns', ops.reshape(ops.broadcastTo(ops.sum(x, 1, { keepDims: true }), [2, 3, 4]), [6, 4])],
    ['a view of a reshape that needed one', ops.transpose(ops.reshape(ops.transpose(x), [8, 3]))],
  ])('copies once to reshape %s', (_, view) => expect(copies(view)).toBe(1));

  it('makes what leaves the graph contiguous and no state', () => {
    const v = variable('v', [2, 3]);
    const s = read(v);
    const constant = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const outputs = [
      s,
      constant,
      ops.transpose(s),
      ops.broadcastTo(constant, [2, 2, 3]),
      ops.sliceAxis(constant, 0, 1),
    ];
    const graph = legalizeViews({ inputs: [], outputs, writes: [write(v, s)] });
    expect(graph.outputs.map((t) => t.node.op)).toEqual(['copy', 'constant', 'copy', 'copy', 'slice']);
    expect(graph.writes[0].inputs[0].node.op).toBe('copy');
  });

  it('holds for random chains of views', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed);
      const shape = random.shape(random.int(1, 4), 4);
      const input = fed(0, shape);
      let t: Tensor = input;
      for (let i = 0; i < 6; i++) t = randomView(t, random);
      const one = { graph: graphOf([input], [t, ops.negative(t)]), feeds: randomFeeds([input], random) };
      checkNatively(one, [target]);
      for (const node of topological(expectPreserved(one, legalizeViews))) {
        if (isView(node.op)) expect(resolveView(node.outputs[0])).toBeDefined();
      }
    }
  });
});

function randomView(t: Tensor, random: Random): Tensor {
  const axes = t.shape.map((_, i) => i);
  const size = t.shape.map((n) => random.int(1, n));
  const start = t.shape.map((n, i) => random.int(0, n - size[i]));
  const factor = random.pick([1, 2, 3, 4].filter((f) => t.size % f === 0));
  return random.pick([
    () => (t.rank < 2 ? t : ops.transpose(t, random.shuffle(axes))),
    () => ops.slice(t, start, size),
    () => (t.rank === 0 ? t : ops.flip(t, random.pick(axes))),
    () => ops.reshape(t, [factor, t.size / factor]),
    () => (t.size > 60 || t.rank > 6 ? t : ops.broadcastTo(t, [random.int(1, 3), ...t.shape])),
    () => make('reshape', [t], {}, random.uniform() < 0.5 ? [t.size] : [1, t.size, 1], 'float32'),
  ])();
}
