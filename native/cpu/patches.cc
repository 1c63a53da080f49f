#include "patches.h"

#include <algorithm>
#include <cstring>

namespace steepest {
namespace {

int64_t floorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
int64_t ceilDiv(int64_t a, int64_t b) { return -floorDiv(-a, b); }

void clear(float* to, int64_t n) { std::memset(to, 0, static_cast<size_t>(n) * sizeof(float)); }
void copy(const float* from, float* to, int64_t n) { std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float)); }

// The first pixel of the source row that a tap row of a position sees, or null outside.
const float* sourceRow(const PatchGrid& grid, const float* source, const PatchWalk& walk, int64_t tapRow) {
  const int64_t row = seenRow(grid, walk, tapRow);
  return row < 0 ? nullptr : source + row * grid.axes[2]->extent * grid.channels;
}

// All taps of one tap row, of a run of positions.
void gatherRun(const PatchGrid& grid, const float* row, int64_t position, int64_t count, int64_t ld, float* to) {
  const PatchAxis& axis = *grid.axes[2];
  const int64_t taps = axis.size(), width = grid.width;
  const bool whole = axis.isDense() && width == grid.channels;
  for (int64_t p = position; p < position + count; ++p, to += ld) {
    if (!row) {
      clear(to, taps * width);
    } else if (whole) {
      const int64_t first = p * axis.stride + axis.offsets[0];
      const int64_t begin = std::clamp<int64_t>(-first, 0, taps);
      const int64_t end = std::clamp<int64_t>(axis.extent - first, begin, taps);
      if (begin > 0) clear(to, begin * width);
      copy(row + (first + begin) * width, to + begin * width, (end - begin) * width);
      if (end < taps) clear(to + end * width, (taps - end) * width);
    } else {
      for (int64_t t = 0; t < taps; ++t) {
        if (axis.sees(p, t)) {
          copy(row + (p * axis.stride + axis.offsets[static_cast<size_t>(t)]) * grid.channels, to + t * width, width);
        } else {
          clear(to + t * width, width);
        }
      }
    }
  }
}

// The same, a row of `to` for each tap and channel.
void gatherRunColumns(const PatchGrid& grid, const float* row, int64_t position, int64_t count, int64_t ld, float* to) {
  const PatchAxis& axis = *grid.axes[2];
  const int64_t step = axis.stride * grid.channels;
  for (int64_t t = 0; t < axis.size(); ++t) {
    const int64_t offset = axis.offsets[static_cast<size_t>(t)];
    const int64_t begin = std::clamp<int64_t>(ceilDiv(-offset, axis.stride) - position, 0, row ? count : 0);
    const int64_t end =
        std::clamp<int64_t>(floorDiv(axis.extent - 1 - offset, axis.stride) + 1 - position, begin, row ? count : begin);
    for (int64_t c = 0; c < grid.width; ++c, to += ld) {
      clear(to, begin);
      if (begin < end) {
        const float* from = row + ((position + begin) * axis.stride + offset) * grid.channels + c;
        if (step == 1) {
          copy(from, to + begin, end - begin);
        } else {
          for (int64_t p = begin; p < end; ++p, from += step) to[p] = *from;
        }
      }
      clear(to + end, count - end);
    }
  }
}

}  // namespace

PatchAxis windowAxis(int64_t extent, int64_t count, int64_t window, int64_t stride, int64_t dilation, int64_t padding) {
  PatchAxis axis{extent, count, stride};
  for (int64_t t = 0; t < window; ++t) {
    axis.offsets.push_back(t * dilation - padding);
    axis.taps.push_back(t);
  }
  return axis;
}

PatchAxis adjointAxis(int64_t extent, int64_t count, int64_t window, int64_t stride, int64_t dilation, int64_t padding,
                      int64_t residue) {
  PatchAxis axis{extent, ceilDiv(count - residue, stride), 1, residue, stride};
  for (int64_t t = window; t-- > 0;) {
    const int64_t reach = residue + padding - t * dilation;
    if (floorDiv(reach, stride) * stride != reach) continue;
    axis.offsets.push_back(floorDiv(reach, stride));
    axis.taps.push_back(t);
  }
  return axis;
}

int64_t PatchGrid::destination(int64_t position, const int64_t* extents) const {
  const PatchWalk walk(*this, position);
  int64_t row = walk.image;
  for (int a = 0; a < 3; ++a) row = row * extents[a] + axes[a]->first + walk.at[a] * axes[a]->step;
  return row;
}

bool PatchGrid::isSource() const {
  return std::all_of(axes, axes + 3, [](const PatchAxis* a) {
    return a->size() == 1 && a->offsets[0] == 0 && a->stride == 1 && a->count == a->extent;
  });
}

PatchWalk::PatchWalk(const PatchGrid& grid, int64_t position) : grid_(grid) {
  for (int a = 2; a >= 0; --a) {
    at[a] = position % grid.axes[a]->count;
    position /= grid.axes[a]->count;
  }
  image = position;
}

void PatchWalk::advance(int64_t count) {
  at[2] += count;
  for (int a = 2; a >= 0 && at[a] == grid_.axes[a]->count; --a) {
    at[a] = 0;
    ++(a > 0 ? at[a - 1] : image);
  }
}

void gatherRows(const PatchGrid& grid, const float* source, int64_t first, int64_t count, int64_t row, int64_t rows,
                float* to) {
  const int64_t depth = grid.rowDepth(), ld = rows * depth;
  PatchWalk walk(grid, first);
  for (int64_t done = 0; done < count;) {
    const int64_t run = std::min(count - done, grid.axes[2]->count - walk.at[2]);
    for (int64_t r = 0; r < rows; ++r) {
      gatherRun(grid, sourceRow(grid, source, walk, row + r), walk.at[2], run, ld, to + done * ld + r * depth);
    }
    done += run;
    walk.advance(run);
  }
}

void gatherColumns(const PatchGrid& grid, const float* source, int64_t first, int64_t count, int64_t row, int64_t rows,
                   float* to) {
  const int64_t depth = grid.rowDepth();
  PatchWalk walk(grid, first);
  for (int64_t done = 0; done < count;) {
    const int64_t run = std::min(count - done, grid.axes[2]->count - walk.at[2]);
    for (int64_t r = 0; r < rows; ++r) {
      gatherRunColumns(grid, sourceRow(grid, source, walk, row + r), walk.at[2], run, count,
                       to + r * depth * count + done);
    }
    done += run;
    walk.advance(run);
  }
}

void copyLine(const PatchGrid& grid, const float* line, float* to) {
  const PatchAxis& axis = *grid.axes[2];
  const int64_t first = axis.offsets.front(), pixels = axis.span(), width = grid.width;
  const int64_t begin = std::clamp<int64_t>(-first, 0, pixels);
  const int64_t end = std::clamp<int64_t>(axis.extent - first, begin, pixels);
  clear(to, begin * width);
  clear(to + end * width, (pixels - end) * width);
  line += (first + begin) * grid.channels;
  if (width == grid.channels) return copy(line, to + begin * width, (end - begin) * width);
  for (int64_t x = begin; x < end; ++x, line += grid.channels) copy(line, to + x * width, width);
}

}  // namespace steepest
