// Small kernels wait until somebody needs what they make, and those that do not depend on each other become one launch. For a
// small network, launches are what a step costs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../runtime/kernel.h"
#include "emit/block.h"
#include "emit/map.h"
#include "kernels/operand.h"
#include "kernels/step.h"
#include "stream.h"

namespace steepest::cuda {

// Memory from the first byte that is touched to behind the last one.
struct Range {
  const uint8_t *begin, *end;
};

struct Touched {
  std::vector<Range> read, written;

  void add(const Touched& more);
};

// Whether what touches these has to run in the order in which it comes.
bool depend(const Touched& one, const Touched& other);

Range rangeOf(const Operand& operand, const Domain& domain);  // for one that does not slide
Range rangeOf(const View& view, const Memory& memory);        // in all steps of a loop
Touched touchedBy(const Instruction& instruction, const Memory& memory);

// Segments of a map that have a kernel in common: the words of each, as emit/map.h has them, without its first block.
struct MapSegments {
  steepest::Program program;
  emit::MapLayout layout;
  std::vector<std::vector<uint64_t>> segments;
};

// A part that has its own blocks.
struct WaitingPart {
  emit::Part part;
  std::vector<uint64_t> arguments;
  int64_t blocks;
};

// How the blocks of a launch of several groups meet, and how many blocks there are.
struct SequenceWay {
  emit::Meeting meeting = emit::Meeting::kBlock;
  int64_t blocks = 1;
};

// What waits is in groups, each a launch. A group depends on the ones before it only. In a sequence (sequence.h) any number of groups
// is one launch, and more instructions wait.
class Together {
 public:
  // The ways that launches from now on are to take, best first. None: a launch for each group. Nothing may be waiting that has been
  // added in a sequence when that ends.
  void setWays(std::vector<SequenceWay> ways) { ways_ = std::move(ways); }
  const std::vector<SequenceWay>& ways() const { return ways_; }
  bool inSequence() const { return !ways_.empty(); }

  // The most arguments of one that may wait.
  static constexpr size_t kWordsOfOne = 192;

  struct Group {
    Touched touched;
    std::map<std::string, MapSegments> maps;  // by program and layout
    std::vector<WaitingPart> parts;
    std::vector<FeedArguments> feeds;
    std::vector<std::shared_ptr<Buffer>> kept;
    size_t words = 0;
    const char* operation = "";  // of the first that waits
    uint32_t instruction = 0;
  };

  // The first group that can take a part which touches this and has so many words of arguments; it counts them.
  Group& groupFor(const Touched& touched, size_t words);
  // Takes out the groups that have to run before what touches this.
  std::vector<Group> before(const Touched& touched);
  std::vector<Group> all();
  // Of the launch that all that waits becomes in a sequence: what one thread does when the rest is done.
  void setLast(WaitingPart last) { last_ = std::move(last); }
  std::optional<WaitingPart> takeLast() { return std::exchange(last_, std::nullopt); }
  bool any() const { return !groups_.empty(); }

 private:
  // Behind the last group that has to run before.
  size_t behind(const Touched& touched) const;
  std::deque<Group> groups_;
  std::vector<SequenceWay> ways_;
  std::optional<WaitingPart> last_;
};

}  // namespace steepest::cuda
