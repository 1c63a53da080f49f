// reduce: sum, max, min or product over any axes of a program's values. Sums and products are float64: the error does not grow
// with the number of terms.
#include "interpret.h"
#include "kernel.h"
#include "reduce.h"
#include "rows.h"
#include "strides.h"

namespace steepest::cuda {

struct Total {
  double real;
  int32_t whole;
};

STEEPEST_INLINE Total identityOf(uint32_t kind) {
  switch (kind) {
    case STEEPEST_REDUCE_KINDS_MAX:
      return {-static_cast<double>(INFINITY), INT32_MIN};
    case STEEPEST_REDUCE_KINDS_MIN:
      return {static_cast<double>(INFINITY), INT32_MAX};
    case STEEPEST_REDUCE_KINDS_PROD:
      return {1, 1};
    default:
      return {0, 0};
  }
}

// NaN is beyond every number.
STEEPEST_INLINE Total combine(uint32_t kind, Total a, Total b) {
  switch (kind) {
    case STEEPEST_REDUCE_KINDS_MAX:
      return {a.real != a.real || a.real > b.real ? a.real : b.real, a.whole > b.whole ? a.whole : b.whole};
    case STEEPEST_REDUCE_KINDS_MIN:
      return {a.real != a.real || a.real < b.real ? a.real : b.real, a.whole < b.whole ? a.whole : b.whole};
    case STEEPEST_REDUCE_KINDS_PROD:
      return {a.real * b.real, static_cast<int32_t>(static_cast<uint32_t>(a.whole) * static_cast<uint32_t>(b.whole))};
    default:
      return {a.real + b.real, static_cast<int32_t>(static_cast<uint32_t>(a.whole) + static_cast<uint32_t>(b.whole))};
  }
}

// Elements first, first + stride, ... of output number `output`.
template <int kRegisters>
STEEPEST_INLINE Total partOf(const ReduceArguments& a, int64_t output, int64_t first, int64_t stride) {
  uint32_t registers[kRegisters];
  Total total = identityOf(a.kind);
  const int64_t position = offsetOf(a.kept, a.positions, output);
  for (int64_t i = first; i < a.reduced.size; i += stride) {
    for (int k = 0; k < a.program.inputCount; ++k) {
      const Operand& operand = a.inputs[k];
      const int64_t at =
          offsetOf(a.kept, operand.strides, output) + offsetOf(a.reduced, operand.strides + a.kept.rank, i);
      registers[k] = loadLane(operand.data + a.loopStep * operand.slide, operand.dtype, at);
    }
    interpret(a.program, registers,
              static_cast<uint64_t>(position + offsetOf(a.reduced, a.positions + a.kept.rank, i)));
    const uint32_t lane = registers[a.program.outputs[0]];
    total = combine(a.kind, total, {static_cast<double>(scalar::sameBits<float>(lane)), static_cast<int32_t>(lane)});
  }
  return total;
}

STEEPEST_INLINE void write(const ReduceArguments& a, int64_t output, Total total) {
  const uint32_t lane = a.out.dtype == kInt32 ? static_cast<uint32_t>(total.whole)
                                              : scalar::sameBits<uint32_t>(static_cast<float>(total.real));
  storeLane(a.out.data + a.loopStep * a.out.slide, a.out.dtype, output, lane);
}

// One thread for each output.
template <int kRegisters>
STEEPEST_INLINE void reduceByThread(const ReduceArguments& a) {
  STEEPEST_EACH(output, a.kept.size) write(a, output, partOf<kRegisters>(a, output, 0, 1));
}
STEEPEST_KERNEL(reduceByThread16, ReduceArguments a) { reduceByThread<16>(a); }
STEEPEST_KERNEL(reduceByThread250, ReduceArguments a) { reduceByThread<kMaxRegisters>(a); }

// One block for each output.
template <int kRegisters>
STEEPEST_INLINE void reduceByBlock(const ReduceArguments& a, Total* shared) {
  for (int64_t output = blockIdx.x; output < a.kept.size; output += gridDim.x) {
    const uint32_t kind = a.kind;
    const Total total = combineBlock(partOf<kRegisters>(a, output, threadIdx.x, blockDim.x), shared,
                                     [kind](Total x, Total y) { return combine(kind, x, y); });
    if (threadIdx.x == 0) write(a, output, total);
  }
}
STEEPEST_KERNEL(reduceByBlock16, ReduceArguments a) {
  __shared__ Total shared[STEEPEST_BLOCK];
  reduceByBlock<16>(a, shared);
}
STEEPEST_KERNEL(reduceByBlock250, ReduceArguments a) {
  __shared__ Total shared[STEEPEST_BLOCK];
  reduceByBlock<kMaxRegisters>(a, shared);
}

}  // namespace steepest::cuda
