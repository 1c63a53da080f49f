import type { ConstraintName } from '../constraints/resolve.js';
import type { InitializerName } from '../initializers/resolve.js';
import type { Tensor, TensorType } from '../ir/graph.js';
import { einsum } from '../ir/ops/einsum.js';
import { add } from '../ir/ops/elementwise.js';
import { reshape, transpose } from '../ir/ops/shape.js';
import type { RegularizerName } from '../regularizers/resolve.js';
import { type Activation, type ActivationFn, resolveActivation } from './activations.js';
import { argumentError, checkOptions } from './arguments.js';
import { MatrixKernel } from './kernel.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from './layer.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from './weight-options.js';

export interface EinsumDenseOptions extends LayerOptions {
  /**
   * What is multiplied and summed, 'input,kernel->output' with a letter for each axis: 'abc,cd->abd'. Input and output begin
   * with the batch. Both may begin or both may end with '...', for axes that the kernel does not touch: '...x,xy->...y'.
   */
  readonly equation: string;
  /**
   * Sizes of the output's letters, without the batch and without what '...' stands for; null for a size that is the
   * input's. A number is a list of one.
   */
  readonly outputShape: number | readonly (number | null)[];
  /** Applied to the result. Default: 'linear'. */
  readonly activation?: Activation;
  /** Letters of the output that have biases of their own; the others share them: 'd'. Default: no bias. */
  readonly biasAxes?: string;
  /** Default: 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
  /** Default: 'zeros'. */
  readonly biasInitializer?: InitializerName | InitializerFn;
  readonly kernelRegularizer?: RegularizerName | RegularizerFn;
  readonly biasRegularizer?: RegularizerName | RegularizerFn;
  /** What the kernel is forced to be after each update. */
  readonly kernelConstraint?: ConstraintName | ConstraintFn;
  readonly biasConstraint?: ConstraintName | ConstraintFn;
}

const where = 'layers.einsumDense';

/** The letters of an equation, and where its ellipsis stands. */
interface Equation {
  readonly input: string;
  readonly kernel: string;
  readonly output: string;
  readonly ellipsis: 'none' | 'left' | 'right';
}

const pattern = /^(\.\.\.)?([A-Za-z]+)(\.\.\.)?,([A-Za-z]+)->(\.\.\.)?([A-Za-z]+)(\.\.\.)?$/;

/** @throws Error unless every letter's size can be known, and the batch stays out of the kernel */
function parse(equation: unknown): Equation {
  const fail = (expected: string): Error => argumentError(where, 'equation', expected, equation);
  const match = typeof equation === 'string' ? pattern.exec(equation.replaceAll(' ', '')) : null;
  if (match === null) throw fail(`of the form 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'`);
  const [, before, input = '', after, kernel = '', outBefore, output = '', outAfter] = match;
  if (before !== outBefore || after !== outAfter || (before !== undefined && after !== undefined)) {
    throw fail(`one with '...' at the same end of input and output, or nowhere`);
  }
  if ([input, kernel, output].some((term) => new Set(term).size !== term.length)) {
    throw fail('one without a letter twice in the input, the kernel or the output');
  }
  const stray = [...output].find((l) => !input.includes(l) && !kernel.includes(l));
  if (stray !== undefined) throw fail(`one whose input or kernel has the output's letter '${stray}'`);
  const unknown = [...kernel].find((l) => !input.includes(l) && !output.includes(l));
  if (unknown !== undefined) throw fail(`one whose input or output has the kernel's letter '${unknown}'`);
  if (before === undefined && (input[0] !== output[0] || kernel.includes(input[0] as string))) {
    throw fail('one whose first letter is the batch: first in input and output, not in the kernel');
  }
  return { input, kernel, output, ellipsis: before ? 'left' : after ? 'right' : 'none' };
}

/** Letters of the output that are not the batch: those that `outputShape` is about. */
const sampleLetters = ({ output, ellipsis }: Equation): string => (ellipsis === 'left' ? output : output.slice(1));

