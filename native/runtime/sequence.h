// Kernels that run one after the other: those of a plan, or of the body of a loop.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend.h"

namespace steepest {

class Sequence {
 public:
  // Throws OutOfMemory, and std::exception from a kernel that cannot be bound.
  Sequence(const std::vector<Instruction>& instructions, const Memory& memory, Backend& backend);

  void enter() {
    for (const auto& kernel : kernels_) kernel->enter();
  }

  void run(RunContext& context) {
    if (context.profile != nullptr) return runTimed(context);
    for (const auto& kernel : kernels_) kernel->run(context);
  }

  const std::vector<std::unique_ptr<Kernel>>& kernels() const { return kernels_; }

 private:
  void runTimed(RunContext& context);

  Backend& backend_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<uint32_t> numbers_;  // of their instructions in the plan
};

}  // namespace steepest
