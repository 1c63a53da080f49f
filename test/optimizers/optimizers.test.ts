import * as optimizers from '../../lib/optimizers/index';
import { type OptimizerName, resolveOptimizer } from '../../lib/optimizers/resolve';
import { expectClose } from '../helpers/evaluate';
import { run, vectors } from './support';

const { start, gradientAt } = vectors;

/** The same in plain numbers: `rule` gets a weight, its gradient, the step and a place for its own state. */
type Rule = (w: number, g: number, t: number, state: Record<string, number>) => number;
function simulate(rule: Rule, steps: number, clip: (g: number[][]) => number[][] = (g) => g): number[][][] {
  let weights = start.map((w) => [...w]);
  const states = start.map((w) => w.map(() => ({})));
  return Array.from({ length: steps }, (_, i) => {
    const g = clip(gradientAt(i + 1));
    weights = weights.map((w, j) => w.map((x, k) => rule(x, g[j][k], i + 1, states[j][k])));
    return weights;
  });
}

const adamRule =
  (rate: number, { decay = 0, amsgrad = false } = {}): Rule =>
  (w, g, t, s) => {
    s.m = 0.9 * (s.m ?? 0) + 0.1 * g;
    s.v = 0.999 * (s.v ?? 0) + 0.001 * g * g;
    s.top = Math.max(s.top ?? 0, s.v);
    const alpha = (rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
    return w - rate * decay * w - (alpha * s.m) / (Math.sqrt(amsgrad ? s.top : s.v) + 1e-7);
  };
const rmspropRule =
  (centered: boolean, momentum: number): Rule =>
  (w, g, _, s) => {
    s.s = 0.9 * (s.s ?? 0) + 0.1 * g * g;
    s.a = 0.9 * (s.a ?? 0) + 0.1 * g;
    s.mom = momentum * (s.mom ?? 0) + (0.01 * g) / Math.sqrt(s.s - (centered ? s.a ** 2 : 0) + 1e-7);
    return w - s.mom;
  };
const momentumRule =
  (nesterov: boolean): Rule =>
  (w, g, _, s) => {
    s.v = 0.9 * (s.v ?? 0) - 0.1 * g;
    return w + (nesterov ? 0.9 * s.v - 0.1 * g : s.v);
  };
const norm = (values: number[]): number => Math.sqrt(values.reduce((a, b) => a + b * b, 0));
const { sgd, rmsprop, adam, adamw } = optimizers;

const updates: [string, optimizers.Optimizer, Rule][] = [
  ['sgd', sgd({ learningRate: 0.1 }), (w, g) => w - 0.1 * g],
  ['sgd with weight decay', sgd({ learningRate: 0.1, weightDecay: 0.2 }), (w, g) => w - 0.02 * w - 0.1 * g],
  ['momentum', sgd({ learningRate: 0.1, momentum: 0.9 }), momentumRule(false)],
  ['nesterov', sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }), momentumRule(true)],
  ['rmsprop', rmsprop({ learningRate: 0.01 }), rmspropRule(false, 0)],
  [
    'rmsprop centered with momentum',
    rmsprop({ learningRate: 0.01, centered: true, momentum: 0.8 }),
    rmspropRule(true, 0.8),
  ],
  ['adam', adam({ learningRate: 0.02 }), adamRule(0.02)],
  ['amsgrad', adam({ learningRate: 0.02, amsgrad: true }), adamRule(0.02, { amsgrad: true })],
  ['adamw', adamw({ learningRate: 0.02, weightDecay: 0.05 }), adamRule(0.02, { decay: 0.05 })],
];

describe('updates', () => {
  test.each(updates)('%s', (_, optimizer, rule) => {
    expectClose(run(optimizer, 12).flat(2), simulate(rule, 12).flat(2));
  });

  test('the learning rate can change between steps; momentum keeps the old one in its velocity', () => {
    const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
    const got = run(optimizer, 4, (t) => {
      if (t === 3) optimizer.learningRate = 0.01;
    });
    const rule: Rule = (w, g, t, s) => {
      s.v = 0.9 * (s.v ?? 0) - (t < 3 ? 0.1 : 0.01) * g;
      return w + s.v;
    };
    expectClose(got.flat(2), simulate(rule, 4).flat(2));
  });
});

describe('clipping', () => {
  const plain: Rule = (w, g) => w - g;
  const cases: [string, object, (g: number[][]) => number[][]][] = [
    ['clipvalue', { clipvalue: 0.4 }, (g) => g.map((v) => v.map((x) => Math.min(0.4, Math.max(-0.4, x))))],
    ['clipnorm', { clipnorm: 0.9 }, (g) => g.map((v) => v.map((x) => (x * 0.9) / Math.max(0.9, norm(v))))],
    ['globalClipnorm', { globalClipnorm: 2 }, (g) => g.map((v) => v.map((x) => (x * 2) / Math.max(2, norm(g.flat()))))],
  ];
  test.each(cases)('%s', (_, options, clip) => {
    expectClose(run(sgd({ learningRate: 1, ...options }), 5).flat(2), simulate(plain, 5, clip).flat(2));
  });
});

describe('arguments', () => {
  test('errors name the argument', () => {
    expect(() => adam({ learningRate: -1 })).toThrow(
      'optimizers.adam: learningRate must be a finite number >= 0, got -1',
    );
    expect(() => adamw({ beta2: 1 })).toThrow('optimizers.adamw: beta2 must be a finite number > 0 and < 1, got 1');
    expect(() => sgd({ clipnorm: 1, clipvalue: 1 })).toThrow('only one of');
    expect(() => sgd({ lr: 1 } as never)).toThrow("optimizers.sgd: unknown option 'lr'");
    for (const [name, factory] of Object.entries(optimizers)) {
      const where = `optimizers.${name}: `;
      for (const wrong of [0.01, 'x', null]) expect(() => factory(wrong as never)).toThrow(where);
    }
    expect(() => resolveOptimizer('compile', 'adm' as OptimizerName)).toThrow(/optimizer must be .*'adam'/);
    expect(() => resolveOptimizer('compile', undefined as never)).toThrow('compile: optimizer must be');
    const optimizer = adam();
    expect(() => {
      optimizer.learningRate = Number.NaN;
    }).toThrow('learningRate');
    expect(optimizer.learningRate).toBe(0.001);
  });

  test('getConfig has the current learning rate', () => {
    const optimizer = adam({ beta1: 0.8 });
    optimizer.learningRate = 0.5;
    expect(optimizer.getConfig()).toEqual({ beta1: 0.8, learningRate: 0.5 });
  });
});
