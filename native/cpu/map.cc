// map: a fused elementwise program over one or several domains.
#include <algorithm>
#include <vector>

#include "chunks.h"
#include "tile.h"
#include "tile_program.h"

namespace steepest {
namespace {

// Chunks are made of pieces, so that many small segments share one and a large one is cut.
class Map : public Kernel {
 public:
  Map(const Instruction& instruction, const Memory& memory) {
    const Program& program = instruction.program;
    const size_t segments = instruction.attrs[0];
    const size_t outputs = program.outputs.size();
    segments_.reserve(segments);
    int64_t total = 0;  // picoseconds
    for (size_t s = 0; s < segments; ++s) {
      TileProgram::Binding binding;
      const auto in = instruction.inputs.begin() + s * program.inputs;
      const auto out = instruction.outputs.begin() + s * outputs;
      binding.inputs.assign(in, in + program.inputs);
      binding.outputs.assign(out, out + outputs);
      if (out == instruction.outputs.end() || out->size() == 0) continue;
      segments_.emplace_back(program, binding, memory);
      total += segments_.back().size() * segments_.back().cost();
    }
    cut(total > 2 * kChunkCost * 1000 ? kChunkCost * 1000 : total + 1);
  }

  void run(RunContext& context) override {
    const int64_t chunks = static_cast<int64_t>(chunks_.size()) - 1;
    if (chunks == 1) return runChunk(0);
    context.threads.each(chunks, [this](int64_t chunk) { runChunk(chunk); });
  }

  void move(int64_t steps) override {
    for (TileProgram& program : segments_) program.move(steps);
  }

 private:
  struct Piece {
    const TileProgram* program;
    int64_t begin, end;
  };

  // Pieces in order, and where the pieces of each chunk begin; chunks of about `target` picoseconds.
  void cut(int64_t target) {
    chunks_.push_back(0);
    int64_t filled = 0;
    for (const TileProgram& p : segments_) {
      // Whole rows or, where those are long or there are none, whole cache lines.
      const int64_t most = std::max<int64_t>(1, target / p.cost());
      const int64_t unit = p.columns() <= most && !p.flat() ? p.columns() : 64;
      const int64_t units = (p.size() + unit - 1) / unit,
                    parts = partsOfAtMost(std::max<int64_t>(1, most / unit), units);
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t begin = partBegin(units, parts, part) * unit;
        const int64_t end = std::min(p.size(), partBegin(units, parts, part + 1) * unit);
        pieces_.push_back({&p, begin, end});
        filled += (end - begin) * p.cost();
        if (filled >= target || segments_.size() == 1) {
          chunks_.push_back(pieces_.size());
          filled = 0;
        }
      }
    }
    if (chunks_.back() != pieces_.size() || chunks_.size() == 1) chunks_.push_back(pieces_.size());
  }

  void runChunk(int64_t chunk) const {
    for (size_t k = chunks_[chunk]; k < chunks_[chunk + 1]; ++k) {
      pieces_[k].program->runRange(pieces_[k].begin, pieces_[k].end);
    }
  }

  std::vector<TileProgram> segments_;
  std::vector<Piece> pieces_;
  std::vector<size_t> chunks_;
};

}  // namespace

std::unique_ptr<Kernel> bindMap(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<Map>(instruction, memory);
}

}  // namespace steepest
