import { gradients } from '../../lib/compile/autodiff';
import { memoryOf } from '../../lib/compile/schedule';
import { make } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { cases } from '../helpers/cases';
import { fed } from '../helpers/evaluate';
import { graphOf, randomProblem } from '../helpers/graphs';
import { expectSound, liveBytes, type Planned, planned } from '../helpers/memory';
import { problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { read, variable, write } from '../helpers/stateful';

/** One step of gradient descent on a perceptron of three layers. */
function training(batch: number, widths: readonly number[]) {
  const x = fed(0, [batch, widths[0]]);
  const labels = fed(1, [batch], 'int32');
  const layers = widths.slice(1).map((n, i) => ({
    kernel: variable(`kernel${i}`, [widths[i], n]),
    bias: variable(`bias${i}`, [n]),
  }));
  const weights = layers.flatMap(({ kernel, bias }) => [kernel, bias]);
  const values = weights.map(read);
  const logits = layers.reduce((y, _, i) => {
    const z = ops.add(ops.matmul(y, values[2 * i]), values[2 * i + 1]);
    return i === layers.length - 1 ? z : ops.tanh(z);
  }, x);
  const loss = ops.mean(make('softmaxCrossEntropy', [logits, labels], {}, [batch], 'float32'));
  const writes = gradients(loss, values).map((g, i) =>
    write(weights[i], ops.subtract(values[i], ops.multiply(g, 0.1))),
  );
  return planned({ inputs: [x, labels], outputs: [loss], writes });
}

describe('planMemory', () => {
  it('keeps every value until its last reader, on random graphs', () => {
    for (let seed = 1; seed <= 150; seed++) expectSound(planned(randomProblem(new Random(seed), 40).graph));
  });

  it('lets a map take over the memory of an input that dies', () => {
    const x = fed(0, [100]);
    const soft = ops.softmax(ops.reshape(x, [10, 10]));
    const plan = planned(graphOf([x], [ops.add(ops.tanh(soft), ops.sum(x))]));
    expectSound(plan);
    expect(plan.arena.bytes).toBeLessThan(3 * 448);
  });

  it('does not write over an input that another segment or another view still reads', () => {
    const [x, a, b] = [0, 1, 2].map((slot) => fed(slot, [8, 8]));
    const soft = ops.softmax(x);
    expectSound(planned(graphOf([x, a, b], [ops.multiply(soft, a), ops.multiply(soft, b)])));
    expectSound(planned(graphOf([x], [ops.subtract(soft, ops.transpose(soft))])));
    expectSound(planned(graphOf([x, a], [ops.add(ops.matmul(a, soft), soft)])));
  });

  it('keeps the values of loops and of their bodies', () => {
    const loops = cases.filter((c) => c.family === 'recurrent');
    let bodies = 0;
    for (const { build } of loops) {
      for (let seed = 1; seed <= 6; seed++) {
        const plan = planned(problem(build(new Random(seed)), true, seed).graph);
        expectSound(plan);
        bodies += plan.arena.bodies.size;
      }
    }
    expect(bodies).toBeGreaterThan(loops.length);
  });

  describe('of loops', () => {
    /** A cell with two gates, and its gradient. */
    const gated = ({ reverse = false, simple = false, readLater = false } = {}) => {
      const [x, w, u] = [fed(0, [5, 3, 8]), fed(1, [8, 64]), fed(2, [32, 64])];
      const entering = ops.reshape(ops.matmul(ops.reshape(x, [15, 8]), w), [5, 3, 64]);
      const step = ([h, c]: readonly Tensor[], now: Tensor) => {
        const sums = ops.add(ops.matmul(h, u), now);
        const [a, b] = ops.split(sums, 2, -1).map(ops.sigmoid) as [Tensor, Tensor];
        const next = ops.add(ops.multiply(a, simple ? h : c), b);
        const output = simple ? next : ops.tanh(next);
        return { carry: [output, next], output };
      };
      const blank = ops.zeros([3, 32]);
      const { output } = ops.scan(step, [blank, blank], entering, { reverse });
      const loss = ops.add(ops.sum(ops.square(output)), readLater ? ops.sum(ops.square(entering)) : 0);
      return planned(graphOf([x, w, u], gradients(loss, [x, w, u])));
    };
    /** Results of loops that lie where an input lies. */
    const over = ({ arena }: Planned) =>
      [...arena.bodies.keys()].flatMap((loop) => {
        const inputs = new Set(loop.inputs.map((t) => arena.offsets.get(memoryOf(t).base)));
        return loop.outputs.filter((t) => arena.offsets.has(t) && inputs.has(arena.offsets.get(t)));
      });

    it('collects rows where the rows were that a step has read', () => {
      for (const reverse of [false, true]) {
        const plan = gated({ reverse });
        expectSound(plan);
        // on the way there what enters becomes the gates, on the way back these become their gradient
        expect(over(plan).map(({ shape }) => shape)).toEqual([
          [5, 3, 64],
          [5, 3, 64],
        ]);
      }
    });

    it('does not where the rows are read again, in the step or later', () => {
      for (const options of [{ simple: true }, { readLater: true }]) {
        const plan = gated(options);
        expectSound(plan);
        expect(over(plan).length).toBe(1);
      }
    });

    it('would notice rows that are read when they have been written', () => {
      const plan = gated({ simple: true });
      const [, back] = [...plan.arena.bodies.keys()];
      const [gates] = back.inputs.filter((t) => t.node.is('loop') && t.shape.at(-1) === 64);
      const [gradient] = back.outputs.filter((t) => t.rank === 3);
      const offset = plan.arena.offsets.get(memoryOf(gates).base) as number;
      const offsets = new Map([...plan.arena.offsets, [gradient, offset]]);
      const moved = { ...plan, arena: { ...plan.arena, offsets } };
      expect(() => expectSound(moved)).toThrow(/matmul reads element \d+ after it was written/);
    });
  });

  it('would notice a body that lies over what lives', () => {
    const [x, h] = [fed(0, [4, 32]), fed(1, [32])];
    const step = (state: Tensor, now: Tensor) => {
      const next = ops.add(ops.softmax(state), ops.softmax(ops.subtract(now, state)));
      return { carry: next, output: next };
    };
    const { output } = ops.scan(step, ops.softmax(h), ops.softmax(x));
    const plan = planned(graphOf([x, h], [ops.matmul(output, ops.transpose(ops.exp(x)))]));
    expectSound(plan);
    const [[node, body]] = plan.arena.bodies;
    for (const input of node.inputs) {
      const moved = { ...body, offset: plan.arena.offsets.get(memoryOf(input).base) as number };
      const bodies = new Map([[node, moved]]);
      const arena = { ...plan.arena, bodies, bytes: 2 * plan.arena.bytes };
      expect(() => expectSound({ ...plan, arena })).toThrow('the body of a loop lies over');
    }
    const offsets = new Map([...body.arena.offsets.keys()].map((t) => [t, 0]));
    const bodies = new Map([[node, { ...body, arena: { ...body.arena, offsets } }]]);
    expect(offsets.size).toBeGreaterThan(1);
    expect(() => expectSound({ ...plan, arena: { ...plan.arena, bodies } })).toThrow(/overwritten|lies over/);
  });

  it('needs no more than what lives at once in a training step', () => {
    const plan = training(64, [32, 128, 64, 10]);
    expectSound(plan);
    expect(plan.steps.copies).toHaveLength(0); // every weight is updated where it lies
    expect(plan.arena.bytes).toBeLessThan(1.1 * liveBytes(plan));
  });
});
