import { sizeOf } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import type { Random } from '../random';
import { type Case, into, type Unary } from './case';
import { float } from './inputs';

export const shape: Case[] = [];
const define = into(shape, 'shape');

function view(name: string, make: (random: Random, shape: number[]) => Unary) {
  define(name, (random) => {
    const shape = random.shape(random.int(1, 4));
    return { inputs: [float(random, shape)], run: make(random, shape) };
  });
}
/** A box that lies inside: start, size and step per axis. */
function someBox(random: Random, shape: readonly number[], largestStep = 3) {
  const start = shape.map((n) => random.int(0, n - 1));
  const step = shape.map(() => random.int(1, largestStep));
  const size = shape.map((n, i) => random.int(1, Math.ceil((n - start[i]) / step[i])));
  return { start, size, step };
}
view('reshape', (random, shape) => {
  const target = random.pick([[-1], [1, ...shape], [sizeOf(shape), 1]]);
  return (x) => ops.reshape(x, target);
});
view('transpose', (random, shape) => {
  const axes = random.shuffle([...shape.keys()]);
  return (x) => ops.transpose(x, axes);
});
view('broadcastTo', (random, shape) => {
  const lead = random.shape(random.int(1, 3), 3);
  return (x) => ops.broadcastTo(ops.expandDims(x, 0), [...lead, ...shape]);
});
view('slice', (random, shape) => {
  const { start, size, step } = someBox(random, shape);
  return (x) => ops.slice(x, start, size, step);
});
view('several slices', (random, shape) => {
  const boxes = Array.from({ length: 3 }, () => someBox(random, shape, 2));
  return (x) =>
    boxes
      .map(({ start, size, step }) => ops.sum(ops.square(ops.slice(x, start, size, step))))
      .reduce((a, b) => ops.add(a, b));
});
view('flip', (random, shape) => {
  const axes = random.shuffle([...shape.keys()]).slice(0, random.int(1, shape.length));
  return (x) => ops.flip(x, axes);
});
view('split', (random, shape) => {
  const axis = random.int(0, shape.length - 1);
  const cuts = [...new Set([random.int(0, shape[axis]), random.int(0, shape[axis])])].sort((a, b) => a - b);
  return (x) => {
    const parts = ops.split(x, cuts, axis);
    return ops.concatenate(
      parts.reverse().map((part, i) => ops.multiply(part, i + 1)),
      axis,
    );
  };
});
view('tile', (random, shape) => {
  const repeats = shape.map(() => random.int(1, 3));
  return (x) => ops.tile(x, repeats);
});
view('repeat', (random, shape) => {
  const [times, axis] = [random.int(1, 3), random.int(0, shape.length - 1)];
  return (x) => ops.repeat(x, times, axis);
});
view('pad', (random, shape) => {
  const padding = shape.map(() => [random.int(0, 2), random.int(0, 2)] as const);
  return (x) => ops.pad(x, padding, 0.5);
});
for (const mode of ['edge', 'reflect', 'symmetric'] as const) {
  view(`pad ${mode}`, (random, shape) => {
    const most = (n: number) => (mode === 'edge' ? 3 : mode === 'reflect' ? n - 1 : n);
    const padding = shape.map((n) => [random.int(0, most(n)), random.int(0, most(n))] as const);
    return (x) => ops.pad(x, padding, mode);
  });
}
view('roll', (random, shape) => {
  const axis = random.int(0, shape.length - 1);
  const shift = random.int(-4, 4);
  return (x) => ops.roll(x, shift, axis);
});
view('views of views', (random, shape) => {
  const axes = random.shuffle([...shape.keys()]);
  const { start, size, step } = someBox(random, shape, 2);
  return (x) => ops.reshape(ops.flip(ops.transpose(ops.slice(x, start, size, step), axes)), [-1]);
});
define('concatenate', (random) => {
  const shape = random.shape(random.int(1, 4));
  const axis = random.int(0, shape.length - 1);
  const parts = Array.from({ length: random.int(2, 4) }, () =>
    shape.map((n, i) => (i === axis ? random.int(0, 5) : n)),
  );
  return { inputs: parts.map((p) => float(random, p)), run: (...parts) => ops.concatenate(parts, axis) };
});
define('stack', (random) => {
  const shape = random.shape(2);
  const axis = random.int(0, 2);
  return { inputs: [float(random, shape), float(random, shape)], run: (...parts) => ops.stack(parts, axis) };
});
view('ravel', () => ops.ravel);
view('swapAxes', (random, shape) => {
  const [a, b] = [random.int(-shape.length, shape.length - 1), random.int(0, shape.length - 1)];
  return (x) => ops.swapAxes(x, a, b);
});
view('moveAxis', (random, shape) => {
  const [from, to] = [0, 1].map(() => random.shuffle([...shape.keys()]).slice(0, Math.ceil(shape.length / 2)));
  return (x) => ops.moveAxis(x, from, to);
});
view('squeeze', (random, shape) => {
  const axis = random.int(0, shape.length);
  return (x) => ops.squeeze(ops.expandDims(x, axis), axis);
});
view('unstack', (random, shape) => {
  const axis = random.int(-shape.length, shape.length - 1);
  return (x) =>
    ops
      .unstack(x, axis)
      .map((part, i) => ops.multiply(part, i + 1))
      .reduce((a, b) => ops.add(ops.square(a), b));
});
define('rot90', (random) => {
  const shape = random.shape(random.int(2, 4));
  const [p, q] = random.shuffle([...shape.keys()]);
  const times = random.int(-4, 5);
  return { inputs: [float(random, shape)], run: (x) => ops.rot90(x, times, [p, q]) };
});
view('arraySplit', (random, shape) => {
  const axis = random.int(0, shape.length - 1);
  const parts = random.int(1, shape[axis]);
  return (x) =>
    ops.concatenate(
      ops.arraySplit(x, parts, axis).map((part, i) => ops.multiply(ops.square(part), i + 1)),
      axis,
    );
});
for (const name of ['hstack', 'vstack', 'append'] as const) {
  define(name, (random) => {
    const rank = random.int(1, 3);
    const shape = random.shape(rank);
    const axis = name === 'hstack' && rank > 1 ? 1 : 0;
    const free = name !== 'vstack' || rank > 1;
    const other = shape.map((n, i) => (i === axis && free ? random.int(1, 5) : n));
    const along = random.pick([undefined, axis]);
    return {
      inputs: [float(random, shape), float(random, other)],
      run: (a, b) => (name === 'append' ? ops.append(a, b, along) : ops[name]([a, b])),
    };
  });
}
define('depthToSpace', (random) => {
  const [block, n, h, w, c] = [random.int(1, 3), ...random.shape(4, 3)];
  return { inputs: [float(random, [n, h, w, c * block ** 2])], run: (x) => ops.depthToSpace(x, block) };
});
define('spaceToDepth', (random) => {
  const [block, n, h, w, c] = [random.int(1, 3), ...random.shape(4, 3)];
  return { inputs: [float(random, [n, h * block, w * block, c])], run: (x) => ops.spaceToDepth(x, block) };
});
