/** What weights are forced to be after each update. Any traced function from a weight to one of the same shape will do. */
export {
  type AxisOptions,
  type MaxNormOptions,
  type MinMaxNormOptions,
  maxNorm,
  minMaxNorm,
  nonNeg,
  unitNorm,
} from './norms.js';
export type { ConstraintName } from './resolve.js';
