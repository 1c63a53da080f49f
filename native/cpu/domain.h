// The index space that a program runs over, and how its operands walk through it. Strides are in elements.
#pragma once

#include <cstdint>
#include <vector>

namespace steepest {

struct Collapsed {
  std::vector<int64_t> shape;
  std::vector<std::vector<int64_t>> strides;  // of each operand
};

// Drops axes of size one and joins neighbours that every operand walks as one. With `keepLast` the last axis stays.
Collapsed collapse(const std::vector<int64_t>& shape, const std::vector<std::vector<int64_t>>& strides, bool keepLast);

bool isContiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);

// The number of elements after which a contiguous operand repeats over the domain, or 0 when it is no such operand.
int64_t periodOf(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);

std::vector<int64_t> rowMajor(const std::vector<int64_t>& shape);

}  // namespace steepest
