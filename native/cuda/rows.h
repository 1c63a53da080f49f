// Launching kernels over rows, see kernels/held.h.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "bind.h"
#include "kernels/row.h"

namespace steepest::cuda {

enum class RowWay : uint8_t { kWarp, kBlock, kStream };

inline RowWay rowWay(int64_t columns) {
  return columns <= kHeldColumns                    ? RowWay::kWarp
         : columns <= kRowBlockWarps * kHeldColumns ? RowWay::kBlock
                                                    : RowWay::kStream;
}

// Rows of so many columns, all of which begin at multiples of 16 bytes.
inline bool inQuads(int64_t columns, std::initializer_list<const void*> rows) {
  return columns % 4 == 0 &&
         std::all_of(rows.begin(), rows.end(), [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; });
}

// Threads count the columns of a row in 32 bits, and go a block's columns beyond its end.
constexpr int64_t kMostColumns = INT32_MAX - 32 * kRowStreamWarps * 4;

// One of the kernels of STEEPEST_ROW_KERNELS(name), in at most so many blocks. How many there were.
template <typename Arguments>
int64_t addRows(const std::string& name, const Arguments& arguments, Binder& binder, int64_t mostBlocks = INT32_MAX) {
  if (arguments.columns > kMostColumns) {
    throw std::length_error("the kernel " + name + " would have rows of " + std::to_string(arguments.columns) +
                            " numbers, more than " + std::to_string(kMostColumns));
  }
  const RowWay way = rowWay(arguments.columns);
  if (way == RowWay::kStream) mostBlocks = std::min<int64_t>(mostBlocks, 2 * binder.multiprocessors());
  const int64_t wanted = way == RowWay::kWarp ? (arguments.rows + kRowWarps - 1) / kRowWarps : arguments.rows;
  const int64_t blocks = std::min(wanted, mostBlocks);
  static constexpr const char* suffixes[] = {"Warp", "Block", "Stream"};
  static constexpr int warps[] = {kRowWarps, kRowBlockWarps, kRowStreamWarps};
  const auto i = static_cast<size_t>(way);
  binder.blocks((name + suffixes[i]).c_str(), blocks, arguments, 32 * warps[i]);
  return blocks;
}

}  // namespace steepest::cuda
