/**
 * A sample of values that stands for all of them: each value for as many as its weight says. The values are in ascending
 * order.
 */
interface Summary {
  readonly values: Float32Array;
  readonly weights: Float32Array;
}

const nothing: Summary = { values: new Float32Array(0), weights: new Float32Array(0) };

/** Values are gathered up to this many before they are summarized: the summary of a few says little about where others lie. */
const block = 1 << 16;

/** Quantiles of any number of values, of which about 1 / epsilon are kept. The values of one call are sorted as a whole. */
export class Quantiles {
  #summary = nothing;
  #waiting: Float32Array[] = [];
  #count = 0;

  constructor(readonly epsilon: number) {}

  add(values: ArrayLike<number>): void {
    this.#waiting.push(new Float32Array(values)); // a copy: a generator may reuse its array
    this.#count += values.length;
    if (this.#count >= block) this.#summarize();
  }

  /** The values that cut all into `count` parts of equal size. */
  boundaries(count: number): Float32Array {
    if (this.#count > 0) this.#summarize();
    return compress(this.#summary, 1 / count).values.slice(0, -1);
  }

  #summarize(): void {
    const values = new Float32Array(this.#count);
    let at = 0;
    for (const part of this.#waiting) {
      values.set(part, at);
      at += part.length;
    }
    this.#summary = mergeSummaries(this.#summary, summarize(values.sort(), this.epsilon), this.epsilon);
    this.#waiting = [];
    this.#count = 0;
  }
}

/**
 * About 1 / epsilon of the values at equal distances in their order: all of them when there are fewer.
 *
 * @param sorted in ascending order
 */
function summarize(sorted: Float32Array, epsilon: number): Summary {
  const step = Math.max(sorted.length / (1 / epsilon), 1);
  const values: number[] = [];
  // the last one of each group stands for it
  for (let i = Math.trunc(step - 1); i < sorted.length; i += Math.trunc(step)) values.push(sorted[i] as number);
  return { values: Float32Array.from(values), weights: new Float32Array(values.length).fill(step) };
}

/**
 * A summary of what two stand for, of about the size of one. Between two of its values a summary's share grows evenly: one that
 * grew in steps would put every boundary a little too high, and more so with each of many merges.
 */
function mergeSummaries(a: Summary, b: Summary, epsilon: number): Summary {
  if (a.values.length === 0) return compress(b, epsilon);
  const values = Float32Array.from([...a.values, ...b.values]).sort();
  const [inA, inB] = [distribution(a), distribution(b)];
  const below = Float64Array.from(values, (v) => share(v, inA) + share(v, inB));
  return compress({ values, weights: Float32Array.from(below, (w, i) => w - (below[i - 1] ?? 0)) }, epsilon);
}

interface Distribution {
  readonly values: Float32Array;
  readonly cumulative: Float32Array;
}

const distribution = ({ values, weights }: Summary): Distribution => ({ values, cumulative: runningSum(weights) });

/** The weight of what lies at or below `x`. */
const share = (x: number, { values, cumulative }: Distribution): number =>
  x < (values[0] as number) ? 0 : interpolate(x, values, cumulative);

/** A summary of about 1 / epsilon values, at equal distances of cumulative weight. */
function compress(summary: Summary, epsilon: number): Summary {
  if (summary.values.length * epsilon < 1) return summary;
  const { values } = summary;
  const cumulative = runningSum(summary.weights);
  const total = cumulative.at(-1) as number;
  const shares = cumulative.map((w) => w / total);
  // not one more where 1 / epsilon is a whole number that rounding puts above it
  const points = Array.from({ length: Math.ceil(1 / epsilon - 1e-9) }, (_, i) => epsilon + i * epsilon);
  const below = Float64Array.from(points, (p) => interpolate(p, shares, cumulative));
  return {
    values: Float32Array.from(points, (p) => interpolate(p, shares, values)),
    weights: Float32Array.from(below, (w, i) => w - (below[i - 1] ?? 0)),
  };
}

function runningSum(weights: Float32Array): Float32Array {
  const sums = new Float32Array(weights.length);
  let sum = 0;
  weights.forEach((w, i) => {
    sums[i] = sum = Math.fround(sum + w);
  });
  return sums;
}

/** The value at `x` of the line through the points (xs, ys), with its first and last y beyond them. */
function interpolate(x: number, xs: Float32Array, ys: Float32Array): number {
  // the first point beyond x
  let [after, end] = [0, xs.length];
  while (after < end) {
    const middle = (after + end) >> 1;
    if ((xs[middle] as number) > x) end = middle;
    else after = middle + 1;
  }
  if (after === xs.length) return ys.at(-1) as number;
  if (after === 0) return ys[0] as number;
  const [x0, x1] = [xs[after - 1] as number, xs[after] as number];
  const [y0, y1] = [ys[after - 1] as number, ys[after] as number];
  return y0 + ((y1 - y0) / (x1 - x0)) * (x - x0);
}
