import type { Graph } from '../ir/graph.js';
import { type CompiledPlan, encode } from './encode.js';
import { fuse } from './fuse.js';
import { lowerLoops } from './loops.js';
import { planMemory } from './memory.js';
import { multiplyNarrow, widenLate } from './narrow.js';
import { withBodies } from './rewrite.js';
import { sumScattered } from './scattered.js';
import { schedule } from './schedule.js';
import { simplify } from './simplify.js';
import type { StateLayout } from './state-layout.js';
import { legalizeViews } from './views.js';

export { gradients } from './autodiff.js';
export type { CompiledPlan, InstructionInfo } from './encode.js';
export { StateLayout } from './state-layout.js';

export interface CompileOptions {
  /** false: every operation is an instruction of its own. Slow; for comparing with the fused plan. */
  readonly fuse?: boolean;
  /**
   * For a device that runs instructions together when they do not depend on each other, which it sees by the memory that they
   * touch: small values share none.
   */
  readonly together?: boolean;
  /** Sees the graph after each pass. */
  readonly inspect?: (pass: string, graph: Graph) => void;
}

const smallBytes = 16_384;

/**
 * Graph to encoded plan: lower loops -> simplify -> sum scattered rows -> widen late -> legalize views -> fuse -> schedule -> memory -> encode.
 *
 * @param layout where state lives; must already hold every variable of the graph
 */
export function compile(graph: Graph, layout: StateLayout, options: CompileOptions = {}): CompiledPlan {
  let current = lowerLoops(graph);
  options.inspect?.('loops', current);
  const hasLoops = current !== graph;
  const everywhere = (pass: (g: Graph) => Graph) => (hasLoops ? withBodies(pass) : pass);
  const passes: [string, (g: Graph) => Graph][] = [
    ['simplify', everywhere(simplify)],
    ['scattered', everywhere(sumScattered)],
    // products of loops read float32 only: a loop reads its weights many times, and widens them once
    ['narrow', (g) => multiplyNarrow(everywhere(widenLate)(g))],
    ['views', everywhere(legalizeViews)],
    ['fuse', everywhere((g) => fuse(g, options.fuse ?? true))],
  ];
  for (const [name, pass] of passes) {
    current = pass(current);
    options.inspect?.(name, current);
  }
  const steps = schedule(current);
  return encode(current, steps, planMemory(steps, current.outputs, options.together ? smallBytes : 0), layout);
}
