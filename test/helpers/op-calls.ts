import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';

/** A call of every public operation that is right, with all of its arguments. */
export function opCalls(): Map<string, readonly unknown[]> {
  const calls = new Map<string, readonly unknown[]>();
  const define = (names: string, ...args: unknown[]): void => {
    for (const name of names.split(/\s+/)) calls.set(name, args);
  };
  const vector = tensor([0.5, 1, 2]);
  const matrix = tensor([[1, 2, 3], [4, 5, 6]]); // biome-ignore format: rows
  const square = tensor([[4, 1], [1, 3]]); // biome-ignore format: rows
  const three = ops.ones([2, 3, 4]);
  const image = ops.ones([1, 4, 4, 4]);
  const colours = ops.ones([1, 4, 4, 3]);
  const ids = tensor(Int32Array.of(0, 1, 0));
  const bits = tensor(Int32Array.of(5, 6, 7));
  const mask = tensor([true, false, true]);
  const keep = { keepDims: true };

  define(
    `abs arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh corrcoef deg2rad erf erfinv exp exp2 expm1 floor
    hardSigmoid hardSilu hardTanh isFinite isInf isNaN isNegInf isPosInf log log10 log1p log2 logSigmoid logicalNot mish
    negative onesLike rad2deg ravel reciprocal relu relu6 round rsqrt selu sigmoid sign silu sin sinc sinh softplus softsign
    sparsePlus sparseSigmoid sqrt square stopGradient swapLastAxes tan tanh tanhShrink trunc zerosLike`,
    matrix,
  );
  define(
    `add arctan2 divide divideNoNaN equal floorDivide greater greaterEqual heaviside hypot isIn kron ldexp less lessEqual
    logAddExp logAddExp2 logicalAnd logicalOr logicalXor maximum minimum mod multiply notEqual outer power prelu
    sigmoidCrossEntropy squaredDifference subtract`,
    matrix,
    vector,
  );
  define('bitwiseAnd bitwiseOr bitwiseXor leftShift rightShift', bits, ids);
  define('bitwiseNot', bits);
  define('celu elu hardShrink leakyRelu softShrink squareplus', matrix, 0.5);
  define('threshold clip', matrix, 1, 2);
  define('gelu', matrix, true);
  define(
    `all any countNonzero logSumExp max mean median min moments nanMax nanMean nanMin nanProd nanStd nanSum nanVariance
    prod ptp std sum variance`,
    matrix,
    [1],
    keep,
  );
  define('norm', matrix, [1], { ord: 3, keepDims: true });
  define('average', matrix, 1, { weights: vector, keepDims: true });
  define('quantile', matrix, [0.5], 1, keep);
  define('argmax argmin cumsum cumprod logSoftmax softmax sparsemax unstack', matrix, 1);
  define('argsort sort', matrix, 1, { descending: true });
  define('expandDims flip', matrix, 1);
  define('squeeze', ops.ones([2, 1]), 1);
  define('glu', three, -1);
  define('topK', matrix, 2);
  define('tril triu diag diagonal trace', matrix, 1);
  define('eye tri', 2, 3, 1, 'int32');
  define('identity', 2, 'int32');
  define('cholesky det inv slogdet', square);
  define('solve', square, tensor([1, 2]));
  define('solveTriangular', square, tensor([1, 2]), { lower: true });
  define('matmul', matrix, vector);
  define('dot inner vdot', vector, vector);
  define('matmulInt8', tensor([[1, 2]]), tensor([[1], [2]], [2, 1], 'int8'));
  define('cross', matrix, vector, 1);
  define('tensordot', matrix, three, [[0], [0]]);
  define('einsum', 'ij,j->i', matrix, vector);
  define('adaptiveAveragePool adaptiveMaxPool', image, [2, 2]);
  define('averagePool maxPool', image, 2, { padding: 'same', strides: 1, ceilMode: false, countPadding: true });
  define('upSampling', image, 2, 'bilinear');
  define('conv depthwiseConv', image, ops.ones([2, 2, 4, 4]), { padding: 'same', strides: 1, dilationRate: 1 });
  define('convTranspose', image, ops.ones([2, 2, 4, 4]), {
    strides: 2,
    padding: 'same',
    outputPadding: 1,
    dilationRate: 1,
    groups: 1,
  });
  define('separableConv', image, ops.ones([2, 2, 4, 1]), ops.ones([1, 1, 4, 4]), { padding: 'same' });
  define('depthToSpace spaceToDepth', image, 2);
  define('append', matrix, matrix, 0);
  define('arange', 0, 3, 1, 'int32');
  define('arraySplit split', vector, 3, 0);
  define('attentionWeights', square, { mask: square, causal: true, dropout: 0.5, seed: 1 });
  define('scaledDotProductAttention', square, square, square, {
    causal: true,
    scale: 1,
    mask: square,
    dropout: 0.5,
    seed: 1,
  });
  define('bartlett blackman hamming hanning', 4);
  define('kaiser', 4, 2);
  define('batchNormalization', matrix, vector, vector, { axis: 1, scale: vector, offset: vector, epsilon: 1 });
  define('groupNormalization', image, 2, { axis: 3, scale: ops.ones([4]), offset: ops.ones([4]), epsilon: 1 });
  define('layerNormalization rmsNormalization', matrix, -1, { epsilon: 1, scale: vector, offset: vector });
  define('normalize', matrix, -1, { epsilon: 1, order: 3 });
  define('bincount', ids, 3, vector);
  define('broadcastTo', vector, [2, 3]);
  define('cast', bits, 'float32');
  define('causalMask', 2, 3);
  define('concatenate stack', [matrix, matrix], 0);
  define('hstack vstack', [matrix, matrix]);
  define('meshgrid', [vector, vector], 'ij');
  define('select', [mask], [vector], 0);
  define('where', mask, vector, 0);
  define('cond', ops.greater(ops.scalar(1), 0), () => vector, () => vector); // biome-ignore format: one line
  define('map', (row: Tensor) => row, matrix);
  define('foriLoop', 0, 3, (_: Tensor, value: Tensor) => value, vector);
  define('scan', (carry: Tensor, x: Tensor) => ({ carry, output: x }), vector, matrix, { reverse: true });
  define('customGradient', [vector], (x: Tensor) => x, (dy: Tensor) => [dy]); // biome-ignore format: one line
  define('correlate', vector, vector, 'same');
  define('cov', matrix, 1);
  define('diff', matrix, 1, 1);
  define('digitize', vector, vector);
  define('histogram', vector, vector);
  define('searchSorted', vector, vector, 'right');
  define('dropout', vector, 0.5, { seed: 1, noiseShape: [3] });
  define('full', [3], 1, 'float32');
  define('fullLike', vector, 1, 'int32');
  define('zeros ones', [3], 'int32');
  define('iota', [2, 3], 1, 'int32');
  define('image.affineTransform', image, tensor([1, 0, 0, 0, 1, 0]), {
    interpolation: 'bilinear',
    fillMode: 'constant',
    fillValue: 1,
  });
  define('image.centerCrop', image, [2, 2]);
  define('image.gaussianBlur', image, 3, 1);
  define('image.hsvToRgb image.rgbToGrayscale image.rgbToHsv', colours);
  define('image.resize', image, [2, 2], {
    interpolation: 'nearest',
    antialias: true,
    padToAspectRatio: true,
    fillValue: 1,
  });
  define('inTopK', ids, ops.ones([3, 4]), 2);
  define('isClose', matrix, vector, { rtol: 1, atol: 1, equalNaN: true });
  define('linspace logspace', 0, 1, 3, { endpoint: false, base: 2 });
  define('moveAxis', three, [0], [1]);
  define('swapAxes', three, 0, 1);
  define('multiHot oneHot', ids, 3);
  define('nanToNum', vector, { nan: 1, posinf: 1, neginf: 1 });
  define('pad', matrix, [[1, 1], [0, 0]], 'edge'); // biome-ignore format: one line
  define('randomBernoulli', [3], 0.5, { seed: 1 });
  define('randomNormal randomUniform', [3], 0, 1, { seed: 1 });
  define('repeat', matrix, 2, 1);
  define('reshape', matrix, [3, 2]);
  define('roll', matrix, 1, 1);
  define('rot90', matrix, 1, [0, 1]);
  define('rotaryEmbedding', three, { base: 10, axis: 1, start: 1 });
  define('scalar', 1, 'int32');
  define('scatter', tensor(Int32Array.of(0, 2), [2, 1]), tensor([1, 2]), [3]);
  define('scatterAdd', ids, vector, 3);
  define('scatterUpdate', vector, tensor(Int32Array.of(0, 2), [2, 1]), tensor([1, 2]));
  define('segmentMax segmentMin segmentSum', vector, ids, 2);
  define('sinusoidalPositions', 3, 4, 100);
  define('slice', matrix, [0, 0], [2, 2], [1, 2]);
  define('sliceAxis', matrix, 1, 0, 2);
  define('sliceUpdate', matrix, [0, 1], square);
  define('sparseSoftmaxCrossEntropy', ops.ones([3, 2]), ids);
  define('take', vector, ids, 0);
  define('takeAlongAxis', vector, ids, 0);
  define('tensor', [1, 2], [2], 'int32');
  define('tile', matrix, [1, 2]);
  define('transpose', matrix, [1, 0]);
  define('trapezoid', vector, { dx: 2, axis: 0, x: vector });
  define('vander', vector, 3, true);
  return calls;
}
