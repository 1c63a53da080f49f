import type { Shape, Tensor, TensorType } from '../../ir/graph.js';
import { expandDims, reshape } from '../../ir/ops/shape.js';
import { argumentError, checkOptions } from '../arguments.js';
import { type CallContext, type LayerOptions, layerOptionKeys } from '../layer.js';
import { type CellRun, RecurrentCell } from './cell.js';

export interface StackedRNNCellsOptions extends LayerOptions {
  /** Each works on the output of the one before it. */
  readonly cells: readonly RecurrentCell[];
}

const where = 'layers.stackedRNNCells';

class StackedCells extends RecurrentCell {
  readonly kind = 'stackedRNNCells';
  readonly #cells: readonly RecurrentCell[];

  constructor(readonly options: StackedRNNCellsOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'cells']);
    super(options);
    const { cells } = options;
    if (!Array.isArray(cells) || cells.length === 0 || !cells.every((cell) => cell instanceof RecurrentCell)) {
      throw argumentError(where, 'cells', 'an array of recurrent cells (layers.lstmCell, ...)', cells);
    }
    this.#cells = cells.map((cell, i) => this.own(cell, `cell_${i}`));
  }

  get stateShapes(): readonly Shape[] {
    return this.#cells.flatMap((cell) => cell.stateShapes);
  }

  override get outputShape(): Shape {
    return (this.#cells.at(-1) as RecurrentCell).outputShape;
  }

  override build(inputs: readonly TensorType[]): void {
    let x = inputs[0] as TensorType;
    for (const cell of this.#cells) {
      cell.ensureBuilt([x]);
      x = { shape: [x.shape[0] as number, ...cell.outputShape], dtype: 'float32' };
    }
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [x, ...states] = inputs as readonly [Tensor, ...Tensor[]];
    if (states.length !== this.stateShapes.length) {
      throw this.error(`takes an input and ${this.stateShapes.length} states, got ${inputs.length} inputs`);
    }
    const { project, step } = this.begin(context, x.shape[0] as number);
    const next = step(projectOne(project, x), states);
    return [next.output, ...next.states];
  }

  /** Only the first cell sees inputs that are known before the loop. */
  override begin(context: CallContext, batch: number): CellRun {
    const runs = this.#cells.map((cell) => cell.begin(context, batch));
    const [first] = runs as [CellRun];
    return {
      project: first.project,
      step: (projected, states) => {
        let from = 0;
        let output: Tensor | undefined;
        const next = runs.flatMap((run, i) => {
          const to = from + (this.#cells[i] as RecurrentCell).stateShapes.length;
          const result = run.step(
            output === undefined ? projected : projectOne(run.project, output),
            states.slice(from, to),
          );
          from = to;
          output = result.output;
          return result.states;
        });
        return { output: output as Tensor, states: next };
      },
    };
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/** The projection of a single step. */
const projectOne = (project: CellRun['project'], x: Tensor): readonly Tensor[] =>
  project(expandDims(x, 0)).map((t) => reshape(t, t.shape.slice(1)));

/**
 * Several cells as one: in each time step, every cell works on the output of the one before it. The states are those of
 * all cells in order. A stack of recurrent layers computes the same and is faster, because each layer can project its
 * inputs for all steps at once.
 *
 * - input: float32 [batch, features], one time step
 * - output: float32 [batch, units of the last cell]
 *
 * @throws Error when `cells` is empty or holds anything but cells, or one that is part of another layer already
 *
 * @example
 * layers.rnn({ cell: layers.stackedRNNCells({ cells: [layers.lstmCell({ units: 64 }), layers.gruCell({ units: 32 })] }) });
 */
export const stackedRNNCells = (options: StackedRNNCellsOptions): RecurrentCell => new StackedCells(options);
