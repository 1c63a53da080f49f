import { type CompiledPlan, compile, StateLayout } from '../compile/index.js';
import { arrayTypes, type Graph, type HostData, sizeOf, type TensorType } from '../ir/graph.js';
import type { NativeSession } from '../runtime/addon.js';
import { chooseDevice, runsTogether } from '../runtime/devices.js';
import { loadAddon } from '../runtime/native.js';

/** A compiled graph without state, run on the calling thread. */
export class Executable {
  readonly #session: NativeSession;
  readonly #plan: number;
  readonly #fetches: readonly TensorType[];

  /** @param plan of the graph, where there is one already; kernels are chosen for the CPU target of this moment */
  constructor(
    graph: Graph,
    { device, ...options }: { readonly fuse?: boolean; readonly device?: string } = {},
    plan?: Pick<CompiledPlan, 'words'>,
  ) {
    const chosen = chooseDevice('device', device);
    this.#session = new (loadAddon().Session)(0, chosen);
    const { words } = plan ?? compile(graph, new StateLayout(), { ...options, together: runsTogether(chosen) });
    this.#plan = this.#session.addPlan(words);
    this.#fetches = graph.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
  }

  run(feeds: readonly HostData[]): HostData[] {
    const results = this.#fetches.map(({ dtype, shape }) => new arrayTypes[dtype](sizeOf(shape)));
    const filled = (array: HostData): boolean => array.length > 0;
    this.#session.runSync(this.#plan, feeds.filter(filled), results.filter(filled));
    return results;
  }
}
