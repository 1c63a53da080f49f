// Depthwise convolution: vectors run along the channels, so nothing has to be gathered.

#include "depthwise.h"

#include <algorithm>

#include "channels.h"
#include "chunks.h"
#include "copy.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kChunkWork = int64_t{1} << 17;  // multiply-adds
constexpr int64_t kSumFloats = 2048;              // of a run that is not summed in place
constexpr int64_t kMostParts = 16;

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
      Phase phase{p_.grid(i), 0, 0, chunks_, {}};
      const int64_t positions = phase.grid.positions(), seen = phase.grid.tapRows() * phase.grid.axes[2]->size();
      for (int64_t tap = 0; tap < seen; ++tap) phase.weights.push_back(p_.kernelAt(p_.tapOf(phase.grid, tap), 0));
      phase.rows = std::clamp<int64_t>(kChunkWork / (p_.groups * (1 + seen)), 1, positions);
      phase.positions = positions;
      chunks_ += (positions + phase.rows - 1) / phase.rows;
      taps = std::max(taps, seen);
      phases_.push_back(phase);
    }
    pointers_ = pointerFloats(taps);
    most_ = std::max<int64_t>(1, kSumFloats / p_.groups);
    slots_.allocate(memory, std::min<int64_t>(chunks_, Threads::pool().count()),
                    3 * pointers_ + (dest_ && p_.dense() ? 0 : most_ * p_.groups));
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
    std::vector<int64_t> weights;  // of each tap: where they are in the kernel
  };

  void runChunk(const float* source, const float* kernel, int64_t chunk, float* slot) const {
    const auto after = [](int64_t i, const Phase& phase) { return i < phase.firstChunk; };
    const Phase& phase = *(std::upper_bound(phases_.begin(), phases_.end(), chunk, after) - 1);
    const auto pixels = reinterpret_cast<const float**>(slot);
    const auto weights = reinterpret_cast<const float**>(slot + pointers_);
    const auto rows = reinterpret_cast<int64_t*>(slot + 2 * pointers_);
    float* const sum = slot + 3 * pointers_;
    const int64_t begin = (chunk - phase.firstChunk) * phase.rows;
    const int64_t end = std::min(begin + phase.rows, phase.positions);
    PatchWalk walk(phase.grid, begin);
    const PatchAxis& axis = *phase.grid.axes[2];
    const int64_t tapRows = phase.grid.tapRows();
    const bool inPlace = dest_ && p_.dense();
    for (int64_t position = begin; position < end;) {
      if (position == begin || walk.at[2] == 0) {
        for (int64_t r = 0; r < tapRows; ++r) rows[r] = seenRow(phase.grid, walk, r);
      }
      const int64_t most = inPlace ? end - position : std::min(most_, end - position);
      const PixelRun run{evenRun(axis, walk.at[2], most), axis.stride * p_.groups, p_.groups, p_.groups};
      const PatchAxis::Seen taps = axis.seen(walk.at[2]);
      int64_t seen = 0;
      for (int64_t r = 0; r < tapRows; ++r) {
        if (rows[r] < 0) continue;
        const float* const row = source + (rows[r] * axis.extent + walk.at[2] * axis.stride) * p_.sourceChannels;
        for (int64_t t = taps.first; t < taps.end; ++t) {
          pixels[seen] = row + axis.offsets[static_cast<size_t>(t)] * p_.sourceChannels;
          weights[seen++] = kernel + phase.weights[static_cast<size_t>(r * axis.size() + t)];
        }
      }
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

// Rows of the result's gradient are shared out in parts; each has sums of its own, for all taps, which are added in order. Taps of a
// row are summed together, over as many positions as see the same ones.
class DepthwiseKernelGrad final : public Kernel {
 public:
  DepthwiseKernelGrad(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : channels_(*simd().channels),
        p_(std::move(problem)),
        grid_(p_.grid(0)),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory) {
    const PatchAxis& axis = *grid_.axes[2];
    size_ = grid_.tapRows() * axis.size() * p_.groups;
    rows_ = axis.count > 0 ? grid_.positions() / axis.count : 0;
    parts_ = std::clamp<int64_t>(grid_.positions() * size_ / kChunkWork, 1, std::clamp<int64_t>(rows_, 1, kMostParts));
    sums_ = Floats(memory, parts_ * size_);
    for (int64_t i = 0; i < axis.count; ++i) addPosition(axis, i);
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
    } else {
      dest_ = memory.at<float>(instruction.outputs[0]);
    }
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    context.threads.each(parts_, [this, x, dy](int64_t part) { runPart(x, dy, part); });
    float* const sums = sums_.data();
    for (int64_t part = 1; part < parts_; ++part) {
      const float* const other = sums + part * size_;
      for (int64_t i = 0; i < size_; ++i) sums[i] += other[i];
    }
    if (epilogue_) return epilogue_->run(sums, p_.groups, 0, size_ / p_.groups, 0, p_.groups);
    std::copy_n(sums, size_, dest_);
  }

 private:
  // Positions of a row that see the same taps.
  struct Span {
    int64_t begin, count, tap, taps;
  };

  void addPosition(const PatchAxis& axis, int64_t position) {
    const auto [tap, end] = axis.seen(position);
    if (tap == end) return;
    const bool same = !spans_.empty() && spans_.back().begin + spans_.back().count == position &&
                      spans_.back().tap == tap && spans_.back().taps == end - tap;
    if (same) {
      ++spans_.back().count;
    } else {
      spans_.push_back({position, 1, tap, end - tap});
    }
  }

  void runPart(const float* x, const float* dy, int64_t part) const {
    const PatchAxis& axis = *grid_.axes[2];
    const int64_t channels = p_.groups, end = partBegin(rows_, parts_, part + 1);
    const int64_t dilation = axis.size() > 1 ? axis.offsets[1] - axis.offsets[0] : 1;
    float* const sums = sums_.data() + part * size_;
    std::fill_n(sums, size_, 0.0f);
    int64_t row = partBegin(rows_, parts_, part);
    PatchWalk walk(grid_, row * axis.count);
    for (; row < end; ++row, walk.advance(axis.count)) {
      for (int64_t tapRow = 0; tapRow < grid_.tapRows(); ++tapRow) {
        const int64_t sourceRow = seenRow(grid_, walk, tapRow);
        if (sourceRow < 0) continue;
        for (const Span& s : spans_) {
          const int64_t first = s.begin * axis.stride + axis.offsets[static_cast<size_t>(s.tap)];
          channels_.productSums(s.taps, x + (sourceRow * axis.extent + first) * channels, dilation * channels,
                                axis.stride * channels, dy + (row * axis.count + s.begin) * channels, channels, s.count,
                                sums + (tapRow * axis.size() + s.tap) * channels, channels);
        }
      }
    }
  }

  const ChannelKernels& channels_;
  const ConvProblem p_;
  const PatchGrid grid_;
  ContiguousInput x_, dy_;
  std::unique_ptr<Epilogue> epilogue_;
  float* dest_ = nullptr;  // null when the epilogue stores
  int64_t size_, rows_, parts_;
  Floats sums_;  // of each part
  std::vector<Span> spans_;
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
