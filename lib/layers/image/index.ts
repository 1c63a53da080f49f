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
export { type RandomFlipOptions, randomFlip } from './flip.js';
export { type ResizingOptions, resizing } from './resizing.js';
export {
  type RandomRotationOptions,
  type RandomTranslationOptions,
  type RandomZoomOptions,
  randomRotation,
  randomTranslation,
  randomZoom,
  type WarpOptions,
} from './warp.js';
