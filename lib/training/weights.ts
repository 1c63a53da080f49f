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

/** @throws Error when there are more values than an array can have */
function initialized(weight: Weight, seed: number, stream: number): Float32Array {
  try {
    return weight.initializer(weight.shape, { seed, stream });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`${weight.name}: no memory for values of shape [${weight.shape.join(', ')}]: ${error.message}`);
  }
}

/** First values of all weights, in the order of the topology. */
export function initialWeights(topology: Topology, seed: number): HostData[] {
  return topology.weights.map((weight, stream) => {
    const values = initialized(weight, seed, stream);
    if (!(values instanceof Float32Array) || values.length !== sizeOf(weight.shape)) {
      const got = values instanceof Float32Array ? `${values.length} values` : show(values);
      throw new Error(
        `${weight.name}: its initializer must return a Float32Array of ${sizeOf(weight.shape)} values, got ${got}`,
      );
    }
    return weight.dtype === 'float32' ? values : arrayTypes[weight.dtype].from(values);
  });
}

const isNamed = (value: HostData | WeightValue): value is WeightValue =>
  typeof value === 'object' && value !== null && typeof (value as Partial<WeightValue>).name === 'string';

/** Not an instance of something, which would have no entries. */
function isRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
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
        : show(given ?? value);
      throw new Error(
        `${where}: ${names.get(weight)} has shape [${weight.shape.join(', ')}]: expected a ${Expected.name} of ${size} values, got ${got}`,
      );
    }
    matched.set(weight, given);
  };
  const setNamed = (entries: Iterable<readonly [string, HostData | Pick<WeightValue, 'data'>]>): void => {
    const byName = new Map([...names].map(([weight, name]) => [name, weight]));
    for (const [name, value] of entries) {
      const weight = byName.get(name);
      if (weight === undefined)
        throw new Error(`${where}: no weight '${name}'; there are ${[...byName.keys()].join(', ')}`);
      set(weight, value);
    }
  };
  if (Array.isArray(values)) {
    const { weights } = topology;
    const list: readonly (HostData | WeightValue)[] = values;
    if (list.length < weights.length && list.every(isNamed)) {
      setNamed(list.map((value) => [value.name, value]));
      return matched;
    }
    if (values.length !== weights.length) {
      throw new Error(`${where}: the model has ${weights.length} weights, got values for ${values.length}`);
    }
    weights.forEach((weight, i) => {
      set(weight, values[i]);
    });
  } else if (isRecord(values)) {
    setNamed(Object.entries(values as Readonly<Record<string, HostData>>));
  } else {
    throw new Error(`${where}: expected an array or a record by names, got ${show(values)}`);
  }
  return matched;
}
