#include "domain.h"

#include <algorithm>
#include <cstddef>

namespace steepest {

Collapsed collapse(const std::vector<int64_t>& shape, const std::vector<std::vector<int64_t>>& strides, bool keepLast) {
  Collapsed c;
  c.strides.resize(strides.size());
  const size_t rank = shape.size();
  bool closed = false;  // the axis collected last takes no more
  for (size_t reversed = 0; reversed < rank; ++reversed) {
    const size_t axis = rank - 1 - reversed;
    const bool last = reversed == 0 && keepLast;
    if (shape[axis] == 1 && !last) continue;
    bool joins = !c.shape.empty() && !closed;
    for (size_t k = 0; joins && k < strides.size(); ++k) {
      joins = strides[k][axis] == c.strides[k].back() * c.shape.back();
    }
    if (joins) {
      c.shape.back() *= shape[axis];
    } else {
      c.shape.push_back(shape[axis]);
      for (size_t k = 0; k < strides.size(); ++k) c.strides[k].push_back(strides[k][axis]);
    }
    closed = last;
  }
  if (c.shape.empty()) {
    c.shape.push_back(1);
    for (auto& s : c.strides) s.push_back(1);
  }
  std::reverse(c.shape.begin(), c.shape.end());
  for (auto& s : c.strides) std::reverse(s.begin(), s.end());
  return c;
}

bool isContiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

int64_t periodOf(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t period = 1;
  size_t axis = shape.size();
  while (axis > 0 && strides[axis - 1] == period) period *= shape[--axis];
  while (axis > 0) {
    if (strides[--axis] != 0) return 0;
  }
  return period;
}

std::vector<int64_t> rowMajor(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  return strides;
}

}  // namespace steepest
