// Pooling over windows. Forward, every position is independent; backward, windows may overlap, so one chunk adds up
// whole images, or blocks of their channels, in order.

#include <algorithm>

#include "channels.h"
#include "chunks.h"
#include "conv_problem.h"
#include "copy.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kBlockChannels = 64;  // of the gradients: whole cache lines

// The windows of a pooling instruction: attribute words window, strides, padding before, then for averages the padded
// cells that are counted before and after.
class Windows {
 public:
  Windows(const Instruction& instruction, const View& input, const View& output, bool average)
      : images_(input.shape[0]), channels_(channelsOf(input)) {
    const uint32_t* words = instruction.attrs.data();
    int64_t in[3], out[3];
    spatialOf(input, in);
    spatialOf(output, out);
    for (int a = 0; a < 3; ++a) {
      axes_[a] = windowAxis(in[a], out[a], words[a], words[3 + a], 1, words[6 + a]);
      window_[a] = words[a];
      before_[a] = average ? words[9 + a] : 0;
      after_[a] = average ? words[12 + a] : 0;
    }
  }

  PatchGrid grid() const { return {{&axes_[0], &axes_[1], &axes_[2]}, images_, channels_, channels_}; }
  // 1 / number of cells that an average counts: those of the input, and some of the padding.
  float scale(const PatchWalk& walk) const {
    int64_t cells = 1;
    for (int a = 0; a < 3; ++a) {
      const int64_t first = walk.at[a] * axes_[a].stride + axes_[a].offsets[0];
      const int64_t begin = std::max(first, -before_[a]);
      cells *= std::max<int64_t>(1, std::min(first + window_[a], axes_[a].extent + after_[a]) - begin);
    }
    return 1.0f / static_cast<float>(cells);
  }
  int64_t taps() const { return grid().tapRows() * axes_[2].size(); }
  // No cell is seen twice.
  bool disjoint() const {
    return std::all_of(axes_, axes_ + 3, [](const PatchAxis& a) { return a.stride >= a.size(); });
  }
  // Every cell is seen.
  bool cover() const {
    return std::all_of(axes_, axes_ + 3, [](const PatchAxis& a) {
      const int64_t end = (a.count - 1) * a.stride + a.offsets.back();
      return a.stride <= a.size() && a.offsets.front() <= 0 && end >= a.extent - 1;
    });
  }
  int64_t images() const { return images_; }
  int64_t channels() const { return channels_; }

 private:
  int64_t images_, channels_;
  PatchAxis axes_[3];
  int64_t window_[3], before_[3], after_[3];
};

class Pool final : public Kernel {
 public:
  Pool(const Instruction& instruction, const Memory& memory, bool average)
      : kernels_(*simd().channels),
        average_(average),
        windows_(instruction, instruction.inputs[0], instruction.outputs[0], average),
        x_(instruction.inputs[0], memory),
        y_(memory.at<float>(instruction.outputs[0])) {
    slots_.allocate(memory, Threads::pool().count(), pointerFloats(windows_.taps()));
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const PatchGrid grid = windows_.grid();
    const int64_t cost = windows_.taps() * (2 + windows_.channels() / 16);
    eachRange(context.threads, grid.positions(), cost, [this, x](int64_t begin, int64_t end) {
      float* slot = slots_.acquire();
      runRange(x, begin, end, reinterpret_cast<const float**>(slot));
      slots_.release(slot);
    });
  }

 private:
  void runRange(const float* x, int64_t begin, int64_t end, const float** pixels) const {
    const PatchGrid grid = windows_.grid();
    const int64_t channels = windows_.channels();
    PatchWalk walk(grid, begin);
    const PatchAxis& axis = *grid.axes[2];
    for (int64_t position = begin; position < end;) {
      const PixelRun run{evenRun(axis, walk.at[2], end - position), axis.stride * channels, channels, channels};
      int64_t seen = 0;
      eachSeen(grid, walk, [&](int64_t, int64_t pixel) { pixels[seen++] = x + pixel * channels; });
      if (average_) {
        kernels_.scaledSum(pixels, seen, windows_.scale(walk), y_ + position * channels, run);
      } else {
        kernels_.max(pixels, seen, y_ + position * channels, run);
      }
      position += run.count;
      walk.advance(run.count);
    }
  }

