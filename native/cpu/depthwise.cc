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

constexpr int64_t kChunkWork = int64_t{1} << 17;   // multiply-adds
constexpr int64_t kLineFloats = int64_t{1} << 13;  // of a part of a line: half of L1
constexpr int64_t kMostParts = 16;

// Forward and input gradient. A chunk is a few lines of the result, or a part of one. Positions of a line that differ modulo the stride of
// an input gradient see other taps and are summed one residue after the other, so that the line is whole for the epilogue.
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
      Phase phase{p_.grid(i), {}};
      const int64_t seen = phase.grid.tapRows() * phase.grid.axes[2]->size();
      for (int64_t tap = 0; tap < seen; ++tap) phase.weights.push_back(p_.kernelAt(p_.tapOf(phase.grid, tap), 0));
      taps = std::max(taps, seen);
      phases_.push_back(std::move(phase));
    }
    cut(taps);
    pointers_ = pointerFloats(taps);
    slots_.allocate(memory, std::min<int64_t>(chunks_, Threads::pool().count()),
                    3 * pointers_ + (dest_ ? 0 : partEach_ * p_.groups));
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    const float* kernel = kernel_.get<float>(context);
    context.threads.each(chunks_, [this, source, kernel](int64_t chunk) {
      float* slot = slots_.acquire();
      const int64_t first = chunk / parts_ * linesEach_, begin = chunk % parts_ * partEach_;
      const int64_t end = std::min(begin + partEach_, p_.dest[2]);
      Line line{first, first / p_.dest[1] / p_.dest[0], first / p_.dest[1] % p_.dest[0], first % p_.dest[1]};
      for (int64_t n = std::min(linesEach_, lines_ - first); n > 0; --n, advance(&line))
        runLine(source, kernel, line, begin, end, slot);
      slots_.release(slot);
    });
  }

 private:
  // The positions with one residue along every axis.
  struct Phase {
    PatchGrid grid;
    std::vector<int64_t> weights;  // of each tap: where they are in the kernel
  };

  // Of the result: its number, and where it is.
  struct Line {
    int64_t number, image, i, j;
  };

  void advance(Line* line) const {
    ++line->number;
    if (++line->j < p_.dest[1]) return;
    line->j = 0;
    if (++line->i < p_.dest[0]) return;
    line->i = 0;
    ++line->image;
  }

  // Parts begin with the first residue.
  void cut(int64_t taps) {
    const int64_t width = p_.dest[2], residues = std::max<int64_t>(1, p_.phaseCount(2));
    const int64_t work = width * p_.groups * (1 + taps);
    lines_ = width == 0 ? 0 : p_.images * p_.dest[0] * p_.dest[1];
    const int64_t wanted = std::max(work / kChunkWork, width * p_.groups / kLineFloats);
    partEach_ = width / std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, width / residues));
    partEach_ = std::max<int64_t>(1, (partEach_ + residues - 1) / residues) * residues;
    parts_ = std::max<int64_t>(1, (width + partEach_ - 1) / partEach_);
    linesEach_ =
        parts_ > 1 ? 1 : std::clamp<int64_t>(kChunkWork / std::max<int64_t>(1, work), 1, std::max<int64_t>(1, lines_));
    chunks_ = (lines_ + linesEach_ - 1) / linesEach_ * parts_;
  }

  // Positions begin .. end - 1.
  void runLine(const float* source, const float* kernel, const Line& line, int64_t begin, int64_t end,
               float* slot) const {
    const int64_t counts[3] = {p_.phaseCount(0), p_.phaseCount(1), p_.phaseCount(2)};
    const int64_t first = line.number * p_.dest[2] + begin;
    float* const to = dest_ ? dest_ + first * p_.groups : slot + 3 * pointers_;
    for (int64_t residue = 0; residue < counts[2]; ++residue) {
      const int64_t phase = (line.i % counts[0] * counts[1] + line.j % counts[1]) * counts[2] + residue;
      const Phase& p = phases_[static_cast<size_t>(phase)];
      const PatchWalk walk(p.grid, line.image, line.i / counts[0], line.j / counts[1], begin / counts[2]);
      const int64_t last = (end - residue + counts[2] - 1) / counts[2];
      sumRuns(p, source, kernel, walk, last, to + residue * p_.groups, slot);
    }
    if (epilogue_) epilogue_->run(to, p_.groups, first, end - begin, 0, p_.groups);
  }

  // From where the walk is to the position before `end`.
  void sumRuns(const Phase& phase, const float* source, const float* kernel, const PatchWalk& walk, int64_t end,
               float* to, float* slot) const {
    const auto pixels = reinterpret_cast<const float**>(slot);
    const auto weights = reinterpret_cast<const float**>(slot + pointers_);
    const auto rows = reinterpret_cast<int64_t*>(slot + 2 * pointers_);
    const PatchAxis& axis = *phase.grid.axes[2];
    const int64_t tapRows = phase.grid.tapRows(), pitch = axis.step * p_.groups;
    for (int64_t r = 0; r < tapRows; ++r) rows[r] = seenRow(phase.grid, walk, r);
    for (int64_t position = walk.at[2]; position < end;) {
      const PixelRun run{evenRun(axis, position, end - position), axis.stride * p_.groups, pitch, p_.groups};
      const PatchAxis::Seen taps = axis.seen(position);
      int64_t seen = 0;
      for (int64_t r = 0; r < tapRows; ++r) {
        if (rows[r] < 0) continue;
        const float* const row = source + (rows[r] * axis.extent + position * axis.stride) * p_.sourceChannels;
        for (int64_t t = taps.first; t < taps.end; ++t) {
          pixels[seen] = row + axis.offsets[static_cast<size_t>(t)] * p_.sourceChannels;
          weights[seen++] = kernel + phase.weights[static_cast<size_t>(r * axis.size() + t)];
        }
      }
      channels_.weightedSum(pixels, weights, seen, to, run);
      position += run.count;
      to += run.count * pitch;
    }
  }

  const ChannelKernels& channels_;
  const ConvProblem p_;
  ContiguousInput source_, kernel_;
  float* dest_ = nullptr;  // null when the epilogue stores
  std::unique_ptr<Epilogue> epilogue_;
  std::vector<Phase> phases_;
  int64_t lines_, linesEach_;  // of a chunk
  int64_t parts_, partEach_;   // of a line, positions of each
  int64_t chunks_;
  int64_t pointers_;  // floats that hold a pointer for each tap
  Slots slots_;       // pointers to pixels, to weights, rows of the source, and the part of a line
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