/** What `outputShape` says about each letter. */
function outputSizes(equation: Equation, outputShape: unknown): ReadonlyMap<string, number | null> {
  const letters = sampleLetters(equation);
  const given: readonly unknown[] = Array.isArray(outputShape) ? outputShape : [outputShape];
  const valid = given.every((n) => n === null || (Number.isSafeInteger(n) && (n as number) >= 1));
  if (!valid || given.length !== letters.length) {
    throw argumentError(
      where,
      'outputShape',
      `a positive integer or null for each of the output's letters '${letters}'`,
      outputShape,
    );
  }
  const sizes = new Map([...letters].map((letter, i) => [letter, given[i] as number | null]));
  const open = [...letters].find((l) => sizes.get(l) === null && !equation.input.includes(l));
  if (open !== undefined) {
    throw argumentError(where, 'outputShape', `a size for letter '${open}', which the input lacks`, outputShape);
  }
  return sizes;
}

function checkBiasAxes(equation: Equation, biasAxes: unknown): void {
  const letters = sampleLetters(equation);
  const valid = typeof biasAxes === 'string' && biasAxes !== '' && new Set(biasAxes).size === biasAxes.length;
  if (!valid || [...biasAxes].some((l) => !letters.includes(l))) {
    throw argumentError(where, 'biasAxes', `some of the output's letters '${letters}'`, biasAxes);
  }
}

/**
 * How many last letters of the kernel are its columns, where the equation is a product of a matrix of rows with the kernel as a
 * matrix: the kernel's letters that are summed over stand before those that only it has, and the input has no others to sum.
 */
function columnsOf({ input, kernel, output }: Equation): number | undefined {
  const own = [...kernel].filter((l) => !input.includes(l));
  const summed = [...kernel].filter((l) => !output.includes(l));
  const others = [...input].filter((l) => !kernel.includes(l));
  const isProduct = summed.length > 0 && kernel === [...summed, ...own].join('');
  return isProduct && others.every((l) => output.includes(l)) ? own.length : undefined;
}

class EinsumDense extends Layer {
  readonly kind = 'einsumDense';
  readonly #activation: ActivationFn;
  readonly #equation: Equation;
  readonly #outputSizes: ReadonlyMap<string, number | null>;
  #kernel!: MatrixKernel | Weight;
  #bias: Weight | undefined;

