#include "copy.h"

#include <algorithm>
#include <cstring>

#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kTileElements = 16384;   // of an ordinary tile
constexpr int64_t kTransposeEdge = 64;     // of a transposed one: both sides stay in L1
constexpr int64_t kChunkElements = 65536;  // about 20 us of copying

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// out[r * outStride + c] = in[c * inStride + r]
template <typename T>
void transpose(const T* in, int64_t inStride, T* out, int64_t outStride, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) out[r * outStride + c] = in[c * inStride + r];
  }
}

using Quad = uint32_t __attribute__((vector_size(16)));

void transpose4x4(const uint32_t* in, int64_t inStride, uint32_t* out, int64_t outStride) {
  Quad a, b, c, d;
  std::memcpy(&a, in, 16);
  std::memcpy(&b, in + inStride, 16);
  std::memcpy(&c, in + 2 * inStride, 16);
  std::memcpy(&d, in + 3 * inStride, 16);
  const Quad abLow = __builtin_shufflevector(a, b, 0, 4, 1, 5), abHigh = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Quad cdLow = __builtin_shufflevector(c, d, 0, 4, 1, 5), cdHigh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(abLow, cdLow, 0, 1, 4, 5);
  b = __builtin_shufflevector(abLow, cdLow, 2, 3, 6, 7);
  c = __builtin_shufflevector(abHigh, cdHigh, 0, 1, 4, 5);
  d = __builtin_shufflevector(abHigh, cdHigh, 2, 3, 6, 7);
  std::memcpy(out, &a, 16);
  std::memcpy(out + outStride, &b, 16);
  std::memcpy(out + 2 * outStride, &c, 16);
  std::memcpy(out + 3 * outStride, &d, 16);
}

void transpose(const uint32_t* in, int64_t inStride, uint32_t* out, int64_t outStride, int64_t rows, int64_t columns) {
  constexpr int64_t kBlock = 16;  // one cache line of the output is filled in one go
  const int64_t fullRows = rows & ~int64_t{3}, fullColumns = columns & ~int64_t{3};
  for (int64_t r0 = 0; r0 < fullRows; r0 += kBlock) {
    for (int64_t c0 = 0; c0 < fullColumns; c0 += kBlock) {
      for (int64_t r = r0; r < std::min(r0 + kBlock, fullRows); r += 4) {
        for (int64_t c = c0; c < std::min(c0 + kBlock, fullColumns); c += 4) {
          transpose4x4(in + c * inStride + r, inStride, out + r * outStride + c, outStride);
        }
      }
    }
  }
  transpose<uint32_t>(in + fullColumns * inStride, inStride, out + fullColumns, outStride, fullRows,
                      columns - fullColumns);
  transpose<uint32_t>(in + fullRows, inStride, out + fullRows * outStride, outStride, rows - fullRows, columns);
}

class CopyKernel : public Kernel {
 public:
  CopyKernel(const View& in, const View& out, const Memory& memory)
      : plan_(out.dtype, out.rank, out.shape, in.strides, out.strides), inSlide_(slideOf(in)), outSlide_(slideOf(out)) {
    in_ = memory.bytesAt(in);
    out_ = memory.bytesAt(out);
  }
  void run(RunContext& context) override { plan_.run(context.threads, in_, out_); }
  void move(int64_t steps) override {
    in_ = moved(in_, steps * inSlide_);
    out_ = moved(out_, steps * outSlide_);
  }

 private:
  CopyPlan plan_;
  const void* in_;
  void* out_;
  int64_t inSlide_, outSlide_;
};

}  // namespace

