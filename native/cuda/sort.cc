#include "sort.h"

#include <algorithm>

namespace steepest::cuda {
namespace {

// Of a line, about the multiprocessors of a large device: each block reads the counts of all of them.
constexpr int64_t kMostParts = 128;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

const uint64_t* addSort(uint64_t* pairs, int64_t lines, int64_t size, int bits, Binder& binder) {
  SortArguments arguments{};
  arguments.from = arguments.to = pairs;
  arguments.lines = lines;
  arguments.size = size;
  if (lines == 0 || size < 2) return pairs;
  if (size <= kShortLine) {
    int threads = 32;
    while (threads < 512 && threads * 2 < size) threads *= 2;
    binder.blocks("sortShort", lines, arguments, threads);
    return pairs;
  }
  arguments.partSize = ceilDiv(ceilDiv(size, kMostParts), kSortTile) * kSortTile;
  arguments.parts = ceilDiv(size, arguments.partSize);
  const auto bytes = [](int64_t numbers, size_t each) { return static_cast<uint64_t>(numbers) * each; };
  arguments.counts =
      reinterpret_cast<uint32_t*>(binder.scratch(bytes(lines * arguments.parts * kDigits, sizeof(uint32_t))));
  arguments.to = reinterpret_cast<uint64_t*>(binder.scratch(bytes(lines * size, sizeof(uint64_t))));
  uint64_t* other = pairs;
  for (int bit = 0; bit < bits; bit += 8) {
    arguments.shift = static_cast<uint32_t>(32 + bit);
    binder.blocks("sortCounts", lines * arguments.parts, arguments, kSortThreads);
    binder.blocks("sortMove", lines * arguments.parts, arguments, kSortThreads);
    arguments.from = arguments.to;
    std::swap(other, arguments.to);
  }
  return arguments.from;
}

}  // namespace steepest::cuda
