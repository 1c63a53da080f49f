import { bytesPerElement, sizeOf } from '../ir/graph.js';
import type { Layer, Weight } from '../layers/layer.js';
import type { LayerCall, SymbolicTensor } from '../layers/symbolic.js';
import { table } from './table.js';
import type { Topology } from './topology.js';

const count = (weights: readonly Weight[]): number => weights.reduce((total, w) => total + sizeOf(w.shape), 0);

const bytesOf = (weights: readonly Weight[]): number =>
  weights.reduce((total, w) => total + sizeOf(w.shape) * bytesPerElement(w.dtype), 0);

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(2)} KB` : `${(bytes / 1024 ** 2).toFixed(2)} MB`;
}

const formatShape = (t: SymbolicTensor): string => `[${t.shape.map((n) => n ?? 'null').join(', ')}]`;
const separate = (n: number): string => n.toLocaleString('en-US');

/** The text of `summary()`: one row for each call of a layer; weights of a shared layer are counted at its first call. */
export function formatSummary(topology: Topology): string {
  const calls: readonly LayerCall[] = [...topology.inputs.map((t) => t.call), ...topology.calls];
  const seen = new Set<Layer>();
  const rows = calls.map((call) => {
    const { layer } = call;
    const parameters = seen.has(layer) ? '(shared)' : separate(count(layer.weights));
    seen.add(layer);
    const from = call.inputs.map((t) => t.call.layer.name).join(', ');
    const kind = layer.quantization === undefined ? layer.kind : `${layer.kind}, ${layer.quantization}`;
    return [`${layer.name} (${kind})`, call.outputs.map(formatShape).join(', '), parameters, from];
  });
  const all = topology.weights;
  const trainable = new Set(topology.trainableWeights);
  const total = (label: string, weights: readonly Weight[]): string =>
    `${label}: ${separate(count(weights))} (${formatBytes(bytesOf(weights))})`;
  return [
    `Model: ${topology.name}`,
    ...table(['Layer (kind)', 'Output shape', 'Params', 'Connected to'], rows, [2]),
    total('Total params', all),
    total('Trainable params', [...trainable]),
    total(
      'Non-trainable params',
      all.filter((w) => !trainable.has(w)),
    ),
  ].join('\n');
}
