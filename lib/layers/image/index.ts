/** Layers that prepare and vary images. */
export type { Factor } from './arguments.js';
export {
  type RandomBrightnessOptions,
  type RandomContrastOptions,
  randomBrightness,
  randomContrast,
  type ValueRangeOptions,
} from './color.js';
export { type CenterCropOptions, centerCrop, type RandomCropOptions, randomCrop } from './crop.js';
export {
  type RandomErasingOptions,
  type RandomGaussianBlurOptions,
  type RandomSharpnessOptions,
  randomErasing,
  randomGaussianBlur,
  randomSharpness,
} from './filter.js';
export { type RandomFlipOptions, randomFlip } from './flip.js';
export { type AutoContrastOptions, autoContrast, type EqualizationOptions, equalization } from './histogram.js';
export { type ResizingOptions, resizing } from './resizing.js';
export {
  type RandomGrayscaleOptions,
  type RandomHueOptions,
  type RandomPosterizationOptions,
  type RandomSaturationOptions,
  randomGrayscale,
  randomHue,
  randomPosterization,
  randomSaturation,
  type SolarizationOptions,
  solarization,
} from './tone.js';
export {
  type RandomPerspectiveOptions,
  type RandomRotationOptions,
  type RandomShearOptions,
  type RandomTranslationOptions,
  type RandomZoomOptions,
  randomPerspective,
  randomRotation,
  randomShear,
  randomTranslation,
  randomZoom,
  type WarpOptions,
} from './warp.js';
