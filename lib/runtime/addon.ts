/**
 * The addon as TypeScript sees it. Everything here validates its arguments natively and throws; nothing is trusted.
 * `native/binding` implements it; only `lib/runtime` uses it.
 */
export type HostArray = Float32Array | Int32Array | Uint8Array | Int8Array | Uint16Array;
export type HostType = 'float32' | 'int32' | 'uint8' | 'bool' | 'int8' | 'bfloat16';

export interface Addon {
  /** Hash of the operation table that the addon was built with. */
  readonly tableHash: number;
  /** On a device by its name; 'cpu' when none is given. Throws when it cannot be used. */
  readonly Session: new (
    stateBytes: number,
    device?: string,
  ) => NativeSession;
  readonly Storage: new (bytes: number) => NativeStorage;
  info(): AddonInfo;
  devices(): NativeDevices;
  /** The file with the kernels of CUDA devices, for when none lies beside the addon. */
  setKernels(file: string): void;
  /** 1 to 256 threads share the work of a step, for the whole process. */
  setThreads(count: number): void;
  /** Instructions bound from now on use this CPU target. For tests. */
  selectTarget(name: string): void;
  /** Whether kernels bound from now on find NaN in the memory that they share with others. For tests. */
  spoilWorkspaces(on: boolean): void;
  /** Which GEMM instructions bound from now on use: own kernels, or a BLAS (by path, or the first one found). */
  selectBlas(choice: 'own' | 'auto' | string): void;
  /** Decodes, validates and prints a plan; throws what is wrong with it. */
  printPlan(words: Uint32Array): string;
  /** How often each compiled run of steps (native/cpu/simd/fused_runs.inc) was found in programs so far. For tests. */
  fusedRuns(): Readonly<Record<string, number>>;
  /** Fills an array with numbers `begin`, `begin + 1`, ... of a stream, see draw.ts. */
  drawUniform(to: Float64Array, seed: number, stream: number, begin: number): void;
  drawNormal(to: Float64Array, seed: number, stream: number, begin: number): void;
  /** Measures what the target in use and the threads can do at most, in about 0.2 s. */
  limits(): MachineLimits;
}

/** What this machine can do at most with the threads and the instructions in use. Measured, so an estimate. */
export interface MachineLimits {
  readonly threads: number;
  /** Floating-point operations per second: multiply-adds on registers, two each. */
  readonly flops: number;
  /** The same with operands that are rounded to bfloat16: more where the CPU has instructions for it. */
  readonly bfloat16Flops: number;
  /** The same with int8 numbers and sums in int32. */
  readonly int8Ops: number;
  /** By growing size: how many bytes per second all threads move who go through `bytes` of memory again and again. */
  readonly bandwidth: readonly {
    readonly bytes: number;
    /** Summing an array. */
    readonly read: number;
    /** `a = b + factor * c`: two arrays read, one written. */
    readonly triad: number;
  }[];
}

export interface NativeDevices {
  readonly list: readonly { readonly name: string; readonly description: string; readonly bytes: number }[];
  /** Why there is no CUDA device: what was tried. Null when there is one. */
  readonly withoutCuda: string | null;
}

export interface AddonInfo {
  readonly target: string;
  readonly targets: readonly string[];
  readonly threads: number;
  /** The library that GEMM goes to, or null for own kernels. */
  readonly blas: string | null;
  /** Native memory in use, for leak tests and dashboards. */
  readonly sessions: number;
  readonly storages: number;
  readonly bytes: number;
  /** Of freed storages, which the next ones may have. */
  readonly spareBytes: number;
}

/** A block of native memory that data sets live in. */
export interface NativeStorage {
  readonly byteLength: number;
  /** Whether a device has a copy of the memory as it is. It keeps it until there is need of its memory. */
  readonly copied: boolean;
  write(byteOffset: number, source: HostArray): void;
  read(byteOffset: number, target: HostArray): void;
  /** Whether the memory has these bytes. */
  equals(byteOffset: number, source: HostArray): boolean;
  /** Frees the memory once no queued job uses it. Twice is a no-op; any other use afterwards throws. */
  dispose(): void;
}

