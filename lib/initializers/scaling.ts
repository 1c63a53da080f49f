import { argumentError, checkOptions, numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { normalValues, truncatedNormalValues } from './normal.js';
import { randomized, type SeedOptions, uniformValues } from './uniform.js';

/** Standard deviation of a standard normal that is cut off at -2 and 2. */
const truncatedStddev = 0.8796256610342398;

/**
 * How many inputs and outputs one value of a weight connects: [in, out] for dense kernels, [...window, in, out] for
 * convolutions, where every position of the window counts.
 */
export function fans(shape: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  if (shape.length < 2) return { fanIn: shape[0] ?? 1, fanOut: shape[0] ?? 1 };
  const window = shape.slice(0, -2).reduce((product, n) => product * n, 1);
  const [fanIn, fanOut] = shape.slice(-2) as [number, number];
  return { fanIn: window * fanIn, fanOut: window * fanOut };
}

export interface VarianceScalingOptions extends SeedOptions {
  /** Factor on the variance. Default: 1. */
  readonly scale?: number;
  /** What n is. Default: 'fanIn'. */
  readonly mode?: 'fanIn' | 'fanOut' | 'fanAvg';
  /** Shape of the distribution. Default: 'truncatedNormal'. */
  readonly distribution?: 'truncatedNormal' | 'untruncatedNormal' | 'uniform';
}

/** @param options the argument of the factory, for the seed and for saved models; `rule` says what it draws */
function scaling(where: string, options: SeedOptions, rule: Omit<VarianceScalingOptions, 'seed'>): InitializerFn {
  const { scale = 1, mode = 'fanIn', distribution = 'truncatedNormal' } = rule;
  return randomized(where, options, (n, source, shape) => {
    const { fanIn, fanOut } = fans(shape);
    const fan = mode === 'fanIn' ? fanIn : mode === 'fanOut' ? fanOut : (fanIn + fanOut) / 2;
    const variance = scale / Math.max(1, fan);
    if (distribution === 'uniform') {
      const limit = Math.sqrt(3 * variance);
      return uniformValues(n, source, -limit, limit);
    }
    const truncated = distribution === 'truncatedNormal';
    const stddev = Math.sqrt(variance) / (truncated ? truncatedStddev : 1);
    return (truncated ? truncatedNormalValues : normalValues)(n, source, stddev);
  });
}

/**
 * Variance scale / n, where n is the number of inputs of a unit, of outputs, or their mean.
 *
 * @throws Error when `scale` is not positive, or `mode` or `distribution` is unknown
 *
 * @example
 * initializers.varianceScaling({ scale: 2, mode: 'fanIn', distribution: 'untruncatedNormal' });
 */
export function varianceScaling(options: VarianceScalingOptions = {}): InitializerFn {
  const where = 'initializers.varianceScaling';
  checkOptions(where, options, ['scale', 'mode', 'distribution', 'seed']);
  if (options.scale !== undefined) numberIn(where, 'scale', options.scale, { min: 0, minOpen: true });
  const choice = (name: 'mode' | 'distribution', known: readonly string[]): void => {
    const value = options[name];
    if (value !== undefined && !known.includes(value)) {
      throw argumentError(where, name, `one of ${known.map((k) => `'${k}'`).join(', ')}`, value);
    }
  };
  choice('mode', ['fanIn', 'fanOut', 'fanAvg']);
  choice('distribution', ['truncatedNormal', 'untruncatedNormal', 'uniform']);
  return scaling(where, options, options);
}

const fixed =
  (name: string, rule: Omit<VarianceScalingOptions, 'seed'>) =>
  (options: SeedOptions = {}): InitializerFn => {
    checkOptions(`initializers.${name}`, options, ['seed']);
    return scaling(`initializers.${name}`, options, rule);
  };

/**
 * Uniform in ±sqrt(6 / (fanIn + fanOut)). The default for kernels.
 *
 * @throws Error when `seed` is not a whole number
 *
 * @example
 * layers.dense({ units: 8, kernelInitializer: initializers.glorotUniform({ seed: 1 }) });
 *
 * Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 */
export const glorotUniform = fixed('glorotUniform', { scale: 1, mode: 'fanAvg', distribution: 'uniform' });
/**
 * Truncated normal of variance 2 / (fanIn + fanOut).
 *
 * @throws Error when `seed` is not a whole number
 *
 * @example
 * layers.dense({ units: 8, activation: 'tanh', kernelInitializer: 'glorotNormal' });
 *
 * Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
 */
export const glorotNormal = fixed('glorotNormal', { scale: 1, mode: 'fanAvg', distribution: 'truncatedNormal' });
/**
 * Uniform in ±sqrt(6 / fanIn), for relu networks.
 *
 * @throws Error when `seed` is not a whole number
 *
 * @example
 * layers.dense({ units: 8, activation: 'relu', kernelInitializer: 'heUniform' });
 *
 * Source: He et al., "Delving deep into rectifiers", ICCV 2015.
 */
export const heUniform = fixed('heUniform', { scale: 2, mode: 'fanIn', distribution: 'uniform' });
/**
 * Truncated normal of variance 2 / fanIn, for relu networks.
 *
 * @throws Error when `seed` is not a whole number
 *
 * @example
 * layers.dense({ units: 8, activation: 'relu', kernelInitializer: 'heNormal' });
 *
 * Source: He et al., "Delving deep into rectifiers", ICCV 2015.
 */
export const heNormal = fixed('heNormal', { scale: 2, mode: 'fanIn', distribution: 'truncatedNormal' });
/**
 * Uniform in ±sqrt(3 / fanIn), for selu networks.
 *
 * @throws Error when `seed` is not a whole number
 *
 * @example
 * layers.dense({ units: 8, activation: 'selu', kernelInitializer: 'lecunUniform' });
 *
 * Source: LeCun et al., "Efficient backprop", 1998.
 */
export const lecunUniform = fixed('lecunUniform', { scale: 1, mode: 'fanIn', distribution: 'uniform' });
/**
 * Truncated normal of variance 1 / fanIn, for selu networks.
 *
 * @throws Error when `seed` is not a whole number
 *
 * @example
 * layers.dense({ units: 8, activation: 'selu', kernelInitializer: 'lecunNormal' });
 *
 * Source: LeCun et al., "Efficient backprop", 1998.
 */
export const lecunNormal = fixed('lecunNormal', { scale: 1, mode: 'fanIn', distribution: 'truncatedNormal' });
