import { type Adapter, unsupported } from '../adapter';
import { losses as library, ops, type Tensor } from '../api';
import type { Attributes } from '../set';

type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

/** The library gives one value per row of the first dimension; the set wants one per vector of the last. */
function applied(
  loss: LossFunction,
  target: Tensor,
  pred: Tensor,
  { reduction }: Attributes,
  shape: readonly number[],
): Tensor {
  const width = pred.shape[pred.shape.length - 1];
  const rows = target.shape.length === pred.shape.length ? ops.reshape(target, [-1, width]) : ops.reshape(target, [-1]);
  const values = loss(rows, ops.reshape(pred, [-1, width]));
  return reduced(values, reduction, shape);
}

function reduced(values: Tensor, reduction: string | undefined, shape: readonly number[]): Tensor {
  if (reduction === 'none') return ops.reshape(values, shape);
  if (reduction === 'sum') return ops.sum(values);
  return reduction === 'mean' ? ops.mean(values) : unsupported(`reduction ${reduction}`);
}

const loss = (make: (attrs: Attributes) => LossFunction, only?: Adapter['only']): Adapter => ({
  traced: ({ pred, target }, attrs, shape) => applied(make(attrs), target, pred, attrs, shape),
  only,
});

/** What keeps logarithms and quotients finite is a constant in the library, as in Keras. */
const eps = [1e-7];

/** For losses whose reference is not averaged over the last axis. */
const options = ({ from_logits, label_smoothing }: Attributes) => ({
  fromLogits: from_logits === true,
  labelSmoothing: label_smoothing ?? 0,
});

export const losses: Record<string, Adapter> = {
  mse: loss(() => library.meanSquaredError()),
  mae: loss(() => library.meanAbsoluteError()),
  huber: loss(({ delta }) => library.huber({ delta })),
  smooth_l1: loss(({ beta }) => library.smoothL1({ beta })),
  log_cosh: loss(() => library.logCosh()),
  mean_absolute_percentage_error: loss(() => library.meanAbsolutePercentageError(), { eps }),
  mean_squared_logarithmic_error: loss(() => library.meanSquaredLogarithmicError(), { eps }),
  poisson: loss(() => library.poisson(), { eps }),
  binary_crossentropy: loss((attrs) => library.binaryCrossentropy(options(attrs)), { eps }),
  hinge: loss(() => library.hinge()),
  squared_hinge: loss(() => library.squaredHinge()),
  categorical_hinge: loss(() => library.categoricalHinge()),
  triplet_margin: {
    traced: ({ anchor, positive, negative }, { margin, eps: epsilon, swap, reduction }, shape) => {
      const values = library.tripletMargin({ margin, epsilon, swap })(
        anchor,
        ops.stack([anchor, positive, negative], 1),
      );
      return reduced(values, reduction, shape);
    },
  },
  gaussian_nll: {
    // each element as a sample of its own
    traced: ({ pred, target, var: variance }, { eps: epsilon, full, reduction }, shape) => {
      const column = (x: Tensor): Tensor => ops.reshape(x, [-1, 1]);
      const predictions = ops.concatenate([column(pred), column(variance)], 1);
      return reduced(library.gaussianNLL({ epsilon, full })(column(target), predictions), reduction, shape);
    },
  },
  cosine_similarity: loss(() => library.cosineSimilarity(), { axis: [-1] }),
  categorical_crossentropy: loss((attrs) => library.categoricalCrossentropy(options(attrs)), { eps }),
  kl_divergence: loss(() => library.klDivergence(), { eps }),
  sparse_categorical_crossentropy: {
    only: { eps },
    implied: ['class_weight'],
    traced: ({ pred, ids, weight }, attrs, shape, { axes }) => {
      // PyTorch weighs each class of the smoothed target, not the entry as a whole
      if (weight !== undefined && attrs.label_smoothing > 0) unsupported('class weights with label smoothing');
      // [batch, classes, ...] is PyTorch's order
      const classesFirst =
        axes.pred === undefined ? ids.shape.some((n, i) => n !== pred.shape[i]) : axes.pred.startsWith('NC');
      const last = classesFirst
        ? ops.transpose(pred, [0, ...pred.shape.keys()].filter((a, i) => i === 0 || a > 1).concat(1))
        : pred;
      // PyTorch's mean divides by the sum of the weights, its sum by nothing
      const normalization = attrs.reduction === 'mean' ? 'weights' : 'size';
      const crossentropy = library.sparseCategoricalCrossentropy({
        ...options(attrs),
        ignoreClass: attrs.ignore_class,
        classWeights: weight,
        normalization,
      });
      return applied(crossentropy, ids, last, attrs, shape);
    },
  },
};