/** State and the plans that work on it, with a thread of its own: jobs run one after the other. */
export interface NativeSession {
  /** Between two steps, also while a job runs. */
  readState(byteOffset: number, target: HostArray): void;
  writeState(byteOffset: number, source: HostArray): void;
  /** Copies, decodes, validates and binds a plan. Returns its number. */
  addPlan(words: Uint32Array): number;
  /** Frees a plan, once no queued job runs it. Its number is not used again; using it throws. */
  dropPlan(plan: number): void;
  /** One step on the calling thread, whole feeds and fetches in the caller's arrays (dtypes and lengths must fit exactly). */
  runSync(plan: number, feeds: readonly HostArray[], fetches: readonly HostArray[]): void;
  /** Queues steps for the session's thread. Node stays alive while one is pending. */
  run(job: Job): Promise<JobResult>;
  /** The running job and the queued ones stop before their next step. */
  abort(): void;
  /** Aborts, also in the middle of a step that loops, then frees everything. Twice is a no-op; any other use afterwards throws. */
  dispose(): void;
}

/**
 * Steps `begin` to `end` of a training run that is divided into epochs: an epoch is the segments one after the other.
 * Step g is in epoch floor(g / stepsPerEpoch). Each step of a segment takes the next `rows` rows.
 */
export interface Job {
  readonly segments: readonly { readonly plan: number; readonly rows: number; readonly steps: number }[];
  readonly feeds: readonly { readonly storage: NativeStorage; readonly type: HostType; readonly rows: number }[];
  /** Step k writes its rows where it would have read them without shuffling. The arrays are the job's until its promise is settled. */
  readonly fetches: readonly { readonly array: HostArray; readonly rows: number }[];
  readonly begin: number;
  readonly end: number;
  /** Row of the feeds that an epoch starts with (0 unless training on a part of the data). */
  readonly firstRow: number;
  /** New order of the epoch's rows each epoch: Fisher-Yates, Philox keyed by seed and epoch. */
  readonly shuffle?: { readonly seed: number };
  /** A float32 range of the state that is copied to the log and zeroed after each epoch. */
  readonly metrics?: { readonly byteOffset: number; readonly count: number };
  /** A float32 in the state that is looked at after each step: the first step that leaves it NaN or infinite is reported. */
  readonly watch?: { readonly byteOffset: number; readonly stop: boolean };
  /**
   * Measures each instruction of the job's only segment, and keeps the first `events` events (at most 2^22): what ran when,
   * chunks of instructions on the threads of the pool included. With 0 chunks are not timed.
   */
  readonly profile?: { readonly events: number };
}

export interface JobResult {
  readonly reason: 'done' | 'aborted' | 'nonFinite' | 'label' | 'index';
  /** The step after the last one done. */
  readonly next: number;
  /** Step whose watched value was not finite first, or -1. */
  readonly nonFiniteStep: number;
  /** One row of `metrics.count` numbers for each epoch that ended. */
  readonly log: Float32Array;
  /** Seconds of native work. */
  readonly seconds: number;
  readonly profile?: NativeProfile;
}

/** Where the steps of a job spent their time. Instructions are numbered in the order of the plan: a loop, then its body. */
export interface NativeProfile {
  /** In all, by instruction; a loop's contains that of its body. */
  readonly nanoseconds: Float64Array;
  /** How often, by instruction. */
  readonly calls: Float64Array;
  /** Nanoseconds of each step. */
  readonly steps: Float64Array;
  /**
   * Four numbers for each event: the instruction, or -1 for a whole step; 0 for the session's thread, or i + 1 for a chunk
   * that ran on thread i of the pool (0 is the session's own); when it began and when it ended, in nanoseconds.
   */
  readonly events: Float64Array;
  /** Events that there was no room for. */
  readonly eventsLost: number;
}
