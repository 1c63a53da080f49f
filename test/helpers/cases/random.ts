import * as ops from '../../../lib/ir/ops/index';
import { type Case, into } from './case';
import { float, someShape } from './inputs';

export const randomNumbers: Case[] = [];
const define = into(randomNumbers, 'random');

define('uniform', (random) => {
  const seed = random.int(-1000, 1000);
  const shape = [random.int(1, 70)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.randomUniform(shape, 0, 1, { seed })) };
});
define('dropout', (random) => {
  const seed = random.int(0, 1000);
  return { inputs: [float(random, someShape(random))], run: (x) => ops.dropout(x, 0.4, { seed }) };
});
define('normal', (random) => {
  const [seed, shape] = [random.int(-1000, 1000), random.shape(2, 9)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.randomNormal(shape, 2, 0.5, { seed })) };
});
define('bernoulli', (random) => {
  const [seed, shape] = [random.int(-1000, 1000), random.shape(2, 9)];
  return { inputs: [float(random, shape)], run: (x) => ops.multiply(x, ops.randomBernoulli(shape, 0.3, { seed })) };
});
define('iota', (random) => {
  const [shape, axis] = [random.shape(3), random.int(0, 2)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.iota(shape, axis, 'float32')) };
});
