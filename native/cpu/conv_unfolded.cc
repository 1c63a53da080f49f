#include "conv_unfolded.h"

#include <utility>

#include "chunks.h"
#include "copy.h"
#include "matmul.h"
#include "scratch.h"

namespace steepest {
namespace {

constexpr int64_t kLargeFloats = int64_t{1} << 19, kGradientFloats = int64_t{1} << 17;  // of the kernel
constexpr int64_t kMostPatchFloats = int64_t{1} << 22;

// A product whose A is the matrix of patches, [positions, depth] or transposed.
class Unfolded final : public Kernel {
 public:
  Unfolded(const Instruction& instruction, const Memory& memory, ConvProblem problem, const MatmulProblem& product)
      : p_(std::move(problem)),
        grid_(p_.grid(0)),
        source_(instruction.inputs[0], memory),
        other_(instruction.inputs[1], memory),
        patches_(memory, grid_.isSource() ? 0 : grid_.positions() * grid_.depth()),
        product_(bindProduct(instruction, memory, product)) {}

  void run(RunContext& context) override {
    const float* patches = source_.get<float>(context);
    if (!grid_.isSource()) patches = gather(context.threads, patches);
    product_->read(patches, other_.get<float>(context));
    product_->run(context);
  }

  void enter() override { product_->enter(); }

 private:
  const float* gather(Threads& threads, const float* source) const {
    const int64_t depth = grid_.depth();
    eachRange(threads, grid_.positions(), depth / 8, [this, source, depth](int64_t begin, int64_t end) {
      gatherRows(grid_, source, begin, end - begin, 0, grid_.tapRows(), patches_.data() + begin * depth);
    });
    return patches_.data();
  }

  const ConvProblem p_;
  const PatchGrid grid_;
  ContiguousInput source_, other_;
  Floats patches_;
  const std::unique_ptr<ProductKernel> product_;
};

MatmulProblem productOf(const ConvProblem& p, const PatchGrid& grid) {
  MatmulProblem product{};
  product.m = grid.positions();
  product.k = grid.depth();
  product.n = p.columns;
  product.aRow = grid.depth();
  product.aDepth = 1;
  product.bDepth = p.columns;
  product.bColumn = 1;
  product.batches = 1;
  return product;
}

bool isLarge(const ConvProblem& problem, int64_t least) {
  if (problem.groups != 1 || problem.merged != 1 || !problem.dense()) return false;
  const PatchGrid grid = problem.grid(0);
  const int64_t depth = grid.depth();
  return depth * problem.columns >= least && grid.positions() * depth <= kMostPatchFloats && !grid.prefersColumns();
}

}  // namespace

bool suitsUnfolding(const ConvProblem& problem) {
  return isLarge(problem, kLargeFloats) && problem.bColumn == 1 && 2 * problem.grid(0).positions() <= problem.columns;
}

bool suitsUnfoldedKernelGrad(const ConvProblem& problem) {
  return isLarge(problem, kGradientFloats) && problem.grid(0).positions() <= 2 * problem.columns;
}

std::unique_ptr<Kernel> bindUnfolded(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  const MatmulProblem product = productOf(problem, problem.grid(0));
  return std::make_unique<Unfolded>(instruction, memory, std::move(problem), product);
}

std::unique_ptr<Kernel> bindUnfoldedKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem) {
  MatmulProblem product = productOf(problem, problem.grid(0));
  std::swap(product.m, product.k);
  std::swap(product.aRow, product.aDepth);
  return std::make_unique<Unfolded>(instruction, memory, std::move(problem), product);
}

}  // namespace steepest
