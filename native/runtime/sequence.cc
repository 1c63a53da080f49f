#include "sequence.h"

#include "profile.h"

namespace steepest {

Sequence::Sequence(const std::vector<Instruction>& instructions, const Memory& memory, Backend& backend)
    : backend_(backend), kernels_(backend.bind(instructions, memory)) {
  numbers_.reserve(instructions.size());
  for (const Instruction& instruction : instructions) numbers_.push_back(instruction.number);
}

// The clock is read once between two kernels: the end of one is the beginning of the next.
void Sequence::runTimed(RunContext& context) {
  Profile& profile = *context.profile;
  uint64_t begin = profile.now();
  for (size_t i = 0; i < kernels_.size(); ++i) {
    profile.enter(numbers_[i]);
    kernels_[i]->run(context);
    backend_.settle();
    const uint64_t end = profile.now();
    profile.add(numbers_[i], begin, end);
    begin = end;
  }
}

}  // namespace steepest