CopyPlan::CopyPlan(DType dtype, int rank, const int64_t* shape, const int64_t* inStrides, const int64_t* outStrides)
    : elementBytes_(static_cast<int>(sizeOf(dtype))) {
  // Order the axes by the output's strides, so that it is written front to back, then join those that follow each other.
  std::vector<Axis> axes;
  for (int d = 0; d < rank; ++d) {
    Axis axis{shape[d], inStrides[d], outStrides[d]};
    if (axis.n == 1) continue;
    if (axis.n == 0) {
      units_ = 0;
      return;
    }
    if (axis.out < 0) {
      inShift_ += axis.in * (axis.n - 1);
      outShift_ += axis.out * (axis.n - 1);
      axis.in = -axis.in;
      axis.out = -axis.out;
    }
    axes.push_back(axis);
  }
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.out > b.out; });
  for (size_t i = axes.size(); i-- > 1;) {
    Axis& outer = axes[i - 1];
    const Axis& inner = axes[i];
    if (outer.in == inner.in * inner.n && outer.out == inner.out * inner.n) {
      outer = {outer.n * inner.n, inner.in, inner.out};
      axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  // The two innermost loops: columns run along the output; rows along the input where that is another axis.
  if (!axes.empty()) {
    column_ = axes.back();
    axes.pop_back();
  }
  bool transposed = false;
  if (!axes.empty()) {
    auto row = axes.end() - 1;
    if (column_.in != 0 && column_.in != 1) {
      const auto unit = std::find_if(axes.begin(), axes.end(), [](const Axis& a) { return a.in == 1; });
      transposed = unit != axes.end();
      if (transposed) row = unit;
    }
    row_ = *row;
    axes.erase(row);
  }
  tileColumns_ = std::min(column_.n, transposed ? kTransposeEdge : kTileElements);
  tileRows_ = std::min(row_.n, transposed ? kTransposeEdge : std::max<int64_t>(1, kTileElements / tileColumns_));

  loops_ = std::move(axes);
  loops_.push_back({ceilDiv(row_.n, tileRows_), row_.in * tileRows_, row_.out * tileRows_});
  loops_.push_back({ceilDiv(column_.n, tileColumns_), column_.in * tileColumns_, column_.out * tileColumns_});
  for (const Axis& loop : loops_) units_ *= loop.n;
  unitsPerChunk_ = std::max<int64_t>(1, kChunkElements / (tileRows_ * tileColumns_));
}

template <typename T>
void CopyPlan::copyTile(const T* in, T* out, int64_t rows, int64_t columns) const {
  if (column_.out == 1 && row_.in == 1 && column_.in != 1) {
    return transpose(in, column_.in, out, row_.out, rows, columns);
  }
  for (int64_t r = 0; r < rows; ++r, in += row_.in, out += row_.out) {
    if (column_.out == 1 && column_.in == 1) {
      std::memcpy(out, in, static_cast<size_t>(columns) * sizeof(T));
    } else if (column_.out == 1 && column_.in == 0) {
      std::fill_n(out, columns, *in);
    } else {
      for (int64_t c = 0; c < columns; ++c) out[c * column_.out] = in[c * column_.in];
    }
  }
}

template <typename T>
void CopyPlan::runUnits(const T* in, T* out, int64_t first, int64_t last) const {
  int64_t index[kMaxRank + 2];
  const int depth = static_cast<int>(loops_.size());
  int64_t rest = first;
  for (int d = depth; d-- > 0;) {
    index[d] = rest % loops_[d].n;
    rest /= loops_[d].n;
    in += index[d] * loops_[d].in;
    out += index[d] * loops_[d].out;
  }
  for (int64_t unit = first; unit < last; ++unit) {
    copyTile(in, out, std::min(tileRows_, row_.n - index[depth - 2] * tileRows_),
             std::min(tileColumns_, column_.n - index[depth - 1] * tileColumns_));
    for (int d = depth; d-- > 0;) {
      in += loops_[d].in;
      out += loops_[d].out;
      if (++index[d] < loops_[d].n) break;
      in -= loops_[d].in * loops_[d].n;
      out -= loops_[d].out * loops_[d].n;
      index[d] = 0;
    }
  }
}

void CopyPlan::runTyped(const void* in, void* out, int64_t first, int64_t last) const {
  const auto run = [=, this](auto* from, auto* to) { runUnits(from + inShift_, to + outShift_, first, last); };
  switch (elementBytes_) {
    case 1:
      return run(static_cast<const uint8_t*>(in), static_cast<uint8_t*>(out));
    case 2:
      return run(static_cast<const uint16_t*>(in), static_cast<uint16_t*>(out));
    default:
      return run(static_cast<const uint32_t*>(in), static_cast<uint32_t*>(out));
  }
}

void CopyPlan::run(Threads& threads, const void* in, void* out) const {
  const int64_t chunks = ceilDiv(units_, unitsPerChunk_);
  if (chunks <= 1) return runInline(in, out);
  threads.each(chunks, [this, in, out](int64_t chunk) {
    runTyped(in, out, chunk * unitsPerChunk_, std::min(units_, (chunk + 1) * unitsPerChunk_));
  });
}

void CopyPlan::runInline(const void* in, void* out) const {
  if (units_ > 0) runTyped(in, out, 0, units_);
}

ContiguousInput::ContiguousInput(const View& view, const Memory& memory) : source_(memory.bytesAt(view)) {
  if (view.contiguous()) return;
  int64_t strides[kMaxRank];
  int64_t size = 1;
  for (int d = view.rank; d-- > 0;) {
    strides[d] = size;
    size *= view.shape[d];
  }
  plan_ = std::make_unique<CopyPlan>(view.dtype, view.rank, view.shape, view.strides, strides);
  staged_ = Floats(memory, floatsFor(size * static_cast<int64_t>(sizeOf(view.dtype))));
}

std::unique_ptr<Kernel> bindCopy(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<CopyKernel>(instruction.inputs[0], instruction.outputs[0], memory);
}

}  // namespace steepest
