import * as ops from '../../../lib/ir/ops/index';
import { awayFrom, between, supports } from '../domains';
import { type Case, into, unaryWith } from './case';
import { float, int } from './inputs';

export const nn: Case[] = [];
const define = into(nn, 'nn');
const unary = unaryWith(define);

unary('relu', ops.relu, awayFrom(0));
unary('relu6', (x) => ops.relu6(ops.multiply(x, 4)), awayFrom([0, 1.5]));
unary('leakyRelu', (x) => ops.leakyRelu(x), awayFrom(0));
unary('elu', (x) => ops.elu(x, 0.7), awayFrom(0));
unary('selu', ops.selu, awayFrom(0));
unary('celu', (x) => ops.celu(x, 1.3), awayFrom(0));
unary('softplus', ops.softplus);
unary('softsign', ops.softsign, awayFrom(0));
unary('silu', ops.silu);
unary('mish', ops.mish);
unary('gelu', (x) => ops.gelu(x));
unary('gelu far out', (x) => ops.gelu(x), between(-14, 14));
unary('gelu approximate', (x) => ops.gelu(x, true));
unary('hardSigmoid', (x) => ops.hardSigmoid(ops.multiply(x, 4)), awayFrom([-0.75, 0.75]));
unary('hardSilu', (x) => ops.hardSilu(ops.multiply(x, 4)), awayFrom([-0.75, 0.75]));
unary('hardTanh', ops.hardTanh, awayFrom([-1, 1]));
unary('logSigmoid', ops.logSigmoid);
unary('tanhShrink', ops.tanhShrink);
unary('softShrink', (x) => ops.softShrink(x, 0.4), awayFrom([-0.4, 0, 0.4]));
unary('hardShrink', (x) => ops.hardShrink(x, 0.4), awayFrom([-0.4, 0, 0.4]));
unary('sparsePlus', ops.sparsePlus, awayFrom([-1, 1]));
unary('sparseSigmoid', ops.sparseSigmoid, awayFrom([-1, 1]));
unary('squareplus', (x) => ops.squareplus(x));
unary('threshold', (x) => ops.threshold(x, 0.1, -3), awayFrom(0.1));
define('glu', (random) => {
  const shape = random.shape(3);
  const axis = random.int(0, 2);
  shape[axis] *= 2;
  return { inputs: [float(random, shape)], run: (x) => ops.glu(x, axis) };
});
define('prelu', (random) => {
  const shape = random.shape(3);
  return { inputs: [float(random, shape, awayFrom(0)), float(random, shape.slice(-1))], run: ops.prelu };
});
for (const name of ['softmax', 'logSoftmax'] as const) {
  define(name, (random) => {
    const shape = random.pick([random.shape(3, 6), [random.int(1, 5), random.int(1, 70)]]);
    const axis = random.int(-shape.length, shape.length - 1);
    return { inputs: [float(random, shape)], run: (x) => ops[name](x, axis) };
  });
}
define('sparsemax', (random) => {
  const [rows, columns] = [random.int(1, 4), random.int(1, 7)];
  return { inputs: [float(random, [rows, columns], supports(columns))], run: (x) => ops.sparsemax(x) };
});
define('sparseSoftmaxCrossEntropy', (random) => {
  const [outer, classes] = [random.shape(random.int(0, 2)), random.int(1, 40)];
  return {
    inputs: [float(random, [...outer, classes]), int(random, outer, 0, classes - 1)],
    run: ops.sparseSoftmaxCrossEntropy,
  };
});
define('sigmoidCrossEntropy', (random) => {
  const shape = random.shape(2);
  return { inputs: [float(random, shape), float(random, shape, between(0, 1))], run: ops.sigmoidCrossEntropy };
});
