// Operands of kernels/wgmma_loop.h: rounded to memory of their own first, from which the device copies to shared memory by itself.
// bfloat16 numbers are copied from where they are, if they lie as copies need it. And results, to which it copies.
#pragma once

#include "bind.h"
#include "kernels/gemm.h"
#include "kernels/spatial.h"
#include "kernels/tensor_map.h"

namespace steepest::cuda {

// [batch, outer, inner]; inner is the axis along which it is to lie in memory.
struct Lying {
  const float* from;
  int64_t slide;  // bytes, with every step of a loop
  int64_t outer, inner, outerStride, innerStride;
  Domain batch;
  const int64_t* batchStrides;
  bool quads;           // four neighbours may be read at once
  bool narrow = false;  // `from` is the address of bfloat16 numbers
};

struct RoundedOperand {
  void* data;
  bool tf32;                    // or bfloat16
  int64_t batch, outer, inner;  // one in a batch that shares it
  int64_t run;                  // numbers from one outer index to the next
  int64_t batchRun;             // and from one in a batch to the next
  bool shared;

  int64_t numberBytes() const { return tf32 ? 4 : 2; }
  int64_t runBytes() const { return run * numberBytes(); }
};

// Adds the launch that rounds an operand.
RoundedOperand addRounded(const Lying& operand, bool tf32, Binder& binder);

// Boxes of `outer` runs of 128 bytes, for ptx::copyBox.
TensorMap describeBoxes(const RoundedOperand& operand, int64_t outer, Device& device);

// Where a product's result goes, or the sums of its parts: false when that is not in quads, moves on in a loop, or its rows do not begin
// at multiples of 16 bytes. Rows are those of the product.
bool canSend(const GemmArguments& product);
TensorMap describeResult(const GemmArguments& product, Device& device);

// Images [images, ...cells, channels] with one to three axes, innermost first, whose cells are the outer axis of an operand. What a
// filter's first tap sees is a box of their cells from `first` on, `count` of them `step` from each other.
struct Patches {
  int axes;
  int64_t images, extent[kSpatial], first[kSpatial], count[kSpatial], step[kSpatial];
};
// Whether a map can say it, with taps up to `reach` behind the first one.
bool canDescribe(const Patches& patches, const int64_t* reach);
// Runs of 128 bytes of `pixels` of them, for ptx::copyPatches.
TensorMap describePatches(const RoundedOperand& operand, const Patches& patches, int64_t pixels, Device& device);

}  // namespace steepest::cuda
