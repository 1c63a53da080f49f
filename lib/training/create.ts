import type { Layer } from '../layers/layer.js';
import { Model } from './model.js';
import { connectSequential, Topology, type TopologyOptions } from './topology.js';

/**
 * A model whose layers follow one another. The first layer says the shape of a sample with `inputShape`, or is an
 * `inputLayer`.
 *
 * @throws Error when nothing tells the input's shape, or a layer does not fit the one before it
 *
 * @example
 * const net = sequential([
 *   layers.dense({ units: 64, activation: 'relu', inputShape: [784] }),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ]);
 */
export const sequential = (layers: readonly Layer[], options: { readonly name?: string } = {}): Model =>
  new Model(connectSequential(layers, options));

/**
 * A model of layers that are connected in any way, from inputs to outputs.
 *
 * @throws Error when an output depends on an input that is not given, or two layers have one name
 *
 * @example
 * const x = input({ shape: [16] });
 * const net = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(x) });
 */
export const model = (options: TopologyOptions): Model => new Model(new Topology(options));
