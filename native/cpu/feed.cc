// The borders of a plan: rows of host memory in, rows out.
#include <algorithm>
#include <cstring>

#include "../runtime/host.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr uint64_t kChunkBytes = 64 << 10;  // under it, handing work to another thread costs more than the copy

// Which thread writes what matters to those who read it, see matmul_split.cc: a product of few long rows gives neighbouring
// columns to one thread, so these rows are cut into slices; others give it rows, and so do all in a plan that learns nothing.
constexpr uint64_t kSliceBytes = 1536;
constexpr uint64_t kMaxSlices = 4;
constexpr uint64_t kSlicedRatio = 8;  // elements to rows

// Work is cut by the size of the slot only: the chunks are the same for any number of threads.
struct Chunks {
  Chunks(const View& slot, uint64_t maxSlices)
      : rows(rowsOf(slot)),
        elements(elementsPerRow(slot)),
        slices(elements < kSlicedRatio * rows
                   ? 1
                   : std::clamp<uint64_t>(elements * sizeOf(slot.dtype) / kSliceBytes, 1, maxSlices)),
        rowsPerChunk(std::max<uint64_t>(1, kChunkBytes * slices / (elements * sizeOf(slot.dtype)))) {}

  // f(first row, rows, first element of each row, elements)
  template <typename F>
  void each(Threads& threads, F f) const {
    const uint64_t chunks = (rows + rowsPerChunk - 1) / rowsPerChunk;
    threads.each(static_cast<int64_t>(chunks * slices), [&](int64_t number) {
      const uint64_t chunk = static_cast<uint64_t>(number), first = chunk % chunks * rowsPerChunk;
      const uint64_t slice = chunk / chunks, begin = elements * slice / slices;
      f(first, std::min(rows - first, rowsPerChunk), begin, elements * (slice + 1) / slices - begin);
    });
  }

  // The same in other slices.
  Chunks with(uint64_t count) const {
    Chunks other = *this;
    other.slices = count;
    other.rowsPerChunk = std::max<uint64_t>(1, rowsPerChunk * count / slices);
    return other;
  }

  uint64_t rows;
  uint64_t elements;  // of a row
  uint64_t slices;
  uint64_t rowsPerChunk;
};

void convert(const float* from, float* to, uint64_t n) { std::memcpy(to, from, n * sizeof(float)); }
void convert(const int32_t* from, int32_t* to, uint64_t n) { std::memcpy(to, from, n * sizeof(int32_t)); }
void convert(const int8_t* from, int8_t* to, uint64_t n) { std::memcpy(to, from, n); }
void convert(const uint16_t* from, uint16_t* to, uint64_t n) { std::memcpy(to, from, n * sizeof(uint16_t)); }
void convert(const uint8_t* from, float* to, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) to[i] = from[i];
}
void convert(const uint8_t* from, int32_t* to, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) to[i] = from[i];
}
// To bool: kernels may rely on 0 and 1.
void convert(const uint8_t* from, uint8_t* to, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) to[i] = from[i] != 0;
}

constexpr uint64_t kAhead = 2;             // rows
constexpr uint64_t kFetchBytes = 4 << 10;  // of a row; the processor sees by itself how a long one goes on

void fetch(const void* row, uint64_t bytes) {
  const auto* at = static_cast<const uint8_t*>(row);
  for (uint64_t i = 0; i < std::min(bytes, kFetchBytes); i += 64) __builtin_prefetch(at + i);
}

// A slice of rows of `ld` elements: `count` elements from element `begin` on, which go to rows of `toLd` elements.
struct Slice {
  uint64_t rows, ld, begin, count, toLd;
};

// Rows of one host type into one dtype. `order` is null or names the host row of each row.
template <typename From, typename To>
void copyRows(const void* source, void* target, const uint32_t* order, uint64_t firstRow, const Slice& slice) {
  const auto [rows, ld, begin, count, toLd] = slice;
  const From* const from = static_cast<const From*>(source) + begin;
  To* to = static_cast<To*>(target);
  if (order == nullptr && count == ld) return convert(from + firstRow * ld, to, rows * ld);
  const auto row = [&](uint64_t i) { return from + (order ? order[firstRow + i] : firstRow + i) * ld; };
  // Rows in a random order come from memory one by one unless the next ones are asked for while one is copied.
  for (uint64_t i = 0; i < rows; ++i, to += toLd) {
    if (i + kAhead < rows) fetch(row(i + kAhead), count * sizeof(From));
    convert(row(i), to, count);
  }
}

