// The epilogue of matmul: a program on rectangles of the product while they are hot in cache.
#include <algorithm>
#include <optional>

#include "tile.h"
#include "tile_program.h"

namespace steepest {
namespace {

constexpr int64_t kMultiplyAdd = 64;  // picoseconds, roughly

TileProgram::Binding bindingOf(const Instruction& instruction, int firstExtra, bool rowwise) {
  TileProgram::Binding binding;
  View product = instruction.outputs.front();
  product.dtype = DType::kFloat32;
  binding.inputs.push_back(product);
  binding.inputs.insert(binding.inputs.end(), instruction.inputs.begin() + firstExtra, instruction.inputs.end());
  binding.outputs = instruction.outputs;
  binding.product = true;
  binding.rowwise = rowwise;
  return binding;
}

class ProgramEpilogue : public Epilogue {
 public:
  ProgramEpilogue(const Instruction& instruction, int firstExtra, const Memory& memory)
      : whole_(instruction.program, bindingOf(instruction, firstExtra, false), memory),
        columns_(instruction.outputs.front().shape[instruction.outputs.front().rank - 1]) {
    if (whole_.hasLines()) return;
    rows_.emplace(instruction.program, bindingOf(instruction, firstExtra, true), memory);
    if (whole_.linear() && !rows_->hasLines()) rows_.reset();
  }

  void run(const float* tile, int64_t ld, int64_t row, int64_t rows, int64_t column, int64_t columns) const override {
    if (columns == columns_ && (ld == columns || rows == 1)) {
      runRange(whole_, tile, row * columns, (row + rows) * columns);
      return;
    }
    const TileProgram& program = linesOf();
    TileWorker& worker = program.begin();
    if (program.hasLines()) {
      return program.runLines(worker, row * columns_ + column, rows, columns_, columns, tile, ld);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t begin = (row + r) * columns_ + column;
      runTiles(program, worker, tile + r * ld, begin, begin + columns);
    }
  }

  GemmUpdating updating(const GemmKernels& gemm) const override {
    return gemm.updating == nullptr ? nullptr : linesOf().updating(gemm, columns_);
  }

  GemmUpdate update(int64_t row, int64_t column) const override {
    const TileProgram& program = linesOf();
    return program.update(program.begin(), row * columns_ + column, columns_);
  }

  int aheads(int64_t row, int64_t rows, int64_t column, int64_t columns, Ahead* to) const override {
    return linesOf().aheads(row * columns_ + column, rows, columns_, columns, kMaxAheads, to);
  }

  int64_t cost() const override { return std::max<int64_t>(1, whole_.cost() / kMultiplyAdd); }

  void move(int64_t steps) override {
    whole_.move(steps);
    if (rows_) rows_->move(steps);
  }

 private:
  // The program that runs on rectangles.
  const TileProgram& linesOf() const { return rows_ ? *rows_ : whole_; }

  static void runRange(const TileProgram& program, const float* product, int64_t begin, int64_t end) {
    runTiles(program, program.begin(), product, begin, end);
  }

  static void runTiles(const TileProgram& program, TileWorker& worker, const float* product, int64_t i, int64_t end) {
    while (i < end) {
      const int64_t count = std::min(program.extent(i), end - i);
      program.run(worker, i, count, product);
      product += count;
      i += count;
    }
  }

  TileProgram whole_;                // rectangles as wide as the product, without gaps
  std::optional<TileProgram> rows_;  // others, where the first cannot run those too
  const int64_t columns_;
};

}  // namespace

std::unique_ptr<Epilogue> bindEpilogue(const Instruction& instruction, int firstExtra, const Memory& memory) {
  return std::make_unique<ProgramEpilogue>(instruction, firstExtra, memory);
}

}  // namespace steepest
