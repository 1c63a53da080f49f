import { gradients } from '../../lib/compile/autodiff';
import { lowerLoops } from '../../lib/compile/loops';
import { withBodies } from '../../lib/compile/rewrite';
import { simplify } from '../../lib/compile/simplify';
import { legalizeViews } from '../../lib/compile/views';
import type { Attributes, Graph, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { printGraph } from '../../lib/ir/print';
import { fed } from '../helpers/evaluate';
import { expectPreserved, graphOf, nodesOf, randomFeeds } from '../helpers/graphs';
import { Random } from '../helpers/random';

const [x, w, h] = [fed(0, [5, 3]), fed(1, [3]), fed(2, [3])];
const feeds = randomFeeds([x, w, h], new Random(1));
const step = (state: Tensor, now: Tensor) => {
  const next = ops.tanh(ops.add(ops.multiply(state, w), now));
  return { carry: next, output: ops.exp(next) };
};
const run = (reverse = false) => ops.scan(step, h, x, { reverse });
const lowered = (...outputs: Tensor[]): Graph =>
  expectPreserved({ graph: graphOf([x, w, h], outputs), feeds }, lowerLoops);
const typesOf = (graph: Graph) => nodesOf(graph, 'loop').map((n) => n.outputs.map((t) => t.shape));

describe('lowerLoops', () => {
  test('drops what nobody reads', () => {
    const graph = lowered(run().carry);
    expect(typesOf(graph)).toEqual([[[3]]]);
    const { body } = nodesOf(graph, 'loop')[0].attrs as Attributes['loop'];
    expect(nodesOf(body, 'exp')).toHaveLength(0);
    expect(nodesOf(body, 'tanh')).toHaveLength(1);
  });

  test.each([false, true])('a carry that is collected too lives in a trail (reverse: %s)', (reverse) => {
    const slope = gradients(ops.sum(run(reverse).carry), [w])[0];
    const [forward, back] = typesOf(lowered(slope, run(reverse).carry)).sort((a, b) => b.length - a.length);
    // before and after each step; what is carried back, and the sum over steps
    expect([forward, back].flat()).toContainEqual([6, 3]);
    expect(typesOf(lowered(slope))).toHaveLength(2);
  });

  test('a gradient that nobody asks for costs nothing', () => {
    const [dw, dx] = gradients(ops.sum(run().output), [w, x]);
    const sizes = (t: Tensor) => Math.max(...typesOf(lowered(t)).map((types) => types.length));
    expect(sizes(dw)).toBeLessThanOrEqual(sizes(ops.add(ops.sum(dw), ops.sum(dx))));
    expect(typesOf(lowered(dw))).toHaveLength(2);
  });

  test('repeated elements and views of constants are read where they are', () => {
    const matrix = fed(1, [3]);
    const { carry } = ops.scan(
      (state: Tensor, now: Tensor) => ({ carry: ops.add(ops.multiply(state, now), ops.flip(matrix)), output: [] }),
      h,
      ops.add(ops.zeros([4, 3]), ops.reshape(w, [1, 3])),
    );
    const graph = expectPreserved({ graph: graphOf([x, w, h], [carry]), feeds }, (g) =>
      withBodies(legalizeViews)(withBodies(simplify)(lowerLoops(g))),
    );
    expect(nodesOf(graph, 'copy')).toHaveLength(0);
  });

  test('no elements, no loop', () => {
    const nothing = ops.zeros([4, 0]);
    const { output } = ops.scan((c: Tensor, now: Tensor) => ({ carry: c, output: now }), h, nothing);
    expect(output.shape).toEqual([4, 0]);
    expect(nodesOf(lowerLoops(graphOf([], [output])), 'loop').flatMap((n) => n.outputs)).toEqual([]);
  });

  test('prints scans and loops with their bodies', () => {
    const { carry } = ops.scan((c: Tensor, now: Tensor) => ({ carry: ops.add(c, now), output: [] }), h, x);
    const graph = graphOf([], [carry]);
    expect(printGraph(graph)).toBe(`\
%0 = input {slot: 0} : float32[5, 3]
%1 = input {slot: 2} : float32[3]
%2.0, %2.1, %2.2 = scan(%1, %0) {steps: 5, reverse: false} : float32[3], float32[5, 3], float32[5, 3]
  %3 = variable {variable: carry of a scan} : float32[3]
  %4 = variable {variable: element of a scan} : float32[3]
  %5 = add(%3, %4) : float32[3]
  next %5; results %3, %5
return %2.0
`);
    expect(printGraph(lowerLoops(graph))).toBe(`\
%0 = input {slot: 0} : float32[5, 3]
%1 = input {slot: 2} : float32[3]
%2 = loop(%0, %1) {steps: 5, starts: [1 -> 0]} : float32[3]
  %3 = variable {variable: input 0 of a loop} : float32[3]
  %4 = variable {variable: output 0 of a loop} : float32[3]
  %5 = add(%4, %3) : float32[3]
  write(%5) {variable: output 0 of a loop}
return %2
`);
  });
});
