#include "rounded.h"

#include <algorithm>

#include "kernels/gemm_wgmma.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kRunBytes = 128;  // of a box along the innermost axis

int kindOf(const RoundedOperand& x) { return x.tf32 ? kTensorFloat32 : kTensorBfloat16; }
uint32_t runNumbers(const RoundedOperand& x) { return static_cast<uint32_t>(kRunBytes / x.numberBytes()); }

// The corners of a box, from the first cell of an image and from the last one.
int64_t lowerOf(const Patches& p, int d) { return p.first[d]; }
int64_t upperOf(const Patches& p, int d) { return p.first[d] + (p.count[d] - 1) * p.step[d] - (p.extent[d] - 1); }

// bfloat16 numbers that a tensor map can describe: it knows one stride for batches, and copies from multiples of 16 bytes.
bool canStay(const Lying& x, bool shared) {
  constexpr int64_t kNumbers = 8;
  if (!x.narrow || x.slide != 0 || (x.innerStride != 1 && x.inner != 1) || x.outerStride % kNumbers != 0) return false;
  if (x.outerStride <= 0 || reinterpret_cast<uintptr_t>(x.from) % 16 != 0) return false;
  return shared || (x.batch.rank == 1 && x.batchStrides[0] > 0 && x.batchStrides[0] % kNumbers == 0);
}

}  // namespace

RoundedOperand addRounded(const Lying& x, bool tf32, Binder& binder) {
  RoundedOperand rounded{};
  rounded.tf32 = tf32;
  rounded.outer = x.outer;
  rounded.inner = x.inner;
  const int64_t least = 16 / rounded.numberBytes();
  rounded.run = (x.inner + least - 1) / least * least;
  rounded.shared = std::all_of(x.batchStrides, x.batchStrides + x.batch.rank, [](int64_t s) { return s == 0; });
  if (!tf32 && canStay(x, rounded.shared)) {
    rounded.data = const_cast<float*>(x.from);
    rounded.run = x.outerStride;
    rounded.batch = rounded.shared ? 1 : x.batch.size;
    rounded.batchRun = rounded.shared ? rounded.run * x.outer : x.batchStrides[0];
    return rounded;
  }
  RoundArguments arguments{};
  arguments.from = x.from;
  arguments.slide = x.slide;
  arguments.outer = x.outer;
  arguments.inner = x.inner;
  arguments.run = rounded.run;
  arguments.outerStride = x.outerStride;
  arguments.innerStride = x.innerStride;
  arguments.quads = x.quads;
  arguments.tf32 = tf32;
  arguments.narrow = x.narrow;
  arguments.batch = rounded.shared ? Domain{1, {}, 0} : x.batch;
  if (!rounded.shared) std::copy(x.batchStrides, x.batchStrides + x.batch.rank, arguments.batchStrides);
  rounded.batch = arguments.batch.size;
  rounded.batchRun = x.outer * rounded.run;
  const int64_t numbers = rounded.batch * rounded.batchRun;
  rounded.data = arguments.to = binder.scratch(static_cast<uint64_t>(numbers * rounded.numberBytes()));
  if (x.innerStride == 1 || x.inner == 1) {
    binder.eachSliding("roundOperand", numbers / 4, arguments);
  } else {
    const auto edges = [](int64_t size) { return (size + kTransposeEdge - 1) / kTransposeEdge; };
    binder.blocksSliding("roundTransposed", rounded.batch * edges(x.outer) * edges(rounded.run), arguments,
                         8 * kTransposeEdge);
  }
  return rounded;
}

TensorMap describeBoxes(const RoundedOperand& x, int64_t outer, Device& device) {
  const uint64_t shape[] = {static_cast<uint64_t>(x.inner), static_cast<uint64_t>(x.outer),
                            static_cast<uint64_t>(x.batch)};
  const uint64_t row = static_cast<uint64_t>(x.runBytes());
  const uint64_t strides[] = {row, static_cast<uint64_t>(x.batchRun * x.numberBytes())};
  const uint32_t box[] = {runNumbers(x), static_cast<uint32_t>(outer), 1}, steps[] = {1, 1, 1};
  alignas(64) TensorMap map{};
  device.check(device.driver().cuTensorMapEncodeTiled(&map, kindOf(x), 3, x.data, shape, strides, box, steps, 0,
                                                      kTensorSwizzle128, kTensorPromote256, 0),
               "describing an operand");
  return map;
}

bool canSend(const GemmArguments& g) {
  const int64_t numbers = g.parts == 1 && g.finish.narrow ? 8 : 4;
  return g.cQuads != 0 && g.n % numbers == 0 && (g.parts > 1 || g.cSlide == 0);
}

TensorMap describeResult(const GemmArguments& g, Device& device) {
  RoundedOperand result{};
  result.data = g.parts > 1 ? g.sums : g.c;
  result.tf32 = g.parts > 1 || !g.finish.narrow;
  result.batch = g.parts * g.batch.size;
  result.outer = g.m;
  result.inner = result.run = g.n;
  result.batchRun = g.m * g.n;
  return describeBoxes(result, kBoxRows, device);
}

bool canDescribe(const Patches& p, const int64_t* reach) {
  // The more axes, the fewer bits for each.
  const int bits = p.axes == 1 ? 16 : p.axes == 2 ? 8 : 5;
  const int64_t all = int64_t{1} << bits;
  for (int d = 0; d < p.axes; ++d) {
    const int64_t lower = lowerOf(p, d), upper = upperOf(p, d);
    if (std::min(lower, upper) < -all / 2 || std::max(lower, upper) >= all / 2 || reach[d] >= all || p.step[d] > 8) {
      return false;
    }
  }
  return true;
}

TensorMap describePatches(const RoundedOperand& x, const Patches& p, int64_t pixels, Device& device) {
  uint64_t shape[kSpatial + 2], strides[kSpatial + 1];
  uint32_t steps[kSpatial + 2] = {1, 1, 1, 1, 1};
  int lower[kSpatial], upper[kSpatial];
  shape[0] = static_cast<uint64_t>(x.inner);
  strides[0] = static_cast<uint64_t>(x.runBytes());
  for (int d = 0; d < p.axes; ++d) {
    shape[1 + d] = static_cast<uint64_t>(p.extent[d]);
    strides[1 + d] = strides[d] * shape[1 + d];
    steps[1 + d] = static_cast<uint32_t>(p.step[d]);
    lower[d] = static_cast<int>(lowerOf(p, d));
    upper[d] = static_cast<int>(upperOf(p, d));
  }
  shape[1 + p.axes] = static_cast<uint64_t>(p.images);
  alignas(64) TensorMap map{};
  device.check(device.driver().cuTensorMapEncodeIm2col(
                   &map, kindOf(x), static_cast<uint32_t>(p.axes) + 2, x.data, shape, strides, lower, upper,
                   runNumbers(x), static_cast<uint32_t>(pixels), steps, 0, kTensorSwizzle128, kTensorPromote256, 0),
               "describing the patches of an operand");
  return map;
}

}  // namespace steepest::cuda
