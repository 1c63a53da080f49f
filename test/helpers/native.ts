import { gradients } from '../../lib/compile/autodiff';
import { compile, StateLayout } from '../../lib/compile/index';
import { hostArray, make } from '../../lib/ir/build';
import { type Graph, type HostData, numbersOf } from '../../lib/ir/graph';
import { loadAddon } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { expectWithin, interpretWithBounds } from './bounds';
import type { Instance } from './cases';
import { placeholders } from './gradcheck';
import { Random } from './random';

export interface Problem {
  readonly graph: Graph;
  readonly feeds: readonly HostData[];
}

/** A case as a graph: its value, and with `differentiate` the gradients of its float32 inputs for a random upstream. */
export function problem({ inputs, run }: Instance, differentiate: boolean, seed: number): Problem {
  const random = new Random(seed);
  const x = placeholders(inputs);
  const y = run(...x);
  const feeds = inputs.map(({ dtype, values }) => hostArray(dtype, values));
  if (!differentiate) return { graph: { inputs: x, outputs: [y], writes: [] }, feeds };
  const upstream = make('input', [], { slot: x.length }, y.shape, 'float32');
  const wrt = x.filter((t) => t.dtype === 'float32');
  return {
    graph: { inputs: [...x, upstream], outputs: [y, ...gradients(y, wrt, upstream)], writes: [] },
    feeds: [...feeds, Float32Array.from({ length: y.size }, () => random.normal())],
  };
}

/**
 * Runs a problem natively on each CPU target, fused and unfused, against float64 with error bounds. No kernel may rely on what
 * another one, or its own last run, has left in the memory that they share.
 */
export function checkNatively(problem: Problem, targets: readonly string[]): void {
  loadAddon().spoilWorkspaces(true);
  try {
    checkSpoiled(problem, targets);
  } finally {
    loadAddon().spoilWorkspaces(false);
  }
}

function checkSpoiled({ graph, feeds }: Problem, targets: readonly string[]): void {
  const { values, errors } = interpretWithBounds(graph, { feeds });
  for (const fuse of [true, false]) {
    const plan = compile(graph, new StateLayout(), { fuse }); // which knows no target
    for (const target of targets) {
      loadAddon().selectTarget(target);
      const results = new Executable(graph, {}, plan).run(feeds);
      results.forEach((got, i) => {
        const numbers = numbersOf(graph.outputs[i].dtype, got);
        expectWithin(`${target}, ${fuse ? 'fused' : 'unfused'}, output ${i}`, numbers, values[i], errors[i]);
      });
    }
  }
}

/** The same on another device, fused and unfused. */
export function checkOnDevice({ graph, feeds }: Problem, device: string, fusing = [true, false]): void {
  const { values, errors } = interpretWithBounds(graph, { feeds });
  for (const fuse of fusing) {
    const results = new Executable(graph, { fuse, device }).run(feeds);
    results.forEach((got, i) => {
      const numbers = numbersOf(graph.outputs[i].dtype, got);
      expectWithin(`${device}, ${fuse ? 'fused' : 'unfused'}, output ${i}`, numbers, values[i], errors[i]);
    });
  }
}
