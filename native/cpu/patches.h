// What each position of a grid sees of an image: the implicit matrix [positions, taps x channels] of convolution and
// pooling, which is only ever made a panel at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace steepest {

// One spatial axis. Position j stands at first + j * step of the destination, and its tap t sees element
// j * stride + offsets[t] of the source, or nothing (zero) where that lies outside.
struct PatchAxis {
  int64_t extent;  // of the source
  int64_t count;   // positions
  int64_t stride;
  int64_t first = 0, step = 1;
  std::vector<int64_t> offsets = {};  // ascending
  std::vector<int64_t> taps = {};     // where each is in the kernel

  int64_t size() const { return static_cast<int64_t>(offsets.size()); }
  // Elements from the first that a position sees to the last, also outside.
  int64_t span() const { return (count - 1) * stride + offsets.back() - offsets.front() + 1; }
  // Neighbouring taps see neighbouring elements.
  bool isDense() const { return size() > 0 && offsets.back() - offsets.front() == size() - 1; }
  bool sees(int64_t position, int64_t tap) const {
    const int64_t at = position * stride + offsets[static_cast<size_t>(tap)];
    return at >= 0 && at < extent;
  }
  // Taps that see an element from a position: neighbours, from the first to the one before `end`.
  struct Seen {
    int64_t first, end;
  };
  Seen seen(int64_t position) const {
    Seen taps{0, size()};
    while (taps.first < taps.end && !sees(position, taps.first)) ++taps.first;
    while (taps.first < taps.end && !sees(position, taps.end - 1)) --taps.end;
    return taps;
  }
};

// The axis of a sliding window: tap t of position j sees element j * stride + t * dilation - padding.
PatchAxis windowAxis(int64_t extent, int64_t count, int64_t window, int64_t stride, int64_t dilation, int64_t padding);
// The axis of its adjoint, from the window's positions (the source) back to the elements that it sees, of which those
// are the destination that are `residue` modulo the stride: there the same taps see them all.
PatchAxis adjointAxis(int64_t extent, int64_t count, int64_t window, int64_t stride, int64_t dilation, int64_t padding,
                      int64_t residue);

// Positions are counted row-major over images and the three axes. A tap row is a pair of taps of the first two axes.
struct PatchGrid {
  const PatchAxis* axes[3];
  int64_t images;
  int64_t channels;  // of a source pixel
  int64_t width;     // channels that are seen, from wherever `source` points

  int64_t positions() const { return images * axes[0]->count * axes[1]->count * axes[2]->count; }
  int64_t tapRows() const { return axes[0]->size() * axes[1]->size(); }
  int64_t rowDepth() const { return axes[2]->size() * width; }
  int64_t depth() const { return tapRows() * rowDepth(); }
  // Row of the destination (images x extents) where a position stands.
  int64_t destination(int64_t position, const int64_t* extents) const;
  // The source itself is the matrix.
  bool isSource() const;
  // Runs along positions are longer than runs along channels.
  bool prefersColumns() const { return width < 8; }
};

// Walks positions in runs along the last axis.
class PatchWalk {
 public:
  PatchWalk(const PatchGrid& grid, int64_t position);
  PatchWalk(const PatchGrid& grid, int64_t image, int64_t i, int64_t j, int64_t k)
      : image(image), at{i, j, k}, grid_(grid) {}
  void advance(int64_t count);

  int64_t position() const {
    return ((image * grid_.axes[0]->count + at[0]) * grid_.axes[1]->count + at[1]) * grid_.axes[2]->count + at[2];
  }

  int64_t image, at[3];

 private:
  const PatchGrid& grid_;
};

// Positions from the walk's on, `most` at most, that see the same taps `step` pixels further on each: those whose windows
// lie inside along the last axis, or one.
inline int64_t evenRun(const PatchAxis& axis, int64_t position, int64_t most) {
  if (axis.offsets.empty() || position * axis.stride + axis.offsets.front() < 0) return 1;
  const int64_t room = axis.extent - 1 - (position * axis.stride + axis.offsets.back());
  return room < 0 ? 1 : std::max<int64_t>(1, std::min({room / axis.stride + 1, axis.count - position, most}));
}

// Source row (images x first two extents) that a tap row of a position sees, or -1.
inline int64_t seenRow(const PatchGrid& grid, const PatchWalk& walk, int64_t tapRow) {
  const PatchAxis &outer = *grid.axes[0], &inner = *grid.axes[1];
  const int64_t t = tapRow / inner.size(), u = tapRow % inner.size();
  if (!outer.sees(walk.at[0], t) || !inner.sees(walk.at[1], u)) return -1;
  const int64_t i = walk.at[0] * outer.stride + outer.offsets[static_cast<size_t>(t)];
  const int64_t j = walk.at[1] * inner.stride + inner.offsets[static_cast<size_t>(u)];
  return (walk.image * outer.extent + i) * inner.extent + j;
}

// Calls f(tap, pixel) for each pixel of the source that a position sees, in order of the taps.
template <typename F>
void eachSeen(const PatchGrid& grid, const PatchWalk& walk, F f) {
  const PatchAxis& axis = *grid.axes[2];
  for (int64_t r = 0; r < grid.tapRows(); ++r) {
    const int64_t row = seenRow(grid, walk, r);
    if (row < 0) continue;
    for (int64_t t = 0; t < axis.size(); ++t) {
      const int64_t at = walk.at[2] * axis.stride + axis.offsets[static_cast<size_t>(t)];
      if (at >= 0 && at < axis.extent) f(r * axis.size() + t, row * axis.extent + at);
    }
  }
}

// Floats of scratch that hold so many pointers.
inline int64_t pointerFloats(int64_t pointers) {
  return (pointers * static_cast<int64_t>(sizeof(void*)) + 63) / 64 * 16;
}

// Elements of tap rows row .. row+rows-1 of positions first .. first+count-1, as [count, rows * rowDepth] or transposed.
void gatherRows(const PatchGrid& grid, const float* source, int64_t first, int64_t count, int64_t row, int64_t rows,
                float* to);
void gatherColumns(const PatchGrid& grid, const float* source, int64_t first, int64_t count, int64_t row, int64_t rows,
                   float* to);

// What the positions of a line see of a line of the source, zeros outside: span() pixels of `width` channels.
void copyLine(const PatchGrid& grid, const float* line, float* to);

}  // namespace steepest
