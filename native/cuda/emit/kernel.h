// What all emitted kernels are made of: their arguments, and addresses of strided operands.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../kernels/operand.h"
#include "program.h"

namespace steepest::cuda::emit {

// Layout of an operand, as far as it is part of the text; the address is not.
struct Layout {
  DType dtype;
  bool slides;
  int64_t strides[kAxes];  // elements
};

// Threads of a block of every emitted kernel, as several may become one.
constexpr int kThreads = 256;

// Text that is ready for the driver.
struct Kernel {
  std::string text;
  const char* name;  // of its entry
  int threads = kThreads;
};

// A member of the kernel's arguments, or of a table in memory.
class Fields {
 public:
  // The arguments, from byte `offset` on.
  explicit Fields(int64_t offset) : offset_(offset) {}
  // A table at an address; the arguments if that is nothing.
  Fields(const Value& address, int64_t offset) : address_(address), offset_(offset) {}
  Value word(int64_t at) const;
  Value wide(int64_t at) const;

 private:
  Value address_{};
  int64_t offset_;
};

Value special(const char* name);  // %tid.x and the like

// What a part of a kernel is given: which of its blocks this is, and where in the arguments, or in a table that has them, its own begin.
struct Frame {
  Value block;
  int64_t arguments;
  Value table{};

  Fields fields(int64_t from = 0) const { return Fields(table, arguments + from); }
};
// Writes a part's instructions, all of which end behind the last one. Returns the bytes of shared memory that it needs.
using Part = std::function<unsigned(const Frame&)>;

// A kernel with one part, and one whose parts have their own blocks: of part i, those from the word i of `firsts` on. Arguments:
// { u64 unused, u32 firsts[parts], rounded up to words of 64 bits, then the parts', `words` of 64 bits for each }.
Kernel emitAlone(const char* name, const Part& part, size_t words);
Kernel emitTogether(const std::vector<Part>& parts, const std::vector<size_t>& words);

// The addresses of operands: data[i], and with sliding ones data[i] + step * slide[i].
std::vector<Value> addressesOf(const std::vector<Layout>& layouts, const Fields& fields, int64_t data, int64_t slides,
                               const Value& loopStep);

// i / divisor for a word below 2^31, by multiplication.
Value divide(const Value& i, int64_t divisor);

// The index of an element along each axis: `i` counts elements of axes with these extents, the outermost of which does not matter.
// Axes that no layout walks along get no index.
std::vector<Value> indicesOf(const Value& i, const int64_t* shape, int rank);

// Offsets of elements by their strides: equal ones are worked out once.
class Offsets {
 public:
  Offsets() = default;
  // Adds axes with their indices.
  void add(const std::vector<Value>& indices, const std::vector<int64_t>& factors);
  // base + size * sum(index * stride), the strides in the order in which axes were added. A word if `address` is nothing.
  Value at(const int64_t* strides);
  Value addressOf(const Value& base, const int64_t* strides, int64_t elementBytes);

 private:
  std::vector<Value> indices_;
  std::vector<int64_t> factors_;  // elements that an index stands for
  std::map<std::vector<int64_t>, Value> known_;
};

// The first `inputs` operands are the inputs of a program. These are loaded once for all elements of a thread,
void loadOnce(Steps& steps, size_t inputs, const std::vector<Layout>& operands, const std::vector<Value>& addresses);

// and these for `width` neighbours along the last axis. The offsets have the axes from `firstAxis` on.
struct Neighbours {
  Offsets& offsets;
  int firstAxis, lastAxis, width;
  const std::vector<bool>& aligned;  // of each operand: one access for all neighbours
  size_t firstInput = 0;             // those before it are no operands
};
void loadEach(Steps& steps, size_t inputs, const std::vector<Layout>& operands, const std::vector<Value>& addresses,
              const Neighbours& neighbours);

}  // namespace steepest::cuda::emit