  constructor(readonly options: EinsumDenseOptions) {
    const keys = ['equation', 'outputShape', 'activation', 'biasAxes', ...weightOptionKeys('kernel', 'bias')];
    checkOptions(where, options, [...layerOptionKeys, ...keys]);
    super(options);
    this.#equation = parse(options.equation);
    this.#outputSizes = outputSizes(this.#equation, options.outputShape);
    this.#activation = resolveActivation(where, options.activation ?? 'linear');
    if (options.biasAxes !== undefined) checkBiasAxes(this.#equation, options.biasAxes);
    checkWeightOptions(where, options, ['kernel', 'bias']);
  }

  override build(inputs: readonly TensorType[]): void {
    const { kernel, bias } = this.#weightShapes(this.single(inputs));
    const columns = columnsOf(this.#equation);
    const options = { name: 'kernel', shape: kernel, ...weightTreatment(this.options, 'kernel') };
    this.#kernel = columns === undefined ? this.addWeight(options) : this.addMatrixKernel(options, columns);
    if (bias === undefined) return;
    this.#bias = this.addWeight({ name: 'bias', shape: bias, ...weightTreatment(this.options, 'bias', 'zeros') });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const { kernel, bias } = this.#weightShapes(x);
    for (const [built, fits] of [
      [this.#weight, kernel],
      [this.#bias, bias],
    ] as const) {
      if (built === undefined || built.shape.join() === fits?.join()) continue;
      throw this.error(`expected input that fits ${built.name} [${built.shape.join(', ')}], got ${show(x)}`);
    }
    const product =
      this.#kernel instanceof MatrixKernel && this.#kernel.scale !== undefined
        ? this.#quantizedProduct(x, this.#kernel, context)
        : einsum(this.options.equation, x, context.read(this.#weight));
    return this.#activation(this.#bias === undefined ? product : add(product, context.read(this.#bias)));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  get #weight(): Weight {
    return this.#kernel instanceof MatrixKernel ? this.#kernel.weight : this.#kernel;
  }

  /** The axes that stay in front, a product with the kernel as a matrix, and the result's axes in their order. */
  #quantizedProduct(x: Tensor, kernel: MatrixKernel, context: CallContext): Tensor {
    const { input, kernel: letters, output, ellipsis } = this.#equation;
    const hidden = [...Array(x.rank - input.length).keys()].map(String);
    const expand = (term: string): string[] =>
      ellipsis === 'left' ? [...hidden, ...term] : ellipsis === 'right' ? [...term, ...hidden] : [...term];
    const labels = expand(input);
    const size = (label: string): number => x.shape[labels.indexOf(label)] as number;
    const rows = labels.filter((l) => !letters.includes(l));
    const summed = [...letters].filter((l) => input.includes(l));
    const own = [...letters].filter((l) => !input.includes(l));
    const moved = transpose(
      x,
      [...rows, ...summed].map((l) => labels.indexOf(l)),
    );
    const shape = rows.map(size);
    const product = kernel.product(reshape(moved, [...shape, summed.reduce((n, l) => n * size(l), 1)]), context);
    const result = [...rows, ...own];
    return transpose(
      reshape(product, [...shape, ...kernel.scaleShape]),
      expand(output).map((l) => result.indexOf(l)),
    );
  }

  #weightShapes(x: TensorType): { readonly kernel: number[]; readonly bias: number[] | undefined } {
    const { input, kernel, output, ellipsis } = this.#equation;
    const hidden = x.shape.length - input.length;
    const least = ellipsis === 'left' ? 1 : 0; // '...' at the left has the batch
    if (ellipsis === 'none' ? hidden !== 0 : hidden < least) {
      const rank = input.length + least;
      throw this.error(`expected input of rank ${ellipsis === 'none' ? rank : `>= ${rank}`}, got ${show(x)}`);
    }
    const first = ellipsis === 'left' ? hidden : 0;
    const size = (letter: string): number =>
      (input.includes(letter) ? x.shape[first + input.indexOf(letter)] : this.#outputSizes.get(letter)) as number;
    for (const [letter, wanted] of this.#outputSizes) {
      if (wanted === null || wanted === size(letter)) continue;
      throw this.error(
        `outputShape has size ${wanted} for letter '${letter}', got ${show(x)}, where it is ${size(letter)}`,
      );
    }
    const { biasAxes } = this.options;
    if (biasAxes === undefined) return { kernel: [...kernel].map(size), bias: undefined };
    const start = Math.min(...[...biasAxes].map((l) => output.indexOf(l)));
    const own = [...output.slice(start)].map((l) => (biasAxes.includes(l) ? size(l) : 1));
    const shared = ellipsis === 'right' ? Array<number>(hidden).fill(1) : [];
    return { kernel: [...kernel].map(size), bias: [...own, ...shared] };
  }
}

const show = ({ shape }: TensorType): string => `input shape [${shape.join(', ')}]`;

/**
 * A dense layer over any axes: activation(einsum(equation, x, kernel) + bias).
 *
 * - input: float32 with the axes of the equation's first term, the batch first; other dtypes are converted
 * - output: float32 with the axes of the equation's result, sized as `outputShape` says
 * - weights: kernel with the axes of the equation's second term; bias with the output's axes from the first one in
 *   `biasAxes` on, 1 for those that are not in it
 * - `model.quantize` makes the kernel int8 where its letters that are summed over stand in front of those that only it has, and
 *   the input has no others to sum: 'abc,cd->abd', not 'abc,dc->abd'
 *
 * Masks end here, as in Keras: the equation may mix time steps.
 *
 * @throws Error when an argument is not valid; when applied, if the input does not fit the equation or `outputShape`
 *
 * @example
 * layers.einsumDense({ equation: 'abc,cd->abd', outputShape: [null, 64], biasAxes: 'd', inputShape: [20, 8] });
 * layers.einsumDense({ equation: '...c,cd->...d', outputShape: 64, biasAxes: 'd' }); // the same for any rank
 * layers.einsumDense({ equation: 'abc,bd->adc', outputShape: [6, null] }); // over time
 * layers.einsumDense({ equation: 'abc,chd->abhd', outputShape: [null, 2, 32], biasAxes: 'hd' }); // into two heads
 */
export const einsumDense = (options: EinsumDenseOptions): Layer => new EinsumDense(options);
