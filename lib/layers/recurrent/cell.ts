import type { Shape, Tensor } from '../../ir/graph.js';
import { type CallContext, Layer, type LayerOptions } from '../layer.js';

/** What a cell makes of one time step. */
export interface CellStep {
  /** [batch, ...] */
  readonly output: Tensor;
  /** The new states, each with the shape of the old one. */
  readonly states: readonly Tensor[];
}

/** A cell at work on one batch of sequences. What does not depend on the states is done for all steps at once. */
export interface CellRun {
  /** From inputs [time, batch, ...] to what `step` needs of them: one or more tensors [time, batch, ...]. */
  readonly project: (x: Tensor) => readonly Tensor[];
  /** One step: a slice of what `project` returned, without the time axis. */
  readonly step: (projected: readonly Tensor[], states: readonly Tensor[]) => CellStep;
}

/**
 * One time step of a recurrent layer: from an input [batch, ...] and states [batch, ...] to an output and new states.
 *
 * A cell of your own extends this class: `stateShapes`, `build` (with the type of the input) and `call`, which gets
 * [input, ...states] and returns [output, ...new states]. Weights can be read in every step. Overriding `begin` moves work
 * out of the loop.
 *
 * @example
 * class LeakyCell extends layers.RecurrentCell {
 *   readonly kind = 'leakyCell';
 *   readonly stateShapes = [[8]];
 *   #kernel!: layers.Weight;
 *   override build([x]: readonly TensorType[]) {
 *     this.#kernel = this.addWeight({ name: 'kernel', shape: [x.shape[1], 8] });
 *   }
 *   override call([x, h]: readonly Tensor[], context: layers.CallContext) {
 *     const next = ops.tanh(ops.add(ops.multiply(h, 0.9), ops.matmul(x, context.read(this.#kernel))));
 *     return [next, next];
 *   }
 *   override getConfig() { return {}; }
 * }
 * layers.rnn({ cell: new LeakyCell() });
 */
export abstract class RecurrentCell extends Layer {
  /** @throws Error when the options have an activity regularizer: the outputs are those of the layer around the cell */
  constructor(options: LayerOptions = {}) {
    super(options);
    if (options.activityRegularizer !== undefined) {
      throw new Error('activityRegularizer is for the recurrent layer, not for its cell');
    }
  }

  /** Shapes of the states of one sample. */
  abstract readonly stateShapes: readonly Shape[];

  /** Shape of the output of one sample. Default: that of the first state. */
  get outputShape(): Shape {
    return this.stateShapes[0] ?? [];
  }

  /** Starts on a batch of sequences; called once for all steps. */
  begin(context: CallContext, _batch: number): CellRun {
    return {
      project: (x) => [x],
      step: ([x], states) => {
        const [output, ...next] = this.trace([x as Tensor, ...states], context) as readonly [Tensor, ...Tensor[]];
        if (next.length !== states.length) {
          throw this.error(`must return the output and ${states.length} states, returned ${next.length} states`);
        }
        return { output, states: next };
      },
    };
  }
}
