// A of a product, where it is all of what a feed copies: its rows are those of a batch, or its columns are, in the gradient of weights.
// It need not be copied then, as the product copies it tile by tile. What threads share of the caller's rows they only read, whereas
// a copy that one core has read costs another one 7 to 30 ns for each line to write again.
#pragma once

#include "../runtime/host.h"
#include "../runtime/matmul_problem.h"

namespace steepest {

class FedRows {
 public:
  FedRows() = default;
  // `anyOrder`: the product copies A, so that its rows need not follow each other.
  FedRows(const MatmulProblem& p, uint32_t feed, const View& fed, bool anyOrder)
      : feed_(feed), rowBytes_(elementsPerRow(fed) * sizeof(float)), copied_(p.a.at) {
    const int64_t elements = static_cast<int64_t>(elementsPerRow(fed));
    const bool rows = p.aDepth == 1 && p.aRow == p.k, columns = p.aRow == 1 && p.aDepth == p.m;
    if (p.batches > 1 || p.transposed || p.a.narrow || !(rows || columns)) return;
    reading_ = anyOrder && (rows ? p.k : p.m) == elements ? FeedReading::kAnyOrder : FeedReading::kInOrder;
  }

  FeedReading reading() const { return reading_; }
  uint32_t feed() const { return feed_; }
  void lend(FeedReading reading) { lent_ = reading; }

  // A step begins.
  void begin(const RunContext& context, Numbers* a) {
    if (lent_ == FeedReading::kCopied) return;
    rows_ = context.rowsOf(feed_, rowBytes_, lent_);
    a->at = rows_.at != nullptr ? rows_.at : copied_;
  }
  bool lent() const { return rows_.at != nullptr; }
  const uint32_t* order() const { return rows_.order; }

 private:
  uint32_t feed_ = 0;
  uint64_t rowBytes_ = 0;
  const uint8_t* copied_ = nullptr;
  FeedReading reading_ = FeedReading::kCopied, lent_ = FeedReading::kCopied;
  RunContext::Rows rows_;
};

}  // namespace steepest
