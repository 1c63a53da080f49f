import type { Tensor } from '../ir/graph.js';
import { divide } from '../ir/ops/elementwise.js';
import { l1l2 } from '../regularizers/penalties.js';
import { checkOptions, numberIn } from './arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys, type RegularizerFn } from './layer.js';

export interface ActivityRegularizationOptions extends LayerOptions {
  /** Factor of the sum of sizes. Default: 0. */
  readonly l1?: number;
  /** Factor of the sum of squares. Default: 0. */
  readonly l2?: number;
}

const where = 'layers.activityRegularization';

class ActivityRegularization extends Layer {
  readonly kind = 'activityRegularization';
  protected override readonly passesMask = true;
  readonly #penalty: RegularizerFn;

  constructor(readonly options: ActivityRegularizationOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'l1', 'l2']);
    super(options);
    this.#penalty = l1l2({
      l1: numberIn(where, 'l1', options.l1 ?? 0, { min: 0 }),
      l2: numberIn(where, 'l2', options.l2 ?? 0, { min: 0 }),
    });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    context.addLoss(divide(this.#penalty(x), Math.max(1, x.shape[0] ?? 1)));
    return x;
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The input as it is, and a penalty on it in the training loss: (l1 * sum(|x|) + l2 * sum(x^2)) / batch, averaged over the
 * batch like every `activityRegularizer`.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when a factor is negative or not finite
 *
 * @example
 * layers.activityRegularization({ l1: 1e-4 });
 */
export const activityRegularization = (options: ActivityRegularizationOptions = {}): Layer =>
  new ActivityRegularization(options);
