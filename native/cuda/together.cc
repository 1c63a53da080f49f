#include "together.h"

#include <algorithm>
#include <iterator>

namespace steepest::cuda {
namespace {

// Of the arguments of a launch, and for a part at least: so it has 24 parts at most, among which each block looks for its own.
constexpr size_t kMostWords = 384, kLeastWords = 16;

bool overlap(const std::vector<Range>& some, const std::vector<Range>& others) {
  return std::any_of(some.begin(), some.end(), [&](const Range& a) {
    return std::any_of(others.begin(), others.end(),
                       [&](const Range& b) { return a.begin < b.end && b.begin < a.end; });
  });
}

Range rangeOf(const uint8_t* data, const int64_t* shape, const int64_t* strides, int rank, int64_t elementBytes) {
  int64_t first = 0, last = 0;
  for (int d = 0; d < rank; ++d) {
    if (shape[d] == 0) return {data, data};
    (strides[d] < 0 ? first : last) += strides[d] * (shape[d] - 1);
  }
  return {data + first * elementBytes, data + (last + 1) * elementBytes};
}

}  // namespace

void Touched::add(const Touched& more) {
  read.insert(read.end(), more.read.begin(), more.read.end());
  written.insert(written.end(), more.written.begin(), more.written.end());
}

bool depend(const Touched& one, const Touched& other) {
  return overlap(one.written, other.read) || overlap(one.written, other.written) || overlap(one.read, other.written);
}

Range rangeOf(const Operand& operand, const Domain& domain) {
  return rangeOf(operand.data, domain.shape, operand.strides, domain.rank,
                 static_cast<int64_t>(sizeOf(static_cast<DType>(operand.dtype))));
}

Range rangeOf(const View& view, const Memory& memory) {
  Range range =
      rangeOf(memory.bytesAt(view), view.shape, view.strides, view.rank, static_cast<int64_t>(sizeOf(view.dtype)));
  if (view.steps > 1) {
    const int64_t way = (view.steps - 1) * slideOf(view);
    (way < 0 ? range.begin : range.end) += way;
  }
  return range;
}

Touched touchedBy(const Instruction& instruction, const Memory& memory) {
  Touched touched;
  for (const View& view : instruction.inputs) touched.read.push_back(rangeOf(view, memory));
  for (const View& view : instruction.outputs) touched.written.push_back(rangeOf(view, memory));
  return touched;
}

size_t Together::behind(const Touched& touched) const {
  size_t i = groups_.size();
  while (i > 0 && !depend(groups_[i - 1].touched, touched)) --i;
  return i;
}

Together::Group& Together::groupFor(const Touched& touched, size_t words) {
  words = std::max(words, kLeastWords);
  size_t i = behind(touched);
  while (!inSequence() && i < groups_.size() && groups_[i].words + words > kMostWords) ++i;
  if (i == groups_.size()) groups_.emplace_back();
  Group& group = groups_[i];
  group.words += words;
  group.touched.add(touched);
  return group;
}

std::vector<Together::Group> Together::before(const Touched& touched) {
  const auto end = groups_.begin() + static_cast<std::ptrdiff_t>(behind(touched));
  std::vector<Group> taken(std::make_move_iterator(groups_.begin()), std::make_move_iterator(end));
  groups_.erase(groups_.begin(), end);
  return taken;
}

std::vector<Together::Group> Together::all() {
  std::vector<Group> taken(std::make_move_iterator(groups_.begin()), std::make_move_iterator(groups_.end()));
  groups_.clear();
  return taken;
}

}  // namespace steepest::cuda
