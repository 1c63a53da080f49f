#include "scratch.h"

#include <algorithm>
#include <limits>

namespace steepest {
namespace {

constexpr int64_t kLineFloats = 16;
constexpr int64_t kFewFloats = int64_t{1} << 19;  // that caches of cores hold beside what a plan works on

std::atomic<bool> spoils{false};

int64_t wholeLines(int64_t floats) {
  return (std::max<int64_t>(1, floats) + kLineFloats - 1) / kLineFloats * kLineFloats;
}

}  // namespace

Workspace::Place Workspace::Part::take(int64_t floats) {
  const Place at = used;
  used.together += wholeLines(floats);
  used.apart += wholeLines(floats);
  most = std::max(most, used.together);
  return at;
}

Workspace::Place Workspace::takeEach(int64_t count, int64_t floats) {
  threads_ = std::max(threads_, count);
  return own_.take(floats);
}

void Workspace::allocate() {
  apart_ = shared_.used.apart + threads_ * own_.used.apart <= kFewFloats;
  const int64_t floats = floatsOf(shared_) + threads_ * floatsOf(own_);
  memory_ = Allocation(static_cast<uint64_t>(floats) * sizeof(float));
  data_ = reinterpret_cast<float*>(memory_.data());
}

void Workspace::spoil() { std::fill_n(data_, memory_.size() / sizeof(float), std::numeric_limits<float>::quiet_NaN()); }

void spoilWorkspaces(bool on) { spoils.store(on, std::memory_order_relaxed); }
bool spoilsWorkspaces() { return spoils.load(std::memory_order_relaxed); }

void Slots::allocate(const Memory& memory, int64_t count, int64_t floats) {
  workspace_ = memory.workspace;
  each_ = wholeLines(floats);
  if (workspace_) {
    place_ = workspace_->takeEach(count, each_);
  } else {
    own_ = Floats(count * each_);
  }
  busy_ = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(count));
  count_ = count;
}

}  // namespace steepest
