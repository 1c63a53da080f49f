// A plan bound to memory: what one step runs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backend.h"
#include "sequence.h"
#include "subnormals.h"

namespace steepest {

// What a backend keeps for a plan.
class BackendPlan {
 public:
  virtual ~BackendPlan() = default;
};

// Not thread-safe: a plan has one arena, so the session runs one step at a time.
class Executor {
 public:
  // Binds every instruction. Throws OutOfMemory, and std::exception from a kernel that cannot be bound.
  // `state` outlives the executor and has plan.stateBytes or more. So does `stateVersion`, which whoever writes to the
  // state counts up: kernels keep what they made of operands that stay as they are.
  Executor(Plan plan, Backend& backend, uint8_t* state, uint64_t* stateVersion);

  // One step, for the backend.
  void run(RunContext& context) {
    if (seenVersion_ != *stateVersion_) {
      kernels_->enter();
      seenVersion_ = *stateVersion_;
    }
    {
      const FlushSubnormals mode(writesState_);
      kernels_->run(context);
    }
    if (writesState_) ++*stateVersion_;
  }

  const std::vector<View>& feeds() const { return feeds_; }
  const std::vector<View>& fetches() const { return fetches_; }
  // Bodies of loops included.
  uint32_t instructions() const { return instructions_; }
  uint64_t bytes() const { return arena_->size() + constants_->size(); }

 private:
  std::vector<View> feeds_;
  std::vector<View> fetches_;
  std::unique_ptr<Buffer> arena_;
  std::unique_ptr<Buffer> constants_;
  const uint32_t instructions_;
  uint64_t* const stateVersion_;
  uint64_t seenVersion_ = 0;
  const bool writesState_;
  std::optional<Sequence> kernels_;

 public:
  // By the backend, from its first run on. It goes before the kernels, as it may refer to what they hold.
  std::unique_ptr<BackendPlan> kept;
};

}  // namespace steepest
