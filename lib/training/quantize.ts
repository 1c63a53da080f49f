import type { HostData } from '../ir/graph.js';
import type { Weight } from '../layers/layer.js';
import type { Topology } from './topology.js';

/**
 * Makes all kernels int8 that are not yet.
 *
 * @returns the values of the topology's weights afterwards
 * @throws Error when there is none, or one holds NaN or an infinity; the topology is unchanged then
 */
export function quantizeKernels(where: string, topology: Topology, read: (weight: Weight) => HostData): HostData[] {
  const open = topology.kernels.filter((kernel) => kernel.scale === undefined);
  if (open.length === 0) {
    const why = topology.kernels.length > 0 ? 'is quantized already' : 'has no layer that can be quantized';
    throw new Error(`${where}: model '${topology.name}' ${why}`);
  }
  const values = new Map(topology.weights.map((weight) => [weight, read(weight)]));
  const quantized = open.map((kernel) => ({
    kernel,
    ...kernel.quantized(values.get(kernel.weight) as HostData),
  }));
  topology.quantize('int8');
  for (const { kernel, values: rounded, scale } of quantized) {
    values.set(kernel.weight, rounded);
    values.set(kernel.scale as Weight, scale);
  }
  return topology.weights.map((weight) => values.get(weight) as HostData);
}

/** @throws Error when a layer is quantized: it cannot be trained */
export function refuseQuantized(where: string, topology: Topology): void {
  const layer = topology.layers.find(({ kernels }) => kernels.some((kernel) => kernel.scale !== undefined));
  if (layer === undefined) return;
  throw new Error(
    `${where}: ${layer.label} is quantized to int8, and a quantized layer cannot be trained; train first, then quantize`,
  );
}
