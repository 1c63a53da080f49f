/**
 * THE table: every operation that exists, with the properties that the rest of the system reads.
 *
 * Nothing else may keep a list of operations. The compiler asks the columns here (is it elementwise? is it a view?),
 * `native/ops.inc` is generated from it, and its hash is checked when the addon loads, so that TypeScript and C++ can
 * never disagree about an opcode.
 *
 * Kinds:
 * - `source`: brings a value into the graph (fed data, state variable, constant).
 * - `scalar`: one number in, one number out, for each element. Fused into programs, see `program.ts`.
 * - `view`: another way to look at the same memory; becomes offset and strides, no kernel runs.
 * - `array`: a kernel of its own.
 * - `control`: runs a sub-graph.
 * - `fused`: made by passes of the compiler; `map` also by optimizers, see `optimizers/traced-once.ts`.
 * - `effect`: changes state.
 *
 * `code` is the number in an encoded plan: an instruction opcode for kinds that become instructions, a step opcode for
 * scalar operations (two separate ranges). 0 means that it never reaches a plan.
 */
export type OpKind = 'source' | 'scalar' | 'view' | 'array' | 'control' | 'fused' | 'effect';

/** Lane types a scalar operation accepts: `f` float32 (and bool, int8 and bfloat16, held as numbers), `i` int32. */
export type Lanes = 'f' | 'i' | 'fi';

export interface OpInfo {
  readonly code: number;
  readonly kind: OpKind;
  /** Number of inputs; -1 when it varies. */
  readonly inputs: number;
  /** Number of outputs; -1 when it varies. */
  readonly outputs: number;
  /** Scalar operations: lane types of the operands. */
  readonly lanes?: Lanes;
  /** Scalar operations: the result is bool, whatever the operands. */
  readonly predicate?: true;
  /** Scalar operations: the result depends on the position of the element (never moved across a change of domain). */
  readonly positional?: true;
  /** Scalar operations: worth keeping rather than computing again. */
  readonly costly?: true;
  /** Scalar operations: costs little where this other function of the same operand is computed. */
  readonly sibling?: string;
  /** Number of fixed attribute words after the operands of an instruction; a program may follow them. */
  readonly words?: number;
  /** Whether a scalar program follows the attribute words. */
  readonly program?: true;
  /**
   * Two operands, then those of a program that may run on the result while it is hot, in which the result is register 0.
   * Attribute word 0 says whether there is one.
   */
  readonly epilogue?: true;
  /** The result is a sum of many products, so that what such a program reads and writes of memory passes meanwhile. */
  readonly multiplies?: true;
  /** Defined by other operations, see `composites/`. */
  readonly composite?: true;
  /** In a loop, operands may be a step's part of a sequence, where they lie; other kernels get a copy of it. */
  readonly slides?: true;
}

const unary = (code: number, lanes: Lanes = 'f') => ({ code, kind: 'scalar', inputs: 1, outputs: 1, lanes }) as const;
const costly = (code: number, inputs = 1) =>
  ({ code, kind: 'scalar', inputs, outputs: 1, lanes: 'f', costly: true }) as const;
const binary = (code: number, lanes: Lanes = 'f') => ({ code, kind: 'scalar', inputs: 2, outputs: 1, lanes }) as const;
const compare = (code: number) =>
  ({ code, kind: 'scalar', inputs: 2, outputs: 1, lanes: 'fi', predicate: true }) as const;
const view = { code: 0, kind: 'view', inputs: 1, outputs: 1 } as const;
const source = { code: 0, kind: 'source', inputs: 0, outputs: 1 } as const;
const array = (code: number, inputs: number, words = 0, program?: true) =>
  ({ code, kind: 'array', inputs, outputs: 1, words, program }) as const;
const ended = (code: number, words: number) =>
  ({ code, kind: 'array', inputs: -1, outputs: -1, words, program: true, epilogue: true }) as const;
const product = (code: number, words: number) => ({ ...ended(code, words), multiplies: true }) as const;

