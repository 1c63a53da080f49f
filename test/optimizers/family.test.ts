import * as optimizers from '../../lib/optimizers/index';
import { expectClose } from '../helpers/evaluate';
import { type Problem, runProblem, vectors } from './support';

/** A matrix [2, 3] whose gradient changes with the step. */
const matrix: Problem = {
  start: [[1, -2, 0.5, 3, 0.25, -1]],
  shapes: [[2, 3]],
  gradientAt: (t) => [[0.5 * t, -1, 0.1, 2 / t, -0.3, 0.7]],
};
const sum = (v: number[]): number => v.reduce((a, b) => a + b, 0);
const norm = (v: number[]): number => Math.hypot(...v);
const rms = (v: number[]): number => norm(v) / Math.sqrt(v.length);

/** An update of a whole parameter in plain numbers. */
type Rule = (w: number[], g: number[], t: number, state: Record<string, number[]>) => number[];

function simulate(rule: Rule, steps: number, { start, gradientAt }: Problem): number[][][] {
  let weights = start.map((w) => [...w]);
  const states = start.map(() => ({}));
  return Array.from({ length: steps }, (_, i) => {
    weights = weights.map((w, j) => rule(w, gradientAt(i + 1)[j], i + 1, states[j]));
    return weights;
  });
}

const zeros = (w: number[]): number[] => w.map(() => 0);

const lamb: Rule = (w, g, t, s) => {
  s.m = (s.m ?? zeros(w)).map((m, i) => 0.9 * m + 0.1 * g[i]);
  s.v = (s.v ?? zeros(w)).map((v, i) => 0.999 * v + 0.001 * g[i] ** 2);
  const d = w.map((x, i) => s.m[i] / (1 - 0.9 ** t) / (Math.sqrt(s.v[i] / (1 - 0.999 ** t)) + 1e-7) + 0.05 * x);
  return w.map((x, i) => x - 0.1 * (norm(w) / norm(d)) * d[i]);
};

const ftrl: Rule = (w, g, _, s) => {
  s.n ??= w.map(() => 0.1);
  s.z ??= zeros(w);
  const old = s.n;
  s.n = old.map((n, i) => n + g[i] ** 2);
  s.z = s.z.map((z, i) => z + g[i] - ((Math.sqrt(s.n[i]) - Math.sqrt(old[i])) / 0.5) * w[i]);
  return w.map((_, i) => {
    const z = s.z[i];
    return (Math.min(0.2, Math.max(-0.2, z)) - z) / (Math.sqrt(s.n[i]) / 0.5 + 2 * 0.3);
  });
};

const adafactor: Rule = (w, g, t, s) => {
  const keep = 1 - t ** -0.8;
  const squares = g.map((x) => x * x + 1e-30);
  const [rows, columns] = [2, 3];
  const row = (r: number) => squares.slice(r * columns, (r + 1) * columns);
  s.r = (s.r ?? [0, 0]).map((v, r) => keep * v + (1 - keep) * (sum(row(r)) / columns));
  s.c = (s.c ?? [0, 0, 0]).map((v, c) => keep * v + (1 - keep) * ((squares[c] + squares[columns + c]) / rows));
  const u = g.map((x, i) => x / Math.sqrt((s.r[Math.floor(i / columns)] * s.c[i % columns]) / (sum(s.r) / rows)));
  const limited = u.map((x) => x / Math.max(1, rms(u)));
  const size = Math.max(1e-3, rms(w)) * Math.min(0.3, 1 / Math.sqrt(t));
  return w.map((x, i) => x - size * limited[i]);
};

const lion: Rule = (w, g, _, s) => {
  s.m ??= zeros(w);
  const next = w.map((x, i) => x - 0.01 * Math.sign(0.9 * s.m[i] + 0.1 * g[i]));
  s.m = s.m.map((m, i) => 0.99 * m + 0.01 * g[i]);
  return next;
};

const adagrad: Rule = (w, g, _, s) => {
  s.n = (s.n ?? w.map(() => 0.1)).map((n, i) => n + g[i] ** 2);
  return w.map((x, i) => x - (0.2 * g[i]) / Math.sqrt(s.n[i] + 1e-7));
};

