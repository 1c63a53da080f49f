import { arrayTypes, type HostData, sizeOf, type Tensor } from '../ir/graph.js';
import { int8Scale, toInt8 } from '../ir/int8.js';
import { multiply } from '../ir/ops/elementwise.js';
import { gather } from '../ir/ops/gather.js';
import { matmul, matmulInt8 } from '../ir/ops/linalg.js';
import { expandDims, reshape } from '../ir/ops/shape.js';
import { encoding } from '../ir/optable.js';
import type { CallContext, Weight } from './layer.js';

/** How kernels can be kept smaller than they were trained. */
export type Quantization = 'int8';

/** The values of a weight as int8, and what 1 stands for in each column or row. */
export interface QuantizedValues {
  readonly values: Int8Array;
  readonly scale: Float32Array;
}

/**
 * A weight that is seen as a matrix: float32, or int8 with a scale for each column or for each row. `Layer` makes it and
 * exchanges its weights.
 */
export abstract class Kernel {
  /** There is one where the weight is int8. */
  scale: Weight | undefined;

  constructor(
    public weight: Weight,
    /** Number of last axes that are the columns; the others are the rows. */
    protected readonly columnAxes: number,
  ) {}

  get shape(): readonly number[] {
    return this.weight.shape;
  }

  /** What has a scale of its own. */
  protected abstract readonly scaledBy: 'row' | 'column';

  /** Of the scale. */
  get scaleShape(): readonly number[] {
    return this.scaledBy === 'row' ? this.rowShape : this.columnShape;
  }

  /** Whether it can be kept as int8 at all. */
  get isQuantizable(): boolean {
    return true;
  }

  protected get rowShape(): readonly number[] {
    return this.shape.slice(0, this.shape.length - this.columnAxes);
  }

  protected get columnShape(): readonly number[] {
    return this.shape.slice(this.shape.length - this.columnAxes);
  }

  /**
   * Each column, or row, divided by its step, the largest magnitude in it / 127, and rounded, half to even.
   *
   * @throws Error naming the weight when a value is NaN or infinite
   */
  quantized(values: HostData): QuantizedValues {
    const [rows, columns] = [sizeOf(this.rowShape), sizeOf(this.columnShape)];
    const byRow = this.scaledBy === 'row';
    const largest = new Float32Array(byRow ? rows : columns);
    for (let i = 0, at = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, at++) {
        const magnitude = Math.abs(values[at] as number);
        const k = byRow ? i : j;
        if (magnitude > (largest[k] as number) || Number.isNaN(magnitude)) largest[k] = magnitude;
      }
    }
    const bad = largest.findIndex((magnitude) => !Number.isFinite(magnitude));
    if (bad >= 0) {
      const what = `${byRow ? 'row' : 'column'} ${bad}`;
      throw new Error(`${this.weight.name}: expected finite numbers, ${what} has NaN or an infinity`);
    }
    const scales = Array.from(largest, int8Scale);
    const factors = Float32Array.from(scales, ({ factor }) => factor);
    const rounded = new arrayTypes.int8(rows * columns);
    for (let i = 0, at = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, at++) {
        rounded[at] = toInt8(values[at] as number, factors[byRow ? i : j] as number);
      }
    }
    return { values: rounded, scale: Float32Array.from(scales, ({ step }) => step) };
  }
}

/** What inputs are multiplied by, [K, N], with a scale for each of the N columns. */
export class MatrixKernel extends Kernel {
  protected readonly scaledBy = 'column';

  /** An int8 product cannot be of any depth. */
  override get isQuantizable(): boolean {
    return sizeOf(this.rowShape) <= encoding.maxInt8Depth;
  }

  /** x [..., K] -> [..., N] */
  product(x: Tensor, context: CallContext): Tensor {
    const columns = sizeOf(this.columnShape);
    const matrix = reshape(context.read(this.weight), [sizeOf(this.rowShape), columns]);
    if (this.scale === undefined) return matmul(x, matrix);
    return multiply(matmulInt8(x, matrix), reshape(context.read(this.scale), [columns]));
  }
}

/** A vector for each id, [ids, features], with a scale for each of them. */
export class TableKernel extends Kernel {
  protected readonly scaledBy = 'row';

  constructor(weight: Weight) {
    super(weight, 1);
  }

  /** ids [...] -> [..., features] */
  vectors(ids: Tensor, context: CallContext): Tensor {
    const taken = gather(context.read(this.weight), ids);
    return this.scale === undefined ? taken : multiply(taken, expandDims(gather(context.read(this.scale), ids), -1));
  }
}
