// A plan bound to memory: what one step runs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "allocator.h"
#include "kernel.h"

namespace steepest {

// Not thread-safe: a plan has one arena, so the session runs one step at a time.
class Executor {
 public:
  // Binds every instruction. Throws OutOfMemory, and std::exception from a kernel that cannot be bound.
  // `state` outlives the executor and has plan.stateBytes or more.
  Executor(Plan plan, uint8_t* state);

  void run(RunContext& context) {
    for (const auto& kernel : kernels_) kernel->run(context);
  }

  const std::vector<View>& feeds() const { return feeds_; }
  const std::vector<View>& fetches() const { return fetches_; }
  uint64_t bytes() const { return arena_.size() + constants_.size(); }

 private:
  std::vector<View> feeds_;
  std::vector<View> fetches_;
  Allocation arena_;
  Allocation constants_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

}  // namespace steepest