const adadelta: Rule = (w, g, _, s) => {
  const old = s.d ?? zeros(w);
  s.v = (s.v ?? zeros(w)).map((v, i) => 0.95 * v + 0.05 * g[i] ** 2);
  const moves = w.map((_x, i) => (Math.sqrt(old[i] + 1e-7) / Math.sqrt(s.v[i] + 1e-7)) * g[i]);
  s.d = old.map((d, i) => 0.95 * d + 0.05 * moves[i] ** 2);
  return w.map((x, i) => x - 2 * moves[i]);
};

const adamax: Rule = (w, g, t, s) => {
  s.m = (s.m ?? zeros(w)).map((m, i) => 0.9 * m + 0.1 * g[i]);
  s.u = (s.u ?? zeros(w)).map((u, i) => Math.max(0.999 * u, Math.abs(g[i])));
  return w.map((x, i) => x - ((0.1 / (1 - 0.9 ** t)) * s.m[i]) / (s.u[i] + 1e-7));
};

const nadam: Rule = (w, g, t, s) => {
  const momentum = (step: number): number => 0.9 * (1 - 0.5 * 0.96 ** step);
  s.p = [(s.p?.[0] ?? 1) * momentum(t)];
  s.m = (s.m ?? zeros(w)).map((m, i) => 0.9 * m + 0.1 * g[i]);
  s.v = (s.v ?? zeros(w)).map((v, i) => 0.999 * v + 0.001 * g[i] ** 2);
  return w.map((x, i) => {
    const ahead = (momentum(t + 1) * s.m[i]) / (1 - s.p[0] * momentum(t + 1));
    const now = ((1 - momentum(t)) * g[i]) / (1 - s.p[0]);
    return x - (0.1 * (ahead + now)) / (Math.sqrt(s.v[i] / (1 - 0.999 ** t)) + 1e-7);
  });
};

const radam: Rule = (w, g, t, s) => {
  s.m = (s.m ?? zeros(w)).map((m, i) => 0.9 * m + 0.1 * g[i]);
  s.v = (s.v ?? zeros(w)).map((v, i) => 0.999 * v + 0.001 * g[i] ** 2);
  const longest = 2 / (1 - 0.999) - 1;
  const length = longest - (2 * t * 0.999 ** t) / (1 - 0.999 ** t);
  const reliable = length > 5;
  const r = Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length));
  return w.map((x, i) => {
    const mean = s.m[i] / (1 - 0.9 ** t);
    const size = (Math.sqrt(s.v[i]) + 1e-8) / Math.sqrt(1 - 0.999 ** t);
    return x - 0.1 * mean * (reliable ? r / size : 1);
  });
};

/** Of a matrix of so many rows. */
const muon =
  (rows: number): Rule =>
  (w, g, _, s) => {
    s.m = (s.m ?? zeros(w)).map((m, i) => 0.95 * m + g[i]);
    const direction = g.map((x, i) => x + 0.95 * s.m[i]);
    const columns = w.length / rows;
    const size = norm(direction) + 1e-7;
    let x = Array.from({ length: rows }, (_r, r) =>
      direction.slice(r * columns, (r + 1) * columns).map((v) => v / size),
    );
    const product = (a: number[][], b: number[][]) =>
      a.map((row) => b[0].map((_b, j) => sum(row.map((v, k) => v * b[k][j]))));
    const transposed = (a: number[][]) => a[0].map((_a, j) => a.map((row) => row[j]));
    for (let i = 0; i < 5; i++) {
      // a X + b (X X') X + c (X X')^2 X
      const gram = product(x, transposed(x));
      const [once, twice] = [product(gram, x), product(product(gram, gram), x)];
      x = x.map((row, r) => row.map((v, k) => 3.4445 * v - 4.775 * once[r][k] + 2.0315 * twice[r][k]));
    }
    const scale = 0.1 * Math.sqrt(Math.max(1, columns / rows));
    return w.map((v, i) => v - scale * x.flat()[i]);
  };
const tall: Problem = { ...matrix, shapes: [[3, 2]] };

