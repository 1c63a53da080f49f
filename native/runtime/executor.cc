#include "executor.h"

#include <algorithm>
#include <utility>

namespace steepest {

namespace {

bool writesState(const std::vector<Instruction>& instructions) {
  return std::any_of(instructions.begin(), instructions.end(), [](const Instruction& in) {
    return std::any_of(in.outputs.begin(), in.outputs.end(), [](const View& v) { return v.space == Space::kState; }) ||
           writesState(in.body);
  });
}

}  // namespace

Executor::Executor(Plan plan, Backend& backend, uint8_t* state, uint64_t* stateVersion)
    : feeds_(std::move(plan.feeds)),
      fetches_(std::move(plan.fetches)),
      arena_(backend.allocate(plan.arenaBytes)),
      constants_(backend.allocate(plan.constants.size() * sizeof(uint32_t))),
      instructions_(plan.count),
      stateVersion_(stateVersion),
      writesState_(writesState(plan.instructions)) {
  backend.write(constants_->data(), plan.constants.data(), constants_->size());
  const Memory memory = {arena_->data(), state, constants_->data()};
  kernels_.emplace(plan.instructions, memory, backend);
}

}  // namespace steepest
