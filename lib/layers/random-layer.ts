import type { Tensor } from '../ir/graph.js';
import { checkOptions, integer } from './arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys } from './layer.js';
import { withSeed } from './random.js';

export interface RandomLayerOptions extends LayerOptions {
  /** Random numbers depend on this instead of the seed of the training run. They still differ from step to step. */
  readonly seed?: number;
}

/** Does something random in training, and nothing (or what `settle` says) in inference. */
export abstract class RandomLayer extends Layer {
  protected override readonly passesMask: boolean = true;

  constructor(
    where: string,
    readonly options: RandomLayerOptions,
    own: readonly string[],
  ) {
    checkOptions(where, options, [...layerOptionKeys, 'seed', ...own]);
    super(options);
    if (options.seed !== undefined) integer(where, 'seed', options.seed);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.prepare(this.single(inputs));
    return context.training ? withSeed(this.options.seed, () => this.randomize(x)) : this.settle(x);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  /** @throws Error when the input does not fit */
  protected prepare(x: Tensor): Tensor {
    return x;
  }
  protected abstract randomize(x: Tensor): Tensor;
  protected settle(x: Tensor): Tensor {
    return x;
  }
}
