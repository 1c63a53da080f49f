// Depthwise convolution: vectors run along the channels, so nothing has to be gathered.

#include "depthwise.h"

#include <algorithm>

#include "channels.h"
#include "copy.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kChunkWork = int64_t{1} << 17;  // multiply-adds
constexpr int64_t kSumFloats = 2048;              // of a run that is not summed in place

class Depthwise final : public Kernel {
 public:
  Depthwise(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : channels_(*simd().channels),
        p_(std::move(problem)),
        source_(instruction.inputs[0], memory),
        kernel_(instruction.inputs[1], memory) {
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
    } else {
      dest_ = memory.at<float>(instruction.outputs[0]);
    }
    int64_t taps = 0;
    for (int64_t i = 0; i < p_.phases(); ++i) {
      Phase phase{p_.grid(i), 0, 0, chunks_};
      const int64_t positions = phase.grid.positions(), seen = phase.grid.tapRows() * phase.grid.axes[2]->size();
      phase.rows = std::clamp<int64_t>(kChunkWork / (p_.groups * (1 + seen)), 1, positions);
      phase.positions = positions;
      chunks_ += (positions + phase.rows - 1) / phase.rows;
      taps = std::max(taps, seen);
      phases_.push_back(phase);
    }
    pointers_ = pointerFloats(taps);
    most_ = std::max<int64_t>(1, kSumFloats / p_.groups);
    slots_.allocate(memory, std::min<int64_t>(chunks_, Threads::pool().count()),
                    2 * pointers_ + (dest_ && p_.dense() ? 0 : most_ * p_.groups));
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    const float* kernel = kernel_.get<float>(context);
    context.threads.each(chunks_, [this, source, kernel](int64_t chunk) {
      float* slot = slots_.acquire();
      runChunk(source, kernel, chunk, slot);
      slots_.release(slot);
    });
  }

 private:
  struct Phase {
    PatchGrid grid;
    int64_t positions, rows;  // in all, and of a chunk
    int64_t firstChunk;
  };

  void runChunk(const float* source, const float* kernel, int64_t chunk, float* slot) const {
    const auto after = [](int64_t i, const Phase& phase) { return i < phase.firstChunk; };
    const Phase& phase = *(std::upper_bound(phases_.begin(), phases_.end(), chunk, after) - 1);
    const auto pixels = reinterpret_cast<const float**>(slot);
    const auto weights = reinterpret_cast<const float**>(slot + pointers_);
    float* const sum = slot + 2 * pointers_;
    const int64_t begin = (chunk - phase.firstChunk) * phase.rows;
    const int64_t end = std::min(begin + phase.rows, phase.positions);
    PatchWalk walk(phase.grid, begin);
    const PatchAxis& axis = *phase.grid.axes[2];
    const bool inPlace = dest_ && p_.dense();
    for (int64_t position = begin; position < end;) {
      const int64_t most = inPlace ? end - position : std::min(most_, end - position);
      const PixelRun run{evenRun(axis, walk.at[2], most), axis.stride * p_.groups, p_.groups, p_.groups};
      int64_t seen = 0;
      eachSeen(phase.grid, walk, [&](int64_t tap, int64_t pixel) {
        pixels[seen] = source + pixel * p_.sourceChannels;
        weights[seen++] = kernel + p_.kernelAt(p_.tapOf(phase.grid, tap), 0);
      });
      channels_.weightedSum(pixels, weights, seen, inPlace ? dest_ + position * p_.groups : sum, run);
      if (!inPlace) storeRun(phase, sum, position, run.count);
      position += run.count;
      walk.advance(run.count);
    }
  }

  void storeRun(const Phase& phase, const float* sum, int64_t position, int64_t count) const {
    if (p_.dense()) return epilogue_->run(sum, p_.groups, position, count, 0, p_.groups);
    for (int64_t i = 0; i < count; ++i, sum += p_.groups) {
      const int64_t row = phase.grid.destination(position + i, p_.dest);
      if (epilogue_) {
        epilogue_->run(sum, p_.groups, row, 1, 0, p_.groups);
      } else {
        std::copy_n(sum, p_.groups, dest_ + row * p_.groups);
      }
    }
  }

  const ChannelKernels& channels_;
  const ConvProblem p_;
  ContiguousInput source_, kernel_;
  float* dest_ = nullptr;  // null when the epilogue stores
  std::unique_ptr<Epilogue> epilogue_;
  std::vector<Phase> phases_;
  int64_t chunks_ = 0;
  int64_t pointers_;  // floats that hold a pointer for each tap
  int64_t most_;      // pixels of a run that is not summed in place
  Slots slots_;       // pointers to pixels, to weights, and a run of the result
};

// Each tap is summed by one chunk: first over a row of positions in registers, then over the rows.
class DepthwiseKernelGrad final : public Kernel {
 public:
  DepthwiseKernelGrad(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : channels_(*simd().channels),
        p_(std::move(problem)),
        grid_(p_.grid(0)),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory) {
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
      sums_ = Floats(memory, taps() * p_.groups);
    } else {
      dest_ = memory.at<float>(instruction.outputs[0]);
    }
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    context.threads.each(taps(), [this, x, dy](int64_t tap) { runTap(x, dy, tap); });
  }

 private:
  int64_t taps() const { return grid_.tapRows() * grid_.axes[2]->size(); }

  void runTap(const float* x, const float* dy, int64_t tap) const {
    const PatchAxis& axis = *grid_.axes[2];
    const int64_t tapRow = tap / axis.size(), offset = axis.offsets[static_cast<size_t>(tap % axis.size())];
    const int64_t channels = p_.groups;
    float* const sum = (dest_ ? dest_ : sums_.data()) + tap * channels;
    std::fill_n(sum, channels, 0.0f);
    int64_t begin = 0, end = axis.count;
    while (begin < end && !axis.sees(begin, tap % axis.size())) ++begin;
    while (begin < end && !axis.sees(end - 1, tap % axis.size())) --end;
    const int64_t rows = grid_.positions() / axis.count;
    PatchWalk walk(grid_, 0);
    for (int64_t row = 0; row < rows && begin < end; ++row, walk.advance(axis.count)) {
      const int64_t sourceRow = seenRow(grid_, walk, tapRow);
      if (sourceRow < 0) continue;
      const float* from = x + (sourceRow * axis.extent + begin * axis.stride + offset) * channels;
      channels_.productSum(from, axis.stride * channels, dy + (row * axis.count + begin) * channels, channels,
                           end - begin, sum, channels);
    }
    if (epilogue_) epilogue_->run(sum, channels, tap, 1, 0, channels);
  }

  const ChannelKernels& channels_;
  const ConvProblem p_;
  const PatchGrid grid_;
  ContiguousInput x_, dy_;
  std::unique_ptr<Epilogue> epilogue_;
  Floats sums_;            // without a place of their own
  float* dest_ = nullptr;  // the result, if it is the sums
};

}  // namespace

std::unique_ptr<Kernel> bindDepthwise(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  return std::make_unique<Depthwise>(instruction, memory, std::move(problem));
}

std::unique_ptr<Kernel> bindDepthwiseKernelGrad(const Instruction& instruction, const Memory& memory,
                                                ConvProblem problem) {
  return std::make_unique<DepthwiseKernelGrad>(instruction, memory, std::move(problem));
}

}  // namespace steepest
