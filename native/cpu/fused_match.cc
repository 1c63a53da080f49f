#include "fused_match.h"

#include <algorithm>
#include <atomic>

namespace steepest {
namespace {

// Gives the same bits either way. (Not min and max: of two zeros they give the second.)
bool commutes(ScalarOp op) { return op == ScalarOp::kAdd || op == ScalarOp::kMul; }

// One run tried on the steps first .. first+run.steps-1 of a program.
class Matcher {
 public:
  Matcher(const FusedRun& run, const std::vector<TileStep>& steps, size_t first, const std::vector<TileValue>& values,
          bool single)
      : run_(run), steps_(steps.data() + first), end_(first + run.steps), values_(values), single_(single) {
    std::fill_n(match_.operands, FusedRun::kMaxOperands, -1);
  }

  bool find() { return sameOperations() && matchFrom(0); }
  const FusedMatch& match() const { return match_; }

 private:
  // Most programs fail here, at once.
  bool sameOperations() const {
    uint64_t wanted = 0, found = 0;
    for (int s = 0; s < run_.steps; ++s) {
      if (steps_[s].lanes != Lane::kFloat) return false;
      wanted += mixed(run_.step[s].op);
      found += mixed(steps_[s].op);
    }
    return wanted == found;
  }
  static uint64_t mixed(ScalarOp op) { return (static_cast<uint64_t>(op) + 1) * 0x9e3779b97f4a7c15u >> 8; }

  // Finds steps for the run's steps from `s` on, and goes back where that fails.
  bool matchFrom(int s) {
    if (s == run_.steps) return true;
    for (int i = 0; i < run_.steps; ++i) {
      if ((taken_ >> i & 1) != 0 || steps_[i].op != run_.step[s].op || isStored(i) != run_.stored[s]) continue;
      taken_ |= 1u << i;
      match_.steps[s] = i;
      if (matchArguments(s, steps_[i], false)) return true;
      if (commutes(steps_[i].op) && matchArguments(s, steps_[i], true)) return true;
      taken_ &= ~(1u << i);
    }
    return false;
  }

  bool matchArguments(int s, const TileStep& step, bool swapped) {
    int saved[FusedRun::kMaxOperands];
    std::copy_n(match_.operands, FusedRun::kMaxOperands, saved);
    bool fits = true;
    for (int k = 0; fits && k < step.arity; ++k)
      fits = matchArgument(run_.step[s].args[k], step.args[swapped ? 1 - k : k]);
    if (fits && matchFrom(s + 1)) return true;
    std::copy_n(saved, FusedRun::kMaxOperands, match_.operands);
    return false;
  }

  bool matchArgument(int arg, int value) {
    if (arg >= run_.operands) return value == steps_[match_.steps[arg - run_.operands]].value;
    if (match_.operands[arg] >= 0) return value == match_.operands[arg];
    for (int i = 0; i < run_.steps; ++i) {
      if (steps_[i].value == value) return false;
    }
    if (!single_ && values_[value].uniform != run_.uniform[arg]) return false;
    match_.operands[arg] = value;
    return true;
  }

  // Exactly the values that later steps or the outputs read are stored.
  bool isStored(int i) const { return values_[steps_[i].value].lastUse >= end_; }

  const FusedRun& run_;
  const TileStep* steps_;
  size_t end_;
  const std::vector<TileValue>& values_;
  bool single_;
  uint32_t taken_ = 0;  // steps of the program that are matched
  FusedMatch match_;
};

std::atomic<int64_t> found[kFusedRunCount];  // sessions bind on threads of their own

}  // namespace

FusedMatch findFusedRun(const std::vector<TileStep>& steps, size_t first, const std::vector<TileValue>& values,
                        bool single) {
  FusedMatch best;
  for (int run = 0; run < kFusedRunCount; ++run) {
    const FusedRun& candidate = kFusedRuns[run];
    if (first + candidate.steps > steps.size()) continue;
    if (best.run >= 0 && candidate.steps <= kFusedRuns[best.run].steps) continue;
    Matcher matcher(candidate, steps, first, values, single);
    if (!matcher.find()) continue;
    best = matcher.match();
    best.run = run;
  }
  if (best.run >= 0) found[best.run].fetch_add(1, std::memory_order_relaxed);
  return best;
}

int64_t timesFound(int run) { return found[run].load(std::memory_order_relaxed); }
const char* fusedRunName(int run) { return kFusedRunNames[run]; }

}  // namespace steepest
