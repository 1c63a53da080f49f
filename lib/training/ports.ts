import type { SymbolicTensor } from '../layers/symbolic.js';
import type { PortNames } from './prepare.js';
import type { Topology } from './topology.js';

/** Inputs and outputs are known by the names of their layers; several of one layer are numbered from 0. */
export function portNames({ inputs, outputs }: Topology): PortNames {
  const nameAll = (ports: readonly SymbolicTensor[]): string[] => {
    const names = ports.map((t) => t.call.layer.name);
    return names.map((name, i) => {
      if (names.indexOf(name) === names.lastIndexOf(name)) return name;
      return `${name}_${names.slice(0, i).filter((other) => other === name).length}`;
    });
  };
  return { inputs: nameAll(inputs), outputs: nameAll(outputs) };
}
