import { arrayTypes, type DType, type HostData, type Shape, sizeOf } from '../ir/graph.js';
import { show } from '../layers/arguments.js';
import type { Weight } from '../layers/layer.js';
import type { Topology } from './topology.js';

/** A weight's values, copied out of a model. */
export interface WeightValue {
  /** Unique in the model: 'dense_1/kernel'. */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Row-major. */
  readonly data: HostData;
}

/** New values: all weights in order, or some by name. */
export type WeightValues =
  | readonly (HostData | Pick<WeightValue, 'data'>)[]
  | Readonly<Record<string, HostData | Pick<WeightValue, 'data'>>>;

/** First values of all weights, in the order of the topology. */
export function initialWeights(topology: Topology, seed: number): HostData[] {
  return topology.weights.map((weight, stream) => {
    const values = weight.initializer(weight.shape, { seed, stream });
    if (!(values instanceof Float32Array) || values.length !== sizeOf(weight.shape)) {
      const got = values instanceof Float32Array ? `${values.length} values` : show(values);
      throw new Error(
        `${weight.name}: its initializer must return a Float32Array of ${sizeOf(weight.shape)} values, got ${got}`,
      );
    }
    return weight.dtype === 'float32' ? values : arrayTypes[weight.dtype].from(values);
  });
}

/**
 * Which weight gets which values; nothing is written before all of them have been checked.
 *
 * @throws Error naming the weight that is unknown, or whose number or type of values does not fit
 */
export function matchWeights(topology: Topology, values: WeightValues): Map<Weight, HostData> {
  const where = 'setWeights';
  const names = topology.weightNames;
  const matched = new Map<Weight, HostData>();
  const set = (weight: Weight, value: HostData | Pick<WeightValue, 'data'>): void => {
    const given: unknown = ArrayBuffer.isView(value) ? value : value?.data;
    const Expected = arrayTypes[weight.dtype];
    const size = sizeOf(weight.shape);
    if (!(given instanceof Expected) || given.length !== size) {
      const got = ArrayBuffer.isView(given)
        ? `a ${given.constructor.name} of ${(given as HostData).length}`
        : show(given);
      throw new Error(
        `${where}: ${names.get(weight)} has shape [${weight.shape.join(', ')}]: expected a ${Expected.name} of ${size} values, got ${got}`,
      );
    }
    matched.set(weight, given);
  };
  if (Array.isArray(values)) {
    const { weights } = topology;
    if (values.length !== weights.length) {
      throw new Error(`${where}: the model has ${weights.length} weights, got values for ${values.length}`);
    }
    weights.forEach((weight, i) => {
      set(weight, values[i]);
    });
  } else if (typeof values === 'object' && values !== null) {
    const byName = new Map([...names].map(([weight, name]) => [name, weight]));
    for (const [name, value] of Object.entries(values as Readonly<Record<string, HostData>>)) {
      const weight = byName.get(name);
      if (weight === undefined)
        throw new Error(`${where}: no weight '${name}'; there are ${[...byName.keys()].join(', ')}`);
      set(weight, value);
    }
  } else {
    throw new Error(`${where}: expected an array or a record by names, got ${show(values)}`);
  }
  return matched;
}
