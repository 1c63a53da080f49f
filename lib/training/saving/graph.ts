import { type Json, jsonArray, jsonInteger, jsonKeys, jsonObject } from '../../io/json.js';
import { InputLayer } from '../../layers/input.js';
import type { Layer } from '../../layers/layer.js';
import type { LayerCall, SymbolicTensor } from '../../layers/symbolic.js';
import { Topology } from '../topology.js';
import { decodeLayer, encodeLayer } from './layers.js';

/**
 * A graph of layers in JSON:
 * - layers: in the order of the topology, each once however often it is used
 * - calls: { layer: its number, inputs: [[call, output], ...] }, those of the inputs first, each after those it depends on
 * - inputs: numbers of calls, outputs: [call, output] pairs
 */
export interface GraphJson {
  readonly [key: string]: Json;
  readonly layers: readonly Json[];
  readonly calls: readonly { readonly layer: number; readonly inputs: readonly (readonly [number, number])[] }[];
  readonly inputs: readonly number[];
  readonly outputs: readonly (readonly [number, number])[];
}

export function encodeGraph(where: string, topology: Topology): GraphJson {
  const calls: LayerCall[] = [...topology.inputs.map((t) => t.call), ...topology.calls];
  const number = new Map(calls.map((call, i) => [call, i]));
  const layerNumber = new Map(topology.layers.map((layer, i) => [layer, i]));
  const reference = (t: SymbolicTensor): readonly [number, number] => [number.get(t.call) as number, t.index];
  return {
    layers: topology.layers.map((layer) => encodeLayer(where, layer)),
    calls: calls.map(({ layer, inputs }) => ({
      layer: layerNumber.get(layer) as number,
      inputs: inputs.map(reference),
    })),
    inputs: topology.inputs.map((_, i) => i),
    outputs: topology.outputs.map(reference),
  };
}

/** Calls of a model, those inside of nested models counted as often as they are made. */
const expandedCalls = new WeakMap<Layer, number>();
/** A small file could otherwise describe an endless one: a model that uses a model twice that uses a model twice ... */
const maxCalls = 100_000;

/**
 * Makes the layers anew and connects them.
 *
 * @throws Error naming the file and the layer that is unknown, not valid, or does not fit the others
 */
export function decodeGraph(where: string, name: string, json: { readonly [key: string]: Json }): Topology {
  jsonKeys(where, 'a model', json, ['layers', 'calls', 'inputs', 'outputs']);
  const layers = jsonArray(where, 'layers', json.layers).map((layer, i) => decodeLayer(`${where}.layers[${i}]`, layer));
  const results: (readonly SymbolicTensor[])[] = [];
  let expanded = 0;
  const reference = (at: string, value: unknown): SymbolicTensor => {
    const pair = jsonArray(where, at, value);
    if (pair.length !== 2) throw new Error(`${where}: ${at} must be [call, output]`);
    const outputs = results[
      jsonInteger(where, `${at}[0]`, pair[0], 0, results.length - 1)
    ] as readonly SymbolicTensor[];
    return outputs[jsonInteger(where, `${at}[1]`, pair[1], 0, outputs.length - 1)] as SymbolicTensor;
  };
  jsonArray(where, 'calls', json.calls).forEach((value, i) => {
    const at = `calls[${i}]`;
    const call = jsonObject(where, at, value);
    jsonKeys(where, at, call, ['layer', 'inputs']);
    const layer = layers[jsonInteger(where, `${at}.layer`, call.layer, 0, layers.length - 1)] as Layer;
    expanded += expandedCalls.get(layer) ?? 1;
    if (expanded > maxCalls) throw new Error(`${where}: makes more than ${maxCalls} calls of layers`);
    const inputs = jsonArray(where, `${at}.inputs`, call.inputs).map((t, k) => reference(`${at}.inputs[${k}]`, t));
    results.push(connect(where, layer, inputs));
  });
  const inputs = jsonArray(where, 'inputs', json.inputs).map((n, i) => reference(`inputs[${i}]`, [n as Json, 0]));
  const outputs = jsonArray(where, 'outputs', json.outputs).map((t, i) => reference(`outputs[${i}]`, t));
  const topology = named(where, () => new Topology({ inputs, outputs, name }));
  const used = inputs.length + topology.calls.length;
  if (used !== results.length || topology.layers.length !== layers.length) {
    throw new Error(`${where}: not all of the ${layers.length} layers and ${results.length} calls lead to an output`);
  }
  expandedCalls.set(topology, expanded);
  return topology;
}

function connect(where: string, layer: Layer, inputs: readonly SymbolicTensor[]): readonly SymbolicTensor[] {
  if (layer instanceof InputLayer) {
    if (inputs.length > 0) throw new Error(`${where}: ${layer.label} cannot have inputs`);
    return [layer.output];
  }
  if (inputs.length === 0) throw new Error(`${where}: ${layer.label} must have inputs`);
  return named(where, () => layer.applyMany(inputs));
}

/** Runs `body`; errors name the file. */
function named<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`);
  }
}
