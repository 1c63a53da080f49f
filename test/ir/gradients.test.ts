import type { Tensor } from '../../lib/ir/graph';
import { customGradient, multiply, square } from '../../lib/ir/ops/index';
import { cases } from '../helpers/cases';
import { gradcheck, gradientOf } from '../helpers/gradcheck';
import { Random } from '../helpers/random';

const draws = 12;
const differentiable = cases.filter((c) => c.differentiable && !c.rounds);

describe.each([...new Set(differentiable.map((c) => c.family))])('%s', (family) => {
  const some = differentiable.filter((c) => c.family === family);

  test.each(some)('$name: gradient', ({ build, large }) => {
    for (let seed = 1; seed <= (large ? 1 : draws); seed++) {
      const { inputs, run } = build(new Random(seed));
      gradcheck(run, inputs, seed);
    }
  });

  test.each(some.filter((c) => c.twice))('$name: gradient of the gradient', ({ build, large }) => {
    for (let seed = 1; seed <= (large ? 1 : draws); seed++) {
      const { inputs, run } = build(new Random(100 + seed));
      const gradient = gradientOf(run, inputs);
      gradcheck(gradient.run, gradient.inputs, seed);
    }
  });
});

test('the check finds a wrong gradient', () => {
  const { inputs } = differentiable[0].build(new Random(1));
  const wrong = (x: Tensor) => customGradient([x], square, (dy) => [multiply(dy, x)]);
  expect(() => gradcheck(wrong, inputs)).toThrow('by differences');
});
