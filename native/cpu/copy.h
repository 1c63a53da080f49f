// Strided copies, planned once: the copy instruction, and inputs that a kernel needs without gaps.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../runtime/kernel.h"
#include "scratch.h"

namespace steepest {

// Copies elements between two strided windows of one shape. Strides are in elements; those of `in` may be zero or negative.
class CopyPlan {
 public:
  CopyPlan(DType dtype, int rank, const int64_t* shape, const int64_t* inStrides, const int64_t* outStrides);

  // `in` and `out` point at the elements with index (0, ..., 0).
  void run(Threads& threads, const void* in, void* out) const;
  void runInline(const void* in, void* out) const;

 private:
  struct Axis {
    int64_t n, in, out;
  };

  template <typename T>
  void runUnits(const T* in, T* out, int64_t first, int64_t last) const;
  template <typename T>
  void copyTile(const T* in, T* out, int64_t rows, int64_t columns) const;
  void runTyped(const void* in, void* out, int64_t first, int64_t last) const;

  int elementBytes_;
  int64_t inShift_ = 0, outShift_ = 0;   // after turning around axes that the output walks backwards
  Axis row_{1, 0, 0}, column_{1, 0, 0};  // the two innermost loops
  int64_t tileRows_ = 1, tileColumns_ = 1;
  std::vector<Axis> loops_;  // around a tile: the other axes, then tiles of rows, then tiles of columns
  int64_t units_ = 1;        // tiles in all
  int64_t unitsPerChunk_ = 1;
};

// An input as contiguous memory: itself where it is that already, otherwise a copy refreshed at each run.
class ContiguousInput {
 public:
  ContiguousInput(const View& view, const Memory& memory);

  template <typename T>
  const T* get(RunContext& context) const {
    if (!plan_) return static_cast<const T*>(source_);
    plan_->run(context.threads, source_, staged_.data());
    return staged_.as<const T>();
  }

 private:
  const void* source_;
  std::unique_ptr<CopyPlan> plan_;
  Floats staged_;
};

}  // namespace steepest
