// XOR without a model: operations, a gradient and a loop of your own.
import { jit, ops, type Tensor, tensor, valueAndGrad } from 'steepest';

interface Parameters {
  readonly hidden: Tensor; // [2, 8]
  readonly hiddenBias: Tensor; // [8]
  readonly output: Tensor; // [8, 1]
  readonly outputBias: Tensor; // [1]
}

// Backward, the gradient is kept in -1 .. 1; forward, nothing happens.
const clipGradient = (x: Tensor) =>
  ops.customGradient(
    [x],
    (value) => value,
    (upstream) => [ops.clip(upstream, -1, 1)],
  );

function logits({ hidden, hiddenBias, output, outputBias }: Parameters, x: Tensor): Tensor {
  const h = ops.tanh(ops.add(ops.matmul(x, hidden), hiddenBias));
  return ops.add(ops.matmul(clipGradient(h), output), outputBias); // [batch, 1]
}

const loss = (parameters: Parameters, x: Tensor, y: Tensor) =>
  ops.mean(ops.sigmoidCrossEntropy(logits(parameters, x), y));

// One step of gradient descent: traced once, then it runs as one native plan.
const step = jit((parameters: Parameters, x: Tensor, y: Tensor, rate: Tensor) => {
  const { value, gradient } = valueAndGrad(loss)(parameters, x, y);
  const move = (weight: Tensor, slope: Tensor) => ops.subtract(weight, ops.multiply(rate, slope));
  const next: Parameters = {
    hidden: move(parameters.hidden, gradient.hidden),
    hiddenBias: move(parameters.hiddenBias, gradient.hiddenBias),
    output: move(parameters.output, gradient.output),
    outputBias: move(parameters.outputBias, gradient.outputBias),
  };
  return { next, value };
});

const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]); // biome-ignore format: one row for each case
const y = tensor([[0], [1], [1], [0]]);

let parameters: Parameters = {
  hidden: ops.randomNormal([2, 8], 0, 1, { seed: 1 }),
  hiddenBias: ops.zeros([8]),
  output: ops.randomNormal([8, 1], 0, 1, { seed: 2 }),
  outputBias: ops.zeros([1]),
};
for (let i = 0; i <= 1000; i++) {
  const { next, value } = step(parameters, x, y, 0.5);
  parameters = next;
  if (i % 200 === 0) console.log(`Step ${i}: loss ${value.item().toFixed(4)}`);
}

const probabilities = ops.sigmoid(logits(parameters, x));
for (const [i, p] of probabilities.data.entries()) {
  const [a, b] = x.data.subarray(2 * i);
  console.log(`${a} xor ${b} = ${p.toFixed(3)}`);
}