using CopyRows = void (*)(const void*, void*, const uint32_t*, uint64_t, const Slice&);

// Which pairs exist is what converts() in host.h says; a run is checked against it before it starts.
CopyRows copyRowsFor(HostType from, DType to) {
  const bool bytes = from == HostType::kUint8;
  switch (to) {
    case DType::kFloat32:
      return bytes ? copyRows<uint8_t, float> : copyRows<float, float>;
    case DType::kInt32:
      return bytes ? copyRows<uint8_t, int32_t> : copyRows<int32_t, int32_t>;
    case DType::kInt8:
      return copyRows<int8_t, int8_t>;
    case DType::kBfloat16:
      return copyRows<uint16_t, uint16_t>;
    case DType::kBool:
      break;
  }
  return copyRows<uint8_t, uint8_t>;
}

class Feed final : public Kernel {
 public:
  Feed(const Instruction& in, const Memory& memory)
      : slot_(in.attrs[0]),
        dtype_(in.outputs[0].dtype),
        chunks_(in.outputs[0], in.steady != 0 ? 1 : kMaxSlices),
        rowBytes_(chunks_.elements * sizeOf(dtype_)),
        target_(memory.bytesAt(in.outputs[0])) {}

  void lend() override { lends_ = dtype_ == DType::kFloat32; }

  bool canSlice(const View&, int64_t slices) const override {
    const uint64_t count = static_cast<uint64_t>(slices);
    return chunks_.slices >= count && chunks_.elements % count == 0;
  }
  void slice(int64_t slices) override {
    chunks_ = chunks_.with(static_cast<uint64_t>(slices));
    sliced_ = true;
  }

  void run(RunContext& context) override {
    if (lends_ && context.rowsOf(slot_, rowBytes_) != nullptr) return;
    const FeedSource& source = context.feeds[slot_];
    const CopyRows copy = copyRowsFor(source.type, dtype_);
    chunks_.each(context.threads, [&](uint64_t first, uint64_t rows, uint64_t begin, uint64_t count) {
      const uint64_t ld = sliced_ ? count : chunks_.elements;
      const uint64_t at = sliced_ ? begin * chunks_.rows + first * ld : first * ld + begin;
      copy(source.data, target_ + at * sizeOf(dtype_), context.order, context.firstRow + first,
           {rows, chunks_.elements, begin, count, ld});
    });
  }

 private:
  const uint32_t slot_;
  const DType dtype_;
  Chunks chunks_;
  const uint64_t rowBytes_;
  uint8_t* const target_;
  bool lends_ = false;
  bool sliced_ = false;
};

class Fetch final : public Kernel {
 public:
  Fetch(const Instruction& in, const Memory& memory)
      : slot_(in.attrs[0]),
        chunks_(in.inputs[0], 1),
        rowBytes_(chunks_.elements * sizeOf(in.inputs[0].dtype)),
        source_(memory.bytesAt(in.inputs[0])) {}

  void run(RunContext& context) override {
    uint8_t* const target = static_cast<uint8_t*>(context.fetches[slot_].data) + context.firstRow * rowBytes_;
    chunks_.each(context.threads, [&](uint64_t first, uint64_t rows, uint64_t, uint64_t) {
      std::memcpy(target + first * rowBytes_, source_ + first * rowBytes_, rows * rowBytes_);
    });
  }

 private:
  const uint32_t slot_;
  const Chunks chunks_;
  const uint64_t rowBytes_;
  const uint8_t* const source_;
};

}  // namespace

std::unique_ptr<Kernel> bindFeed(const Instruction& in, const Memory& memory) {
  return std::make_unique<Feed>(in, memory);
}

std::unique_ptr<Kernel> bindFetch(const Instruction& in, const Memory& memory) {
  return std::make_unique<Fetch>(in, memory);
}

}  // namespace steepest
