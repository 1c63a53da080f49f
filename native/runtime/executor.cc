#include "executor.h"

#include <cstring>
#include <utility>

namespace steepest {

Executor::Executor(Plan plan, uint8_t* state)
    : feeds_(std::move(plan.feeds)),
      fetches_(std::move(plan.fetches)),
      arena_(plan.arenaBytes),
      constants_(plan.constants.size() * sizeof(uint32_t)),
      instructions_(plan.count) {
  if (!plan.constants.empty()) std::memcpy(constants_.data(), plan.constants.data(), constants_.size());
  const Memory memory = {arena_.data(), state, constants_.data()};
  kernels_.emplace(plan.instructions, memory);
}

}  // namespace steepest
