import { bytesPerElement, sizeOf } from '../ir/graph.js';
import type { Layer } from '../layers/layer.js';
import type { LayerCall, SymbolicTensor } from '../layers/symbolic.js';
import { sampleShape } from './targets.js';
import { Topology } from './topology.js';

/** What the largest value of a slice may take: the caches of a processor hold it, or a device has enough to do at once. */
const sliceBytes = { cpu: 4 << 20, other: 256 << 20 };
const mostRows = 1024;
const fewestRows = 16;

/**
 * How many rows are predicted at a time where the caller leaves it open: a power of two, so that the largest value
 * between two layers takes 4 MB at most (256 MB on a device). What a layer writes then comes to the next one from the caches
 * and not from memory. Layers that remember something from batch to batch get all rows at once.
 */
export function sliceRows(topology: Topology, device: string): number {
  if (topology.stateWeights.length > 0) return Number.MAX_SAFE_INTEGER;
  const bytes = device === 'cpu' ? sliceBytes.cpu : sliceBytes.other;
  const rows = 2 ** Math.floor(Math.log2(bytes / Math.max(1, largestBytes(topology))));
  return Math.min(mostRows, Math.max(fewestRows, rows));
}

const bytesOf = (t: SymbolicTensor): number => sizeOf(sampleShape(t)) * bytesPerElement(t.dtype);

/** Of one row, over the inputs and the results of all layers. */
function largestBytes(topology: Topology): number {
  const ofLayer = (layer: Layer): number => (layer instanceof Topology ? largestBytes(layer) : 0);
  const ofCall = (call: LayerCall): number => Math.max(ofLayer(call.layer), ...call.outputs.map(bytesOf));
  return Math.max(...topology.inputs.map(bytesOf), ...topology.calls.map(ofCall));
}
