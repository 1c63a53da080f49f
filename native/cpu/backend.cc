#include "backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "../plan/loss_of.h"
#include "../plan/ops.h"
#include "../runtime/allocator.h"
#include "../runtime/executor.h"
#include "feed_readers.h"
#include "scratch.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kSlices = 2;  // of what a feed copies: as many as products have parts of k

class HostBuffer final : public Buffer {
 public:
  explicit HostBuffer(uint64_t bytes) : memory_(bytes) {
    data_ = memory_.data();
    size_ = memory_.size();
  }

 private:
  Allocation memory_;
};

// Of an instruction that another one's kernel has done.
class Done final : public Kernel {
 public:
  void run(RunContext&) override {}
};

// For tests, see spoilWorkspaces.
class Spoiled final : public Kernel {
 public:
  Spoiled(std::unique_ptr<Kernel> kernel, std::shared_ptr<Workspace> workspace)
      : kernel_(std::move(kernel)), workspace_(std::move(workspace)) {}

  void run(RunContext& context) override {
    workspace_->spoil();
    kernel_->run(context);
  }
  void move(int64_t steps) override { kernel_->move(steps); }
  void enter() override { kernel_->enter(); }
  bool readsFeed(uint32_t slot, const View& fed, bool alone) override { return kernel_->readsFeed(slot, fed, alone); }
  void lend() override { kernel_->lend(); }
  bool canSlice(const View& fed, int64_t slices) const override { return kernel_->canSlice(fed, slices); }
  void slice(int64_t slices) override { kernel_->slice(slices); }

 private:
  const std::unique_ptr<Kernel> kernel_;
  const std::shared_ptr<Workspace> workspace_;
};

class Cpu final : public Backend {
 public:
  std::unique_ptr<Buffer> allocate(uint64_t bytes) override { return std::make_unique<HostBuffer>(bytes); }
  void write(uint8_t* to, const void* from, uint64_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void read(void* to, const uint8_t* from, uint64_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void clear(uint8_t* at, uint64_t bytes) override {
    if (bytes > 0) std::memset(at, 0, bytes);
  }

  std::vector<std::unique_ptr<Kernel>> bind(const std::vector<Instruction>& instructions,
                                            const Memory& memory) override {
    std::vector<std::unique_ptr<Kernel>> kernels;
    kernels.reserve(instructions.size());
    // The body of a loop has what the plan around it has: nothing else runs meanwhile.
    const bool isBody = memory.workspace != nullptr;
    Memory shared = memory;
    if (!isBody) shared.workspace = std::make_shared<Workspace>();
    std::vector<bool> done(instructions.size());
    for (size_t i = 0; i < instructions.size(); ++i) {
      shared.workspace->begin();
      std::unique_ptr<Kernel> kernel;
      if (const size_t loss = lossOf(i, instructions); loss < instructions.size()) {
        kernel = bindCrossEntropyGradWithLoss(instructions[i], instructions[loss], shared);
        done[loss] = true;
      } else {
        kernel = done[i] ? std::make_unique<Done>() : kernelOf(instructions[i], shared);
      }
      if (spoilsWorkspaces()) kernel = std::make_unique<Spoiled>(std::move(kernel), shared.workspace);
      kernels.push_back(std::move(kernel));
    }
    if (!isBody) shared.workspace->allocate();
    tellReaders(instructions, kernels);
    return kernels;
  }

  uint64_t run(Executor& plan, RunContext& context, uint64_t) override {
    plan.run(context);
    if (context.watched != nullptr && context.nonFiniteStep < 0 &&
        !std::isfinite(*reinterpret_cast<const float*>(context.watched))) {
      context.nonFiniteStep = static_cast<int64_t>(context.step);
    }
    return 1;
  }

 private:
  std::unique_ptr<Kernel> bindLoop(const Instruction& instruction, const Memory& memory) {
    return steepest::bindLoop(instruction, memory, *this);
  }

  // Kernels whose first operand a feed has copied, and feeds that need not do so, or do so in slices.
  void tellReaders(const std::vector<Instruction>& instructions, const std::vector<std::unique_ptr<Kernel>>& kernels) {
    for (size_t f = 0; f < instructions.size(); ++f) {
      if (static_cast<Opcode>(instructions[f].opcode) != Opcode::kFeed) continue;
      const View& fed = instructions[f].outputs[0];
      const std::vector<size_t> readers = readersOf(instructions, f);
      std::vector<Kernel*> sharing = {kernels[f].get()};
      bool lent = false;
      for (const size_t i : readers) {
        if (instructions[i].inputs.empty()) continue;
        const View& read = instructions[i].inputs[0];
        const bool same = read.space == fed.space && read.base == fed.base && read.dtype == fed.dtype;
        if (!same || read.offset != fed.offset || read.size() != fed.size()) continue;
        lent = kernels[i]->readsFeed(instructions[f].attrs[0], fed, readers.size() == 1) || lent;
        sharing.push_back(kernels[i].get());
      }
      if (lent) kernels[f]->lend();
      // each with its first operand alone
      const bool all =
          sharing.size() == readers.size() + 1 && std::adjacent_find(readers.begin(), readers.end()) == readers.end();
      const auto can = [&](const Kernel* kernel) { return kernel->canSlice(fed, kSlices); };
      if (all && std::all_of(sharing.begin(), sharing.end(), can)) {
        for (Kernel* kernel : sharing) kernel->slice(kSlices);
      }
    }
  }

  // Opcode to family.
  std::unique_ptr<Kernel> kernelOf(const Instruction& instruction, const Memory& memory) {
    switch (static_cast<Opcode>(instruction.opcode)) {
#define STEEPEST_INSTRUCTION(Name, ...) \
  case Opcode::k##Name:                 \
    return bind##Name(instruction, memory);
#include "../ops.inc"
    }
    throw PlanError("no kernel for opcode " + std::to_string(instruction.opcode));
  }
};

}  // namespace

std::unique_ptr<Backend> openCpu() { return std::make_unique<Cpu>(); }

DeviceDescription describeCpu() {
  uint64_t bytes = 0;
#if defined(_SC_PHYS_PAGES)
  bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
#endif
  return {"cpu", "CPU", bytes};
}

}  // namespace steepest
