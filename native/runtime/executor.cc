#include "executor.h"
#include "../plan/plan.h"

#include <cstring>
#include <utility>

namespace steepest {

Executor::Executor(Plan plan, uint8_t* state)
    : feeds_(std::move(plan.feeds)),
      fetches_(std::move(plan.fetches)),
      arena_(plan.arenaBytes),
      constants_(plan.constants.size() * sizeof(uint32_t)) {
  if (!plan.constants.empty()) std::memcpy(constants_.data(), plan.constants.data(), constants_.size());
  const Memory memory = {arena_.data(), state, constants_.data()};
  kernels_.reserve(plan.instructions.size());
  { std::string t = print(plan); size_t a = t.find("\n0 ") + 1; int want = 0;
    while (a < t.size() && want < (int)plan.instructions.size()) { size_t e = t.find('\n', a); std::string line = t.substr(a, e - a);
      if (line.rfind(std::to_string(want) + " ", 0) == 0) { names_.push_back(line.substr(0, 2200)); ++want; } a = e + 1; } }
  for (const Instruction& instruction : plan.instructions) kernels_.push_back(bind(instruction, memory));
}

}  // namespace steepest