  const ChannelKernels& kernels_;
  const bool average_;
  const Windows windows_;
  ContiguousInput x_;
  float* y_;
  Slots slots_;
};

// maxPoolGrad: x, y, dy -> dx. averagePoolGrad: dy -> dx.
class PoolGrad final : public Kernel {
 public:
  PoolGrad(const Instruction& instruction, const Memory& memory, bool average)
      : kernels_(*simd().channels),
        average_(average),
        windows_(instruction, instruction.outputs[0], instruction.inputs.back(), average),
        dy_(instruction.inputs.back(), memory),
        dx_(memory.at<float>(instruction.outputs[0])),
        imageSize_(instruction.outputs[0].size() / windows_.images()),
        accumulates_(!windows_.disjoint()),
        clears_(accumulates_ || !windows_.cover()) {
    if (!average) {
      x_ = std::make_unique<ContiguousInput>(instruction.inputs[0], memory);
      y_ = std::make_unique<ContiguousInput>(instruction.inputs[1], memory);
    }
    slots_.allocate(memory, Threads::pool().count(), 2 * pointerFloats(windows_.taps()));
  }

  void run(RunContext& context) override {
    const float* dy = dy_.get<float>(context);
    const float* x = x_ ? x_->get<float>(context) : nullptr;
    const float* y = y_ ? y_->get<float>(context) : nullptr;
    const int64_t blocks = (windows_.channels() + kBlockChannels - 1) / kBlockChannels;
    const int64_t cost = imageSize_ / windows_.channels() * kBlockChannels / 4;
    eachRange(context.threads, windows_.images() * blocks, cost, [=, this](int64_t begin, int64_t end) {
      float* slot = slots_.acquire();
      for (int64_t i = begin; i < end; ++i) runImage(x, y, dy, i / blocks, i % blocks * kBlockChannels, slot);
      slots_.release(slot);
    });
  }

 private:
  void runImage(const float* x, const float* y, const float* dy, int64_t image, int64_t channel, float* slot) const {
    const PatchGrid grid = windows_.grid();
    const int64_t channels = windows_.channels(), count = std::min(kBlockChannels, channels - channel);
    const auto gradients = reinterpret_cast<float**>(slot);
    const auto pixels = reinterpret_cast<const float**>(slot + pointerFloats(windows_.taps()));
    float* const dx = dx_ + image * imageSize_ + channel;
    for (int64_t i = 0; clears_ && i < imageSize_; i += channels) std::fill_n(dx + i, count, 0.0f);
    const int64_t positions = grid.positions() / windows_.images();
    PatchWalk walk(grid, image * positions);
    const PatchAxis& axis = *grid.axes[2];
    const int64_t end = (image + 1) * positions;
    for (int64_t p = image * positions; p < end;) {
      // overlapping windows add to the same cells in the order of the positions
      const PixelRun run{accumulates_ ? 1 : evenRun(axis, walk.at[2], end - p), axis.stride * channels, channels,
                         count};
      int64_t seen = 0;
      eachSeen(grid, walk, [&](int64_t, int64_t pixel) {
        if (x) pixels[seen] = x + pixel * channels + channel;
        gradients[seen++] = dx_ + pixel * channels + channel;
      });
      const int64_t at = p * channels + channel;
      if (average_) {
        kernels_.spread(gradients, seen, dy + at, windows_.scale(walk), accumulates_, run);
      } else {
        kernels_.maxGrad(pixels, gradients, seen, y + at, dy + at, accumulates_, run);
      }
      p += run.count;
      walk.advance(run.count);
    }
  }

  const ChannelKernels& kernels_;
  const bool average_;
  const Windows windows_;
  std::unique_ptr<ContiguousInput> x_, y_;  // of the maximum
  ContiguousInput dy_;
  float* dx_;
  const int64_t imageSize_;
  const bool accumulates_;  // windows overlap
  const bool clears_;       // some cells get nothing, or are added to
  Slots slots_;
};

}  // namespace

std::unique_ptr<Kernel> bindMaxPool(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<Pool>(instruction, memory, false);
}
std::unique_ptr<Kernel> bindAveragePool(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<Pool>(instruction, memory, true);
}
std::unique_ptr<Kernel> bindMaxPoolGrad(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<PoolGrad>(instruction, memory, false);
}
std::unique_ptr<Kernel> bindAveragePoolGrad(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<PoolGrad>(instruction, memory, true);
}

}  // namespace steepest
