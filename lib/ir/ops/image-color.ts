/** Colours of pixels, whose channels stand along the last axis. */
import { asTensor, type Operand, opError } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { unstack } from './arrange.js';
import { add, cast, clip, divide, equal, minimum, mod, multiply, subtract, where } from './elementwise.js';
import { max, min } from './reduce.js';
import { expandDims, stack } from './shape.js';

/** The three channels. */
function channels(op: string, x: Operand): readonly [Tensor, Tensor, Tensor] {
  const t = cast(asTensor(op, 'x', x), 'float32');
  if (t.shape.at(-1) !== 3) throw opError(op, `x must have 3 channels along its last axis, got ${formatType(t)}`);
  return unstack(t, -1) as unknown as readonly [Tensor, Tensor, Tensor];
}

/**
 * How bright colours are: 0.299 red + 0.587 green + 0.114 blue.
 *
 * @param x [..., 3]: red, green, blue
 * @returns [..., 1]
 * @throws Error when x has not 3 channels
 *
 * @example
 * ops.image.rgbToGrayscale(images); // [32, 28, 28, 3] -> [32, 28, 28, 1]
 *
 * Source: Recommendation ITU-R BT.601.
 */
export function rgbToGrayscale(x: Operand): Tensor {
  const [r, g, b] = channels('image.rgbToGrayscale', x);
  return expandDims(add(add(multiply(r, 0.299), multiply(g, 0.587)), multiply(b, 0.114)), -1);
}

/**
 * Hue, saturation and value, all 0 .. 1, of colours with values 0 .. 1: V = max, S = (max - min) / max, and H in turns from red
 * over green and blue. A grey has hue 0, black also saturation 0.
 *
 * @param x [..., 3]: red, green, blue
 * @returns the shape of x
 * @throws Error when x has not 3 channels
 *
 * @example
 * ops.image.rgbToHsv(tensor([0, 0.5, 0.5])); // 0.5, 1, 0.5
 *
 * Source: Smith, "Color gamut transform pairs", SIGGRAPH 1978.
 */
export function rgbToHsv(x: Operand): Tensor {
  const [r, g, b] = channels('image.rgbToHsv', x);
  const t = stack([r, g, b], -1);
  const value = max(t, -1);
  const range = subtract(value, min(t, -1));
  const safe = (d: Tensor): Tensor => where(equal(d, 0), 1, d);
  /** Sixths of a turn, from where the largest channel is alone. */
  const from = (p: Tensor, q: Tensor, start: number): Tensor => add(divide(subtract(p, q), safe(range)), start);
  const sixths = where(equal(value, r), from(g, b, 0), where(equal(value, g), from(b, r, 2), from(r, g, 4)));
  return stack([mod(divide(sixths, 6), 1), divide(range, safe(value)), value], -1);
}

/**
 * The inverse of `rgbToHsv`; the hue may be any number, of which whole turns are left out.
 *
 * @param x [..., 3]: hue, saturation, value
 * @returns the shape of x: red, green, blue
 * @throws Error when x has not 3 channels
 *
 * @example
 * ops.image.hsvToRgb(tensor([0.5, 1, 0.5])); // 0, 0.5, 0.5
 *
 * Source: Smith, "Color gamut transform pairs", SIGGRAPH 1978.
 */
export function hsvToRgb(x: Operand): Tensor {
  const [hue, saturation, value] = channels('image.hsvToRgb', x);
  const sixths = multiply(hue, 6);
  /** How much of the value a channel lacks: a trapezoid over the circle of hues. */
  const channel = (start: number): Tensor => {
    const k = mod(add(sixths, start), 6);
    const lack = clip(minimum(k, subtract(4, k)), 0, 1);
    return subtract(value, multiply(multiply(value, saturation), lack));
  };
  return stack([channel(5), channel(3), channel(1)], -1);
}
