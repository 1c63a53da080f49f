#include "backend.h"

#include <cmath>
#include <cstring>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "../plan/ops.h"
#include "../runtime/allocator.h"
#include "../runtime/executor.h"
#include "feed_readers.h"
#include "tile.h"

namespace steepest {
namespace {

class HostBuffer final : public Buffer {
 public:
  explicit HostBuffer(uint64_t bytes) : memory_(bytes) {
    data_ = memory_.data();
    size_ = memory_.size();
  }

 private:
  Allocation memory_;
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
    for (const Instruction& instruction : instructions) kernels.push_back(kernelOf(instruction, memory));
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

  // Kernels whose first operand a feed has copied, and feeds that need not do so.
  void tellReaders(const std::vector<Instruction>& instructions, const std::vector<std::unique_ptr<Kernel>>& kernels) {
    for (size_t f = 0; f < instructions.size(); ++f) {
      if (static_cast<Opcode>(instructions[f].opcode) != Opcode::kFeed) continue;
      const View& fed = instructions[f].outputs[0];
      const std::vector<size_t> readers = readersOf(instructions, f);
      bool lent = false;
      for (const size_t i : readers) {
        if (instructions[i].inputs.empty()) continue;
        const View& read = instructions[i].inputs[0];
        const bool same = read.space == fed.space && read.base == fed.base && read.dtype == fed.dtype;
        if (!same || read.offset != fed.offset || read.size() != fed.size()) continue;
        lent = kernels[i]->readsFeed(instructions[f].attrs[0], fed, readers.size() == 1) || lent;
      }
      if (lent) kernels[f]->lend();
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