export const opTable = {
  // --- sources
  input: source,
  variable: source,
  constant: source,

  // --- scalar operations. NaN propagates through all of them, max and min included.
  neg: unary(1, 'fi'),
  abs: unary(2, 'fi'),
  sign: unary(3, 'fi'),
  exp: costly(4),
  log: costly(5),
  log1p: costly(6),
  expm1: costly(7),
  sqrt: unary(8),
  rsqrt: costly(9),
  recip: unary(10),
  tanh: costly(11),
  sigmoid: costly(12),
  /** log(1 + e^x), without overflow. */
  softplus: costly(26),
  erf: costly(13),
  /** x Phi(x), with the distribution function of the normal distribution. */
  gelu: costly(24),
  /** Its derivative: Phi(x) + x phi(x). Both are made of the same two numbers. */
  geluGrad: { ...costly(25), sibling: 'gelu' },
  sin: costly(14),
  cos: costly(15),
  floor: unary(16),
  ceil: unary(17),
  /** Half to even. */
  round: unary(18),
  /** Bool operand, bool result. */
  not: { code: 19, kind: 'scalar', inputs: 1, outputs: 1, lanes: 'f', predicate: true },
  /** Between dtypes; `castFloat` int32 -> float32, `castInt` truncates toward zero, `castBool` is x != 0. */
  castFloat: { code: 20, kind: 'scalar', inputs: 1, outputs: 1, lanes: 'i' },
  castInt: unary(21),
  castBool: { code: 22, kind: 'scalar', inputs: 1, outputs: 1, lanes: 'fi', predicate: true },
  /** Bool, int8 or bfloat16, which float lanes hold as numbers: the number itself. Removed when a program is encoded. */
  widen: unary(23),
  /** The nearest bfloat16 number, see `bfloat16.ts`, which float lanes hold as a number. */
  castBfloat16: unary(27),
  add: binary(32, 'fi'),
  sub: binary(33, 'fi'),
  mul: binary(34, 'fi'),
  div: binary(35),
  min: binary(36, 'fi'),
  max: binary(37, 'fi'),
  pow: costly(38, 2),
  /** Floored modulo, the sign of the divisor (NumPy, Python). */
  mod: binary(39, 'fi'),
  atan2: costly(40, 2),
  bitAnd: binary(41, 'i'),
  bitOr: binary(42, 'i'),
  bitXor: binary(43, 'i'),
  /** By 32 bits and more, or by a negative number: 0, and all bits the sign. */
  shiftLeft: binary(44, 'i'),
  shiftRight: binary(45, 'i'),
  lt: compare(48),
  le: compare(49),
  eq: compare(50),
  ne: compare(51),
  gt: compare(52),
  ge: compare(53),
  and: { code: 54, kind: 'scalar', inputs: 2, outputs: 1, lanes: 'f', predicate: true },
  or: { code: 55, kind: 'scalar', inputs: 2, outputs: 1, lanes: 'f', predicate: true },
  /** (condition: bool, a, b): a where the condition holds, else b. Lanes are those of a and b. */
  select: { code: 64, kind: 'scalar', inputs: 3, outputs: 1, lanes: 'fi' },
  /** a * b + c with one rounding. Made by the simplifier only. */
  fma: { code: 65, kind: 'scalar', inputs: 3, outputs: 1, lanes: 'f' },
  /** (seed: int32 scalar, counter: int32 scalar), immediate `stream`: uniform in [0, 1) with 24 bits, Philox4x32-10. */
  random: { code: 72, kind: 'scalar', inputs: 2, outputs: 1, lanes: 'i', positional: true, costly: true },
  /** Immediates `inner`, `size`: floor(position / inner) mod size, as int32. */
  iota: { code: 73, kind: 'scalar', inputs: 0, outputs: 1, lanes: 'i', positional: true },

  // --- views
  reshape: view,
  permute: view,
  broadcast: view,
  slice: view,
  flip: view,
  /** The value unchanged, for which no gradient flows back. */
  stopGradient: view,
  /** Input 0 unchanged, with the caller's own rule for the gradients of the other inputs. */
  customGradient: { code: 0, kind: 'view', inputs: -1, outputs: 1 },

  // --- instructions. Feed and fetch are the borders of a plan.
  /** attrs: slot. */
  feed: { code: 1, kind: 'array', inputs: 0, outputs: 1, words: 1 },
  /** attrs: slot. */
  fetch: { code: 2, kind: 'effect', inputs: 1, outputs: 0, words: 1 },
  /** Any strided view to any strided view of the same shape. */
  copy: { code: 3, kind: 'array', inputs: 1, outputs: 1, words: 0, slides: true },
  /** attrs: number of segments; program. Inputs and outputs are listed segment after segment. */
  map: { code: 4, kind: 'fused', inputs: -1, outputs: -1, words: 1, program: true, slides: true },
  /** attrs: kind (sum 0, max 1, min 2, prod 3), mask of reduced axes; program with one output, run before reducing. */
  reduce: { code: 5, kind: 'array', inputs: -1, outputs: 1, words: 2, program: true, slides: true },
  /** attrs: kind (max 0, min 1), axis. First index wins; the result is int32. */
  argReduce: array(6, 1, 2),
  /** attrs: epilogue (0 or 1), precision (see `encoding.precisions`); program. Inputs a [..., M, K], b [..., K, N], then the epilogue's extra operands. */
  matmul: { ...product(7, 2), slides: true },
  /**
   * attrs: epilogue; program. Inputs a float32 [M, K], b int8 [K, N], then the epilogue's extra operands; K is at most
   * `encoding.maxInt8Depth`. Rows of a are rounded to int8, see `int8.ts`; the sums of products are exact.
   */
  matmulInt8: { ...product(24, 1), slides: true },
  /** table [V, ...inner], indices int32 [...] -> [...indices, ...inner]. */
  gather: array(8, 2),
  /** attrs: epilogue; program. indices int32 [...], updates [...indices, ...inner] -> [V, ...inner], zero where nothing was added. */
  scatterAdd: ended(9, 1),
  /** attrs: log (0 or 1). Over the last axis. */
  softmax: array(10, 1, 1),
  /** attrs: log. (y, dy) -> dx. */
  softmaxGrad: array(11, 2, 1),
  /** logits [N, C], labels int32 [N] -> loss [N] = logsumexp(logits) - logits[label]. */
  softmaxCrossEntropy: array(12, 2),
  /** logits [N, C], labels int32 [N], dloss [N] -> dlogits [N, C]. */
  softmaxCrossEntropyGrad: array(13, 3),
  /**
   * attrs: epilogue; strides, dilations, cells of padding before (three each, missing leading axes 1, 1, 0), groups,
   * precision.
   * x [N, ...spatial, C], kernel [...window, C / groups, F] -> [N, ...out, F], with one to three spatial axes.
   */
  conv: product(14, 12),
  /** attrs as conv. dy [N, ...out, F], kernel -> dx. The forward pass of a transposed convolution. */
  convInputGrad: product(15, 12),
  /** attrs as conv. x, dy -> dkernel. */
  convKernelGrad: product(16, 12),
  /** attrs: window, strides, cells of padding before (three each). x [N, ...spatial, C] -> [N, ...out, C]. */
  maxPool: array(17, 1, 9),
  /** attrs: as maxPool; cells of padding that the average counts, before and after (three each). */
  averagePool: array(18, 1, 15),
  /** attrs as maxPool. x, y, dy -> dx: the first maximum of each window in row-major order has its gradient. */
  maxPoolGrad: array(19, 3, 9),
  /** attrs as averagePool. dy -> dx. */
  averagePoolGrad: array(20, 1, 15),
  /** attrs: axis, reverse (0 or 1). Running sum; from the end when reversed. */
  cumsum: array(21, 1, 2),
  /**
   * attrs: axis, descending (0 or 1). Positions in sorted order, int32; stable, NaN beyond every number. The output may be
   * shorter than the input along the axis: the first positions only.
   */
  argsort: array(22, 1, 2),
  /**
   * attrs: scale (bits of a float32), causal (0 or 1), precision. query [N, T, H, D], key [N, S, K, D], value [N, S, K, E] and perhaps
   * mask bool [N, H, T, S] -> the attended values [N, T, H, E], and the logarithm of the sum of exponentials [N, H, T].
   * Head h asks keys and values of head floor(h / (H / K)). See `composites/attention.ts`.
   */
  attention: { code: 32, kind: 'array', inputs: -1, outputs: 2, words: 3, composite: true },
  /** attrs as attention. Its operands without the mask, its results, dy, and perhaps the mask -> dquery, dkey, dvalue. */
  attentionGrad: { code: 33, kind: 'array', inputs: -1, outputs: 3, words: 3, composite: true },
  /**
   * attrs: epsilon (bits of a float32), centered, scale, offset (0 or 1 each). x [..., C], and scale and offset [C] if they
   * say so -> y [..., C], and mean and 1 / deviation [...]. See `composites/normalization.ts`.
   */
  normalize: { code: 34, kind: 'array', inputs: -1, outputs: 3, words: 4, composite: true },
  /** attrs as normalize. x, mean, 1 / deviation, dy, and perhaps the scale -> dx, and those of dscale and doffset there are. */
  normalizeGrad: { code: 35, kind: 'array', inputs: -1, outputs: -1, words: 4, composite: true },
  /** Inputs in order along an axis; becomes copies into slices of the result. */
  concat: { code: 0, kind: 'array', inputs: -1, outputs: 1, slides: true },

  // --- control
  /** Inputs: constants, first carries, sequences. Outputs: last carries, stacked results. See `Body`. */
  scan: { code: 0, kind: 'control', inputs: -1, outputs: -1 },
  /**
   * What a scan is compiled to. attrs: steps, number of instructions; then the instructions, which are run `steps` times.
   * They name their operands themselves, so a loop has none of its own.
   */
  loop: { code: 23, kind: 'fused', inputs: -1, outputs: -1, words: 2 },

  // --- effects
  /** Sets a state variable after everything in the step has read its old value. */
  write: { code: 0, kind: 'effect', inputs: 1, outputs: 0 },
} as const satisfies Record<string, OpInfo>;

