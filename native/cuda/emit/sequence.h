// sequence: groups of parts, one after the other, in one kernel whose blocks stay and meet between groups. A block takes those of the
// parts in turns, so how many stay changes no result.
#pragma once

#include <optional>

#include "block.h"
#include "kernel.h"

namespace steepest::cuda::emit {

struct SequencePart {
  Part part;
  int64_t blocks;
  size_t words;  // of its arguments
};

struct Sequence {
  std::vector<std::vector<SequencePart>> groups;
  std::optional<SequencePart> last;  // for one thread, when all groups are done
  Meeting meeting = Meeting::kBlock;
  int members = 1;       // blocks of the cluster, where it is one that meets
  bool inTable = false;  // arguments of parts are in memory
};

struct SequenceKernel {
  Kernel kernel;
  unsigned sharedBytes;  // that every launch of it needs
};

// Arguments: { u64 where a grid counts arrivals, u64 table }, then the parts', one after the other, or those in the table.
constexpr int64_t kSequencePartsAt = 16;
SequenceKernel emitSequence(const Sequence& sequence);

}  // namespace steepest::cuda::emit
