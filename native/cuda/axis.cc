#include "kernels/axis.h"

#include <algorithm>

#include "kernels/row.h"
#include "sort.h"

namespace steepest::cuda {
namespace {

AxisArguments argumentsOf(const Instruction& in, Binder& binder, int axis, uint32_t flag) {
  const View& x = in.inputs[0];
  AxisArguments arguments{};
  arguments.x = binder.dense<uint8_t>(x);
  arguments.y = binder.bytesAt(in.outputs[0]);
  arguments.outer = arguments.inner = 1;
  for (int d = 0; d < axis; ++d) arguments.outer *= x.shape[d];
  arguments.axis = x.shape[axis];
  for (int d = axis + 1; d < x.rank; ++d) arguments.inner *= x.shape[d];
  arguments.dtype = static_cast<uint32_t>(x.dtype);
  arguments.flag = flag;
  return arguments;
}

constexpr int64_t kFewElements = 32;     // of a line: for one thread
constexpr int64_t kManyLines = 1 << 14;  // beside each other, enough for one thread each
constexpr int64_t kManyElements = 4096;  // worth a block of its own
constexpr int64_t kWantedBlocks = 512;
constexpr int64_t kMostParts = 32 * kRowBlockWarps;  // a thread reads the sum of each

// Neighbouring threads have neighbouring lines, and there are enough of them.
bool suitsThreads(const AxisArguments& a) {
  return a.axis <= kFewElements || (a.inner >= 32 && a.outer * a.inner >= kManyLines);
}

}  // namespace

void bindArgReduce(const Instruction& in, Binder& binder) {
  if (waitsAsRows(in, binder)) return;
  const AxisArguments arguments = argumentsOf(in, binder, static_cast<int>(in.attrs[1]), in.attrs[0]);
  const int64_t lines = arguments.outer * arguments.inner;
  if (suitsThreads(arguments)) {
    binder.each("argReduceThread", lines, arguments);
  } else if (arguments.axis <= kHeldColumns) {
    binder.blocks("argReduceWarp", (lines + kRowWarps - 1) / kRowWarps, arguments, 32 * kRowWarps);
  } else {
    binder.blocks("argReduceBlock", lines, arguments, 32 * kRowBlockWarps);
  }
}

void bindCumsum(const Instruction& in, Binder& binder) {
  AxisArguments arguments = argumentsOf(in, binder, static_cast<int>(in.attrs[0]), in.attrs[1]);
  const int64_t lines = arguments.outer * arguments.inner;
  if (lines == 0 || arguments.axis == 0) return;
  if (suitsThreads(arguments)) {
    binder.each("cumsumThread", lines, arguments);
    return;
  }
  // Few long lines are cut into parts, by the shape only.
  const int64_t wanted =
      std::clamp<int64_t>(std::min(kWantedBlocks / lines, arguments.axis / kManyElements), 1, kMostParts);
  arguments.partSize = (arguments.axis + wanted - 1) / wanted;
  arguments.parts = (arguments.axis + arguments.partSize - 1) / arguments.partSize;
  if (arguments.parts > 1) {
    arguments.sums = binder.scratch(static_cast<uint64_t>(lines * arguments.parts) * sizeof(double));
    binder.blocks("cumsumParts", lines * arguments.parts, arguments, 32 * kRowBlockWarps);
  }
  binder.blocks("cumsumBlock", lines * arguments.parts, arguments, 32 * kRowBlockWarps);
}

void bindArgsort(const Instruction& in, Binder& binder) {
  const int axis = static_cast<int>(in.attrs[0]);
  AxisArguments arguments = argumentsOf(in, binder, axis, in.attrs[1]);
  arguments.count = in.outputs[0].shape[axis];
  arguments.pairs = reinterpret_cast<uint64_t*>(binder.scratch(static_cast<uint64_t>(in.inputs[0].size()) * 8));
  const int64_t lines = arguments.outer * arguments.inner;
  binder.each("argsortPairs", lines * arguments.axis, arguments);
  arguments.sorted = addSort(arguments.pairs, lines, arguments.axis, 32, binder);
  binder.each("argsortPositions", lines * arguments.count, arguments);
}

}  // namespace steepest::cuda
