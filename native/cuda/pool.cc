// Pooling: see kernels/pool.cu.
#include "kernels/pool.h"

#include <cstdint>

#include "bind.h"
#include "windows.h"

namespace steepest::cuda {
namespace {

PoolArguments poolOf(const Instruction& in, const View& x, const View& y, bool average) {
  const uint32_t* const words = in.attrs.data();
  const int64_t window[kSpatial] = {words[0], words[1], words[2]};
  PoolArguments arguments{};
  arguments.windows = windowsOf(x, y, window, words + 3, nullptr, words + 6);
  for (int d = 0; d < kSpatial; ++d) {
    arguments.before[d] = average ? words[9 + d] : 0;
    arguments.after[d] = average ? words[12 + d] : 0;
  }
  arguments.channels = x.shape[x.rank - 1];
  return arguments;
}

bool isShort(const Windows& w) {
  constexpr int64_t kMost = int64_t{1} << 29;
  for (int d = 0; d < kSpatial; ++d) {
    if (w.x[d] + w.padding[d] > kMost || w.y[d] * w.stride[d] + w.window[d] > kMost) return false;
  }
  return true;
}

// The kernels are for channels in fours, and for any.
void addPool(const char* wide, const char* narrow, PoolArguments arguments, const View& out, Binder& binder) {
  arguments.out = binder.at<float>(out);
  const auto aligned = [](const float* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  const bool quads = arguments.channels % 4 == 0 && aligned(arguments.x) && aligned(arguments.y) &&
                     aligned(arguments.dy) && aligned(arguments.out);
  const int64_t vectors = out.size() / (quads ? 4 : 1);
  arguments.isShort = isShort(arguments.windows) && vectors < int64_t{1} << 31;
  binder.each(quads ? wide : narrow, vectors, arguments);
}

}  // namespace

void bindMaxPool(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.inputs[0], in.outputs[0], false);
  arguments.x = binder.dense<float>(in.inputs[0]);
  addPool("maxPool4", "maxPool1", arguments, in.outputs[0], binder);
}

void bindAveragePool(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.inputs[0], in.outputs[0], true);
  arguments.x = binder.dense<float>(in.inputs[0]);
  addPool("averagePool4", "averagePool1", arguments, in.outputs[0], binder);
}

void bindMaxPoolGrad(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.outputs[0], in.inputs[1], false);
  arguments.x = binder.dense<float>(in.inputs[0]);
  arguments.y = binder.dense<float>(in.inputs[1]);
  arguments.dy = binder.dense<float>(in.inputs[2]);
  addPool("maxPoolGrad4", "maxPoolGrad1", arguments, in.outputs[0], binder);
}

void bindAveragePoolGrad(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.outputs[0], in.inputs[0], true);
  arguments.dy = binder.dense<float>(in.inputs[0]);
  addPool("averagePoolGrad4", "averagePoolGrad1", arguments, in.outputs[0], binder);
}

}  // namespace steepest::cuda
