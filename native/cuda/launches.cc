#include "launches.h"

#include <algorithm>
#include <utility>

#include "kernels/copy.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kMaxBlocks = int64_t{1} << 20;  // kernels go on in strides from there

class Launches final : public Kernel {
 public:
  Launches(Stream& stream, std::vector<Launch> launches, std::vector<size_t> sliding,
           std::vector<std::shared_ptr<Buffer>> kept)
      : stream_(stream), launches_(std::move(launches)), sliding_(std::move(sliding)), kept_(std::move(kept)) {}

  void run(RunContext&) override {
    for (const Launch& launch : launches_) stream_.launch(launch);
  }

  // The first member of their arguments counts the steps.
  void move(int64_t steps) override {
    for (const size_t i : sliding_) launches_[i].arguments[0] += static_cast<uint64_t>(steps);
  }

 private:
  Stream& stream_;
  std::vector<Launch> launches_;
  const std::vector<size_t> sliding_;
  const std::vector<std::shared_ptr<Buffer>> kept_;
};

}  // namespace

Domain domainOf(const View& view) {
  Domain domain{};
  domain.rank = view.rank;
  domain.size = view.size();
  std::copy(view.shape, view.shape + view.rank, domain.shape);
  return domain;
}

void collapse(Domain* domain, const std::vector<int64_t*>& strides) {
  int rank = 0;
  for (int d = 0; d < domain->rank; ++d) {
    if (domain->shape[d] == 1) continue;
    const bool joins = rank > 0 && std::all_of(strides.begin(), strides.end(), [&](const int64_t* s) {
                         return s[rank - 1] == s[d] * domain->shape[d];
                       });
    if (!joins) ++rank;
    domain->shape[rank - 1] = joins ? domain->shape[rank - 1] * domain->shape[d] : domain->shape[d];
    for (int64_t* s : strides) s[rank - 1] = s[d];
  }
  domain->rank = rank;
}

Operand Binder::operand(const View& view) const {
  Operand operand{};
  operand.data = memory_.bytesAt(view);
  operand.slide = slideOf(view);
  operand.dtype = static_cast<uint32_t>(view.dtype);
  std::copy(view.strides, view.strides + view.rank, operand.strides);
  return operand;
}

uint8_t* Binder::scratch(uint64_t bytes) {
  kept_.push_back(backend_.scratch(scratches_++, bytes));
  return kept_.back()->data();
}

const uint8_t* Binder::denseBytes(const View& view) {
  if (view.contiguous() && view.steps == 0) return memory_.bytesAt(view);
  const auto elementBytes = static_cast<uint32_t>(sizeOf(view.dtype));
  uint8_t* const to = scratch(static_cast<uint64_t>(view.size()) * elementBytes);
  CopyArguments arguments{};
  arguments.domain = domainOf(view);
  arguments.in = operand(view);
  arguments.out = arguments.in;
  arguments.out.data = to;
  arguments.out.slide = 0;
  int64_t stride = 1;
  for (int d = view.rank; d-- > 0; stride *= view.shape[d]) arguments.out.strides[d] = stride;
  arguments.elementBytes = elementBytes;
  eachSliding("copyElements", view.size(), arguments);
  return to;
}

const uint8_t* Binder::uploadBytes(const void* data, uint64_t bytes) {
  std::shared_ptr<Buffer> buffer = backend_.allocate(bytes);
  backend_.write(buffer->data(), data, bytes);
  kept_.push_back(buffer);
  return buffer->data();
}

Program Binder::program(const steepest::Program& from) {
  std::vector<ProgramStep> steps;
  for (const Step& s : from.steps) {
    steps.push_back({s.op, s.lanes, s.dst, {s.args[0], s.args[1], s.args[2]}, {}, {s.immediates[0], s.immediates[1]}});
  }
  Program program{};
  program.steps = upload(steps);
  program.constants = upload(from.constants);
  program.outputs = upload(from.outputs);
  program.stepCount = static_cast<int32_t>(steps.size());
  program.inputCount = from.inputs;
  program.constantCount = static_cast<int32_t>(from.constants.size());
  program.outputCount = static_cast<int32_t>(from.outputs.size());
  return program;
}

int64_t Binder::blocksFor(int64_t threads) const {
  return std::min((threads + STEEPEST_BLOCK - 1) / STEEPEST_BLOCK, kMaxBlocks);
}

void Binder::emitted(const emit::Kernel& kernel, int64_t count, std::vector<uint64_t> arguments) {
  Launch launch;
  launch.function = backend_.stream().device().assemble(kernel.text, kernel.name);
  launch.name = kernel.name;
  launch.grid = static_cast<uint32_t>(count);
  launch.block = static_cast<uint32_t>(kernel.threads);
  launch.arguments = std::move(arguments);
  launches_.push_back(std::move(launch));
  sliding_.push_back(launches_.size() - 1);
}

std::unique_ptr<Kernel> Binder::finish(const char* operation, uint32_t instruction) {
  for (Launch& launch : launches_) {
    launch.operation = operation;
    launch.instruction = instruction;
  }
  return std::make_unique<Launches>(backend_.stream(), std::move(launches_), std::move(sliding_), std::move(kept_));
}

}  // namespace steepest::cuda
