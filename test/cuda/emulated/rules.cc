#include "rules.h"

#include <array>
#include <map>
#include <set>

#include "launch.h"

namespace steepest::emulated::rules {
namespace {

constexpr unsigned kGroupThreads = 128;

struct Place {
  uint32_t bytes;
  const uint64_t* barrier;
  std::set<unsigned> readers;  // without a fence
};
struct Issued {
  Issue product;
  unsigned threads;
};

std::map<const uint64_t*, unsigned> newBarriers;  // and who has made them
std::map<const unsigned char*, Place> places;
std::map<unsigned, std::array<unsigned, 32>> fences;       // of the lanes of a warp, but for those that boxes have had
std::map<unsigned, unsigned> counts;                       // of a thread's products
std::map<std::pair<unsigned, unsigned>, Issued> products;  // by warp group and number

}  // namespace

void newBarrier(const uint64_t* barrier) { newBarriers[barrier] = threadNumber(); }

void fencedBarriers() {
  std::erase_if(newBarriers, [](const auto& made) { return made.second == threadNumber(); });
}

void copyTo(const uint64_t* barrier) {
  if (newBarriers.count(barrier) != 0) fail("a copy to a new mbarrier without a fence");
}

void arrived(const void* to, uint32_t bytes, const uint64_t* barrier) {
  places[static_cast<const unsigned char*>(to)] = {bytes, barrier, {}};
}

void waitedFor(const uint64_t* barrier) {
  for (auto& [at, place] : places) {
    if (place.barrier == barrier) place.readers.insert(threadNumber());
  }
}

void fencedCopies() {
  for (auto& [at, place] : places) place.readers.erase(threadNumber());
  ++fences[threadNumber() / 32][threadNumber() % 32];
}

void replaces(const void* to, uint32_t bytes) {
  const auto* const first = static_cast<const unsigned char*>(to);
  for (auto at = places.begin(); at != places.end();) {
    const bool meets = at->first < first + bytes && first < at->first + at->second.bytes;
    if (meets && !at->second.readers.empty()) fail("a copy over what a thread has read without a fence after that");
    at = meets ? places.erase(at) : std::next(at);
  }
}

void storedBy(unsigned thread) {
  for (unsigned& of : fences[thread / 32]) {
    if (of == 0) fail("a copy to memory of what a thread has written without a fence after that");
    --of;
  }
}

void checkDescriptor(uint64_t descriptor) {
  if (descriptor >> 62 != 1) fail("a matrix descriptor without the swizzle of 128 bytes");
  // In units of 16 bytes; others would need the offset of the pattern that the descriptor leaves at 0.
  if ((descriptor & 0x3f) >= 8) fail("a matrix descriptor of what does not begin in the first run of a pattern");
}

void issued(const Issue& product) {
  const unsigned group = threadNumber() / kGroupThreads, number = counts[threadNumber()]++;
  const auto [found, isNew] = products.try_emplace({group, number}, Issued{product, 0});
  if (!(found->second.product == product)) fail("threads of a warp group that ask for different products");
  if (++found->second.threads == kGroupThreads) products.erase(found);
}

const char* unfinished() {
  const char* const wrong = products.empty() ? nullptr : "products that not all threads of a warp group ask for";
  newBarriers.clear();
  places.clear();
  fences.clear();
  counts.clear();
  products.clear();
  return wrong;
}

}  // namespace steepest::emulated::rules
