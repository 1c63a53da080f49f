// What products and convolutions read and write: operands of two kinds of numbers; results that are finished in registers and stored,
// or go through a program that stores them.
#pragma once

#include <memory>
#include <utility>

#include "../runtime/matmul_problem.h"
#include "gemm.h"
#include "tile.h"

namespace steepest {

inline void pack(const GemmKernels& gemm, const Numbers& b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n,
                 float* panels) {
  if (b.narrow) return gemm.packNarrow(b.bfloat16s(), bRow, bColumn, k, n, panels);
  gemm.pack(b.floats(), bRow, bColumn, k, n, panels);
}
inline void readA(const Numbers& a, GemmBlock* block) {
  block->a = a.floats();
  block->aNarrow = a.narrow ? a.bfloat16s() : nullptr;
}

// What the block's sums can begin with instead of being finished with it: they are stored once.
inline void beginSums(GemmFinish* finish, GemmBlock* block) {
  if (finish->scale != 1 || finish->scales) return;
  if (finish->biasStep != 0) block->bias = std::exchange(finish->bias, nullptr);
  block->from = std::exchange(finish->added, nullptr);
  block->accumulate = block->from != nullptr;
}

struct ProductResult {
  // `registers`: the kernel can finish what it stores. `accumulates`: see recogniseFinish.
  ProductResult(const Instruction& instruction, const Memory& memory, bool registers = true, bool accumulates = false) {
    if (instruction.attrs[0] == 1) {
      finishes = registers && recogniseFinish(instruction, memory, &finish, accumulates);
      if (!finishes) epilogue = bindEpilogue(instruction, 2, memory);
    }
    if (epilogue) return;
    to = memory.at<float>(instruction.outputs[0]);
    slide = slideOf(instruction.outputs[0]);
  }

  // As Kernel::move.
  void move(int64_t steps) {
    if (epilogue) return epilogue->move(steps);
    to = moved(to, steps * slide);
    if (finish.added) finish.added = moved(finish.added, steps * finish.addedSlide);
    if (finish.gate) finish.gate = moved(finish.gate, steps * finish.gateSlide);
  }

  float* to = nullptr;  // null when a program stores
  int64_t slide = 0;    // bytes, with every step of a loop
  GemmFinish finish;
  bool finishes = false;
  std::unique_ptr<Epilogue> epilogue;
};

}  // namespace steepest