export type OpName = keyof typeof opTable;
type OfKind<K extends OpKind> = { [N in OpName]: (typeof opTable)[N]['kind'] extends K ? N : never }[OpName];
export type ScalarOp = OfKind<'scalar'>;
export type ViewOp = OfKind<'view'>;

/** The table with every optional column readable. */
export const opInfo = (op: OpName): OpInfo => opTable[op];
const withSiblings = new Set(Object.keys(opTable).map((op) => opInfo(op as OpName).sibling));
/** Whether another function costs little where this one is computed, see `sibling`. */
export const hasSibling = (op: OpName): boolean => withSiblings.has(op);

export const isScalar = (op: OpName): op is ScalarOp => opTable[op].kind === 'scalar';
export const isView = (op: OpName): op is ViewOp => opTable[op].kind === 'view';

/** Numbers used in encoded plans besides opcodes. */
export const encoding = {
  magic: 0x31505453, // 'STP1'
  version: 1,
  headerWords: 16,
  /** Alignment and unit of buffer addresses in bytes. */
  unit: 64,
  maxRank: 8,
  maxRegisters: 250,
  dtypes: { float32: 0, int32: 1, bool: 2, int8: 3, bfloat16: 4 },
  spaces: { arena: 0, state: 1, constant: 2 },
  lanes: { f: 0, i: 1 },
  reduceKinds: { sum: 0, max: 1, min: 2, prod: 3 },
  /** What the operands of a product are rounded to before they are multiplied, or may be: tf32. Sums are float32. */
  precisions: { float32: 0, bfloat16: 1, tf32: 2 },
  /** So many products of int8 numbers fit an int32. */
  maxInt8Depth: 1 << 17,
  stepWords: 5,
  /** Flag of a view in a loop that moves with every step; number of steps and elements per step follow its offset. */
  slidingView: 1 << 24,
  /** Loops in loops. */
  maxDepth: 8,
} as const;

let hash: number | undefined;

/** FNV-1a over the canonical text of the table: both sides compare it when the addon loads, and every plan has it. */
export function tableHash(): number {
  hash ??= [...JSON.stringify([opTable, encoding])].reduce(
    (sum, ch) => Math.imul(sum ^ ch.charCodeAt(0), 0x01000193) >>> 0,
    0x811c9dc5,
  );
  return hash;
}
