// Small kernels wait until somebody needs what they make, and those that do not depend on each other become one launch. For a
// small network, launches are what a step costs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../runtime/kernel.h"
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

struct WaitingReduce {
  emit::Part part;
  std::vector<uint64_t> arguments;
  int64_t blocks;
};

// What waits is in groups, each a launch. A group depends on the ones before it only.
class Together {
 public:
  // The most arguments of one that may wait.
  static constexpr size_t kWordsOfOne = 192;

  struct Group {
    Touched touched;
    std::map<std::string, MapSegments> maps;  // by program and layout
    std::vector<WaitingReduce> reductions;
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

 private:
  // Behind the last group that has to run before.
  size_t behind(const Touched& touched) const;
  std::deque<Group> groups_;
};

}  // namespace steepest::cuda