const updates: [string, optimizers.Optimizer, Rule, Problem][] = [
  ['lamb', optimizers.lamb({ learningRate: 0.1, weightDecay: 0.05 }), lamb, vectors],
  [
    'ftrl',
    optimizers.ftrl({ learningRate: 0.5, l1RegularizationStrength: 0.2, l2RegularizationStrength: 0.3 }),
    ftrl,
    vectors,
  ],
  ['adafactor', optimizers.adafactor({ learningRate: 0.3 }), adafactor, matrix],
  ['lion', optimizers.lion({ learningRate: 0.01 }), lion, vectors],
  ['adagrad', optimizers.adagrad({ learningRate: 0.2 }), adagrad, vectors],
  ['adadelta', optimizers.adadelta({ learningRate: 2 }), adadelta, vectors],
  ['adamax', optimizers.adamax({ learningRate: 0.1 }), adamax, vectors],
  ['nadam', optimizers.nadam({ learningRate: 0.1 }), nadam, vectors],
  ['radam', optimizers.radam({ learningRate: 0.1 }), radam, vectors],
  ['muon', optimizers.muon({ learningRate: 0.1 }), muon(2), matrix],
  ['muon, of a tall matrix', optimizers.muon({ learningRate: 0.1 }), muon(3), tall],
];

test('every optimizer is compared with plain numbers', () => {
  const elsewhere = ['adam', 'adamw', 'lossScale', 'rmsprop', 'sgd']; // optimizers.test.ts, loss-scale.test.ts
  const names = Object.entries(optimizers).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
  const here = updates.map(([name]) => name.split(',')[0]);
  expect([...new Set([...here, ...elsewhere])].sort()).toEqual(names.sort());
});

test.each(updates)('%s', (_, optimizer, rule, problem) => {
  expectClose(runProblem(optimizer, 12, problem).history.flat(2), simulate(rule, 12, problem).flat(2), 3e-6);
});

describe('muon', () => {
  test('rounds what its products multiply to bfloat16', () => {
    const first = (newtonSchulzPrecision: 'float32' | 'bfloat16') =>
      runProblem(optimizers.muon({ learningRate: 1, newtonSchulzPrecision }), 1, matrix).history[0][0];
    const [exact, rounded] = [first('float32'), first('bfloat16')];
    const most = Math.max(...exact.map((w, i) => Math.abs(w - rounded[i])));
    // of a move of about 1; 15 products, whose factors have 8 bits
    expect(most).toBeGreaterThan(1e-4);
    expect(most).toBeLessThan(15 * 2 ** -8);
  });

  test('moves a matrix by a nearly orthogonal one', () => {
    const { history } = runProblem(optimizers.muon({ learningRate: 1 }), 1, matrix);
    const move = history[0][0].map((w, i) => matrix.start[0][i] - w);
    const scale = 3 / 2; // squared: 3 outputs, 2 inputs
    const [a, b] = [move.slice(0, 3), move.slice(3)];
    const dot = (x: number[], y: number[]): number => sum(x.map((v, i) => v * y[i]));
    for (const length of [dot(a, a), dot(b, b)]) {
      expect(length / scale).toBeGreaterThan(0.4);
      expect(length / scale).toBeLessThan(1.5);
    }
    expect(Math.abs(dot(a, b)) / scale).toBeLessThan(0.35);
    // downhill
    expect(dot(move, matrix.gradientAt(1)[0])).toBeGreaterThan(0);
  });

  test('leaves vectors and embeddings to AdamW', () => {
    const settings = { learningRate: 0.1, weightDecay: 0.2 } as const;
    const adam = optimizers.adam({ learningRate: 0.1, beta2: 0.95 });
    const expected = runProblem(adam, 6, vectors).history;
    const got = runProblem(optimizers.muon({ learningRate: 0.1, adamLearningRateRatio: 1 }), 6, vectors).history;
    expectClose(got.flat(2), expected.flat(2));
    const named = { ...matrix, names: ['embedding/embeddings'] };
    const adamw = optimizers.adamw({ ...settings, beta2: 0.95 });
    const other = optimizers.muon({ ...settings, adamLearningRateRatio: 1 });
    expectClose(runProblem(other, 6, named).history.flat(2), runProblem(adamw, 6, named).history.flat(2));
  });
});

test('radam is plain momentum while the mean square is not reliable', () => {
  const { history } = runProblem(optimizers.radam({ learningRate: 0.1 }), 1, vectors);
  // m / (1 - beta1) is the gradient itself in the first update
  expectClose(history[0].flat(), [1 - 0.05, -2 + 0.1, 0.5 - 0.01, 3 - 0.2, 0.25 + 0.03]);
});
