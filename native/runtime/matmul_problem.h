// A matmul instruction as the kernels see it: one product shape, strides, and a loop over batches.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../plan/ops.h"
#include "gemm_finish.h"
#include "kernel.h"

namespace steepest {

// Where the numbers of an operand are: float32, or bfloat16 ones, which only products that round to it take.
struct Numbers {
  const uint8_t* at;
  bool narrow;

  const float* floats() const { return reinterpret_cast<const float*>(at); }
  const uint16_t* bfloat16s() const { return reinterpret_cast<const uint16_t*>(at); }
  Numbers operator+(int64_t count) const { return {at + count * (narrow ? 2 : 4), narrow}; }
};

// C [batches, m, n] = A [batches, m, k] B [batches, k, n]; C is contiguous.
struct MatmulProblem {
  struct Axis {
    int64_t size, a, b;  // strides of A and B
  };
  Numbers a, b;
  int64_t m, n, k;
  int64_t aRow, aDepth, bDepth, bColumn;
  int64_t aSlide, bSlide;   // bytes, with every step of a loop
  std::vector<Axis> batch;  // outermost first
  int64_t batches;
  // C^T = B^T A^T was taken instead. So it is where there is one column: m is 1 then, and C has the same memory.
  bool transposed;

  int64_t aOffset(int64_t item) const;
  int64_t bOffset(int64_t item) const;
  bool sharesB() const;  // every batch has the same B
  void transpose();      // takes C^T = B^T A^T instead
  void move(int64_t steps) {
    a.at = moved(a.at, steps * aSlide);
    b.at = moved(b.at, steps * bSlide);
  }
};

// Batch axes that B does not have and that continue A's rows become rows.
MatmulProblem matmulProblem(const Instruction& instruction, const Memory& memory);

// Of a matmul, a convolution or attention.
inline Precision precisionOf(const Instruction& product) { return static_cast<Precision>(product.attrs.back()); }
// Operands have to be rounded. To tf32 they may be.
inline bool roundsToBfloat16(const Instruction& product) { return precisionOf(product) == Precision::kBfloat16; }

// The epilogues that the kernels do in registers. False when the instruction's is another one, or reads what it overwrites.
// But with `accumulates`, `added` may be the output itself: the kernel is to begin its sums there. With `narrow`, what is as large as the
// result, and that itself, may be bfloat16 numbers.
bool recogniseFinish(const Instruction& instruction, const Memory& memory, GemmFinish* finish, bool accumulates = false,
                     bool narrow = false);

}  // namespace steepest
