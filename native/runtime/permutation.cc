#include "permutation.h"

#include <utility>

#include "philox.h"

namespace steepest {
namespace {

class Words {
 public:
  Words(uint32_t seed, uint64_t epoch)
      : key_{seed, static_cast<uint32_t>(epoch)}, counter_{0, 0, static_cast<uint32_t>(epoch >> 32), 1} {}

  uint32_t next() {
    if (used_ == 4) {
      block_ = philox(counter_, key_);
      if (++counter_[0] == 0) ++counter_[1];
      used_ = 0;
    }
    return block_[used_++];
  }

  // Uniform in 0 .. bound-1.
  uint32_t below(uint32_t bound) {
    uint64_t product = uint64_t{next()} * bound;
    if (static_cast<uint32_t>(product) < bound) {
      const uint32_t biased = -bound % bound;  // 2^32 mod bound
      while (static_cast<uint32_t>(product) < biased) product = uint64_t{next()} * bound;
    }
    return static_cast<uint32_t>(product >> 32);
  }

 private:
  PhiloxKey key_;
  PhiloxCounter counter_;
  PhiloxCounter block_{};
  size_t used_ = 4;
};

}  // namespace

void shuffle(uint32_t* order, uint32_t first, uint32_t count, uint32_t seed, uint64_t epoch) {
  for (uint32_t i = 0; i < count; ++i) order[i] = first + i;
  Words words(seed, epoch);
  for (uint32_t i = count; i > 1; --i) std::swap(order[i - 1], order[words.below(i)]);
}

}  // namespace steepest
