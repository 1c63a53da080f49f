#include "sequence.h"

#include <algorithm>

#include "lanes.h"

namespace steepest::cuda::emit {
namespace {

class SequenceWriter {
 public:
  explicit SequenceWriter(const Sequence& sequence) : sequence_(sequence), out_(Text::now()) {}

  void write() {
    block_ = special("%ctaid.x");
    blocks_ = special("%nctaid.x");
    const bool grid = sequence_.meeting == Meeting::kGrid;
    const Value count = grid ? Fields(0).wide(0) : Value{};
    if (sequence_.inTable) table_ = Fields(0).wide(8);
    at_ = sequence_.inTable ? 0 : kSequencePartsAt;
    for (size_t g = 0; g < sequence_.groups.size(); ++g) {
      if (g > 0) meet(sequence_.meeting, count);
      write(sequence_.groups[g]);
    }
    if (sequence_.last) {
      const SequencePart& last = *sequence_.last;
      afterAll(sequence_.meeting, count, [&] { last.part({word(0), at_, table_}); });
      at_ += static_cast<int64_t>(8 * last.words);
    }
    out_.line("ret;");
  }
  unsigned sharedBytes() const { return sharedBytes_; }
  unsigned parameterBytes() const { return static_cast<unsigned>(sequence_.inTable ? kSequencePartsAt : at_); }

 private:
  void write(const std::vector<SequencePart>& group) {
    int64_t all = 0;
    for (const SequencePart& part : group) all += part.blocks;
    const Value number = out_.variable(Bank::kWord);
    const int again = out_.label(), over = out_.label();
    out_.assign(number, block_);
    out_.branchUnless(isBelow(number, all), over);
    out_.place(again);
    const int next = out_.label();
    bool shares = false;
    int64_t first = 0;
    for (const SequencePart& part : group) {
      const int other = out_.label();
      const bool last = first + part.blocks == all;
      if (!last) out_.branchUnless(isBelow(number, first + part.blocks), other);
      const Value own = first == 0 ? number : (U(number) - U(static_cast<uint32_t>(first))).v;
      const unsigned bytes = part.part({own, at_, table_});
      sharedBytes_ = std::max(sharedBytes_, bytes);
      shares = shares || bytes > 0;
      if (!last) out_.branch(next);
      out_.place(other);
      first += part.blocks;
      at_ += static_cast<int64_t>(8 * part.words);
    }
    out_.place(next);
    // What the next one puts into shared memory has to wait until this one has been read.
    if (shares) meet(Meeting::kBlock);
    out_.assign(number, (U(number) + U(blocks_)).v);
    out_.branchIf(isBelow(number, all), again);
    out_.place(over);
  }

  const Sequence& sequence_;
  Text& out_;
  Value block_, blocks_, table_{};
  int64_t at_ = 0;
  unsigned sharedBytes_ = 0;
};

}  // namespace

SequenceKernel emitSequence(const Sequence& sequence) {
  Text out;
  SequenceWriter writer(sequence);
  writer.write();
  return {{out.module({"sequence", writer.parameterBytes(), kThreads, 0, true, sequence.members, true}), "sequence"},
          writer.sharedBytes()};
}

}  // namespace steepest::cuda::emit
