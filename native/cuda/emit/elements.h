// What emitted kernels do with an element of a map, or with neighbours: operands are loaded, the program's steps are written,
// results are stored.
#pragma once

#include <functional>
#include <vector>

#include "map.h"

namespace steepest::cuda::emit {

class Elements {
 public:
  // Writes what is the same for all elements of a thread. The first `given` inputs are no operands: whoever writes an element has them.
  Elements(const steepest::Program& program, const MapLayout& layout, const std::vector<Value>& addresses,
           size_t given = 0);

  // The lanes of input `number`.
  using Given = std::function<void(size_t number, Value* lanes)>;
  // `offsets` has all axes; `position` as Steps::writeEach wants it, if the program looks at it.
  void write(Offsets& offsets, const Value& position, const Given& input = {});

  bool positional() const { return steps_.positional(); }

 private:
  const MapLayout& layout_;
  const std::vector<Value> addresses_;
  const size_t inputs_, given_;
  Steps steps_;
};

}  // namespace steepest::cuda::emit
