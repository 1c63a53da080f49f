import * as ops from '../../../lib/ir/ops/index';
import { positive } from '../domains';
import { type Case, into, once } from './case';
import { float } from './inputs';

export const normalization: Case[] = [];
const define = into(normalization, 'normalization');

define(
  'layerNormalization',
  (random) => {
    const shape = [random.int(1, 4), random.int(2, 5), random.int(3, 40)];
    const axes = random.pick([[-1], [1, 2]]);
    const own = axes.map((a) => shape.at(a) as number);
    return {
      inputs: [float(random, shape), float(random, own), float(random, own)],
      run: (x, scale, offset) => ops.layerNormalization(x, axes, { scale, offset }),
    };
  },
  once,
);
define(
  'layerNormalization of long rows and of many',
  (random) => {
    const shape = random.pick([
      [3, 1100],
      [300, 17],
    ]);
    const use = random.pick(['scale', 'offset']);
    return {
      inputs: [float(random, shape), float(random, shape.slice(1))],
      run: (x, w) => ops.layerNormalization(x, -1, { [use]: w }),
    };
  },
  once,
);
define('rmsNormalization', (random) => {
  const shape = [random.int(1, 4), random.int(3, 40)];
  return {
    inputs: [float(random, shape), float(random, shape.slice(1))],
    run: (x, scale) => ops.rmsNormalization(x, -1, { scale }),
  };
});
define(
  'groupNormalization',
  (random) => {
    const [groups, size, axis] = [random.int(1, 3), random.int(1, 3), random.pick([1, -1])];
    const shape = [random.int(1, 3), random.int(2, 5), groups * size];
    if (axis === 1) shape.splice(1, 2, groups * size, shape[1]);
    const channels = [groups * size];
    return {
      inputs: [float(random, shape), float(random, channels), float(random, channels)],
      run: (x, scale, offset) => ops.groupNormalization(x, groups, { axis, scale, offset }),
    };
  },
  once,
);
define(
  'batchNormalization',
  (random) => {
    const shape = [random.int(2, 4), random.int(2, 5), random.int(1, 4)];
    const channels = shape.slice(-1);
    return {
      inputs: [float(random, shape), float(random, channels), float(random, channels)],
      run: (x, scale, offset) => {
        const { mean, variance } = ops.moments(x, [0, 1]);
        return ops.batchNormalization(x, mean, variance, { scale, offset });
      },
    };
  },
  once,
);
for (const order of [1, 2, 3]) {
  define(
    `normalize of order ${order}`,
    (random) => {
      const shape = [random.int(1, 4), random.int(2, 9)];
      return { inputs: [float(random, shape, positive)], run: (x) => ops.normalize(x, -1, { order }) };
    },
    once,
  );
}
