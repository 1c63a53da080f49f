import { formatType, type Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  equal,
  exp,
  log,
  logicalAnd,
  logicalOr,
  maximum,
  multiply,
  negative,
  notEqual,
  where as select,
  stopGradient,
  subtract,
} from '../ir/ops/elementwise.js';
import { oneHot } from '../ir/ops/indexing.js';
import { matmul } from '../ir/ops/linalg.js';
import { scan } from '../ir/ops/loop.js';
import { logSoftmax } from '../ir/ops/nn.js';
import { full, iota } from '../ir/ops/random.js';
import { logSumExp, sum } from '../ir/ops/reduce.js';
import { concatenate, expandDims, reshape, sliceAxis, stack, swapLastAxes, transpose } from '../ir/ops/shape.js';
import { withoutOptions } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';

/** The logarithm of 0, as a number that can be computed with. */
const impossible = -1e30;

/** Columns moved to the right, `fill` coming in from the left. */
function shifted(x: Tensor, by: number, fill: number): Tensor {
  const [batch, width] = x.shape as [number, number];
  const border = full([batch, Math.min(by, width)], fill, x.dtype);
  return width <= by ? border : concatenate([border, sliceAxis(x, 1, 0, width - by)], 1);
}

function logAdd(terms: readonly Tensor[]): Tensor {
  const top = stopGradient(terms.reduce((a, b) => maximum(a, b)));
  return add(top, log(terms.map((t) => exp(subtract(t, top))).reduce((a, b) => add(a, b))));
}

/**
 * Connectionist temporal classification: -log of the probability of all ways to write the labels over time, with blanks
 * in between. Class 0 is the blank, and pads labels that are shorter than the longest, as in Keras.
 *
 * - targets: class numbers 1 .. classes - 1, then 0 as padding: [batch, labels]
 * - predictions: logits [batch, time, classes]; every time step is used
 * - result: float32 [batch]; about 1e30 where the labels do not fit into the time
 *
 * @throws Error when applied, if the shapes do not fit
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'ctc' });
 *
 * Source: Graves et al., "Connectionist temporal classification", ICML 2006.
 */
export const ctc: () => Loss = withoutOptions('losses.ctc', () =>
  defineLoss('ctc', (yTrue, yPred) => {
    if (yPred.rank !== 3 || yTrue.rank !== 2 || yTrue.shape[0] !== yPred.shape[0] || yPred.shape[1] === 0) {
      throw new Error(
        `ctc: expected targets [batch, labels] and predictions [batch, time, classes], got ${formatType(yTrue)} and ` +
          formatType(yPred),
      );
    }
    const [batch, , classes] = yPred.shape as [number, number, number];
    const count = yTrue.shape[1] as number;
    const width = 2 * count + 1;
    const labels = cast(yTrue, 'int32');
    // blank, label, blank, label, ..., blank
    const blanks = full([batch, count], 0, 'int32');
    const pairs = reshape(stack([blanks, labels], 2), [batch, 2 * count]);
    const symbols = concatenate([pairs, full([batch, 1], 0, 'int32')], 1); // [B, S]
    // a label may follow the one before without a blank, unless they are equal
    const canSkip = logicalAnd(notEqual(symbols, 0), notEqual(symbols, shifted(symbols, 2, 0)));
    const chosen = swapLastAxes(oneHot(symbols, classes)); // [B, C, S]
    const emitted = transpose(matmul(logSoftmax(yPred), chosen), [1, 0, 2]); // [T, B, S]
    const position = iota([batch, width], 1);
    const isStart = logicalOr(equal(position, 0), equal(position, 1));
    const start = select(isStart, reshape(sliceAxis(emitted, 0, 0, 1), [batch, width]), impossible);
    const step = (paths: Tensor, emittedNow: Tensor) => {
      const skipped = select(canSkip, shifted(paths, 2, impossible), impossible);
      return { carry: add(logAdd([paths, shifted(paths, 1, impossible), skipped]), emittedNow), output: [] };
    };
    const { carry: paths } = scan<Tensor, Tensor, readonly Tensor[]>(step, start, sliceAxis(emitted, 0, 1));
    const length = sum(cast(notEqual(labels, 0), 'int32'), 1); // [B]
    const last = expandDims(multiply(length, 2), 1); // the blank at the end
    const isEnd = logicalOr(equal(position, last), equal(position, subtract(last, 1)));
    const ends = select(isEnd, paths, impossible);
    return negative(logSumExp(ends, 1));
  }),
);
