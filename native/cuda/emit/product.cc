#include "product.h"

#include <algorithm>

#include "block.h"
#include "elements.h"
#include "lanes.h"
#include "memory.h"

namespace steepest::cuda::emit {
namespace {

constexpr int64_t kOfThread = 4;     // rows, and columns
constexpr int64_t kManyTiles = 64;   // enough of them to keep a device busy
constexpr int64_t kLoadsAtOnce = 8;  // of a thread

int64_t ceilOf(int64_t n, int64_t by) { return (n + by - 1) / by; }
int64_t tilesOf(int64_t rows, int64_t columns, int64_t edge) { return ceilOf(rows, edge) * ceilOf(columns, edge); }

// Threads that have a tile, and how many such groups there are.
int64_t threadsOf(int64_t edge) { return edge / kOfThread * (edge / kOfThread); }
int64_t groupsOf(int64_t edge) { return kThreads / threadsOf(edge); }

// Of an operand in shared memory: lines of neighbours, so far apart that threads which read different ones meet no bank twice.
struct Staged {
  int64_t lines, length, stride;  // floats

  Staged(const ProductOperand& operand, int64_t edge, int64_t chunk)
      : lines(operand.alongDepth ? edge : chunk), length(operand.alongDepth ? chunk : edge) {
    stride = operand.alongDepth ? length + (40 - length % 32) % 32 : length + 4;
  }
  int64_t size() const { return lines * stride; }
};

int64_t stagedBytes(const ProductLayout& p, int64_t chunk) {
  return 4 * (Staged(p.a, p.edge, chunk).size() + Staged(p.b, p.edge, chunk).size());
}
int64_t sumsBytes(const ProductLayout& p) { return 4 * groupsOf(p.edge) * p.edge * p.edge; }

class ProductWriter {
 public:
  ProductWriter(const ProductLayout& product, const Frame& frame)
      : p_(product),
        out_(Text::now()),
        frame_(frame),
        groups_(groupsOf(p_.edge)),
        each_(p_.edge / kOfThread),
        staged_{Staged(p_.a, p_.edge, p_.chunk), Staged(p_.b, p_.edge, p_.chunk)} {}

  unsigned write() {
    thread_ = special("%tid.x");
    shared_ = sharedMemory();
    const auto [tileRow, tileColumn] = divided(frame_.block, ceilOf(p_.columns, p_.edge));
    first_[0] = (U(tileRow) * U(static_cast<uint32_t>(p_.edge))).v;
    first_[1] = (U(tileColumn) * U(static_cast<uint32_t>(p_.edge))).v;
    const auto [group, inTile] = divided(thread_, threadsOf(p_.edge));
    const auto [y, x] = divided(inTile, each_);
    group_ = group;
    own_[0] = y;
    own_[1] = x;
    for (auto& row : sums_) {
      for (Value& sum : row) out_.assign(sum = out_.variable(Bank::kFloat), real(0.0f));
    }
    const Value from[2] = {frame_.fields().wide(0), frame_.fields().wide(8)};
    const int64_t chunks = ceilOf(p_.depth, p_.chunk);
    Value depth = word(0);
    const int again = out_.label();
    if (chunks > 1) {
      out_.assign(depth = out_.variable(Bank::kWord), word(0));
      out_.place(again);
    }
    for (int operand = 0; operand < 2; ++operand) stage(operand, from[operand], depth);
    meet(Meeting::kBlock);
    multiply();
    meet(Meeting::kBlock);  // the sums go where the operands were
    if (chunks > 1) {
      out_.assign(depth, sumOf(depth, p_.chunk));
      out_.branchIf(isBelow(depth, p_.depth), again);
    }
    leaveSums();
    meet(Meeting::kBlock);
    finish();
    return static_cast<unsigned>(std::max(stagedBytes(p_, p_.chunk), sumsBytes(p_)));
  }

 private:
  const ProductOperand& operandOf(int operand) const { return operand == 0 ? p_.a : p_.b; }
  int64_t extentOf(int operand) const { return operand == 0 ? p_.rows : p_.columns; }
  Value sharedOf(int operand) const { return plus(shared_, operand == 0 ? 0 : 4 * staged_[0].size()); }

  // Copies the tile's part of an operand from `depth` on; zeros where there is none. Loads of a thread do not wait for each other.
  void stage(int operand, const Value& from, const Value& depth) {
    const ProductOperand& o = operandOf(operand);
    const Staged& staged = staged_[operand];
    const int width = o.aligned ? 4 : 1;
    const int64_t ofLine = staged.length / width, count = staged.lines * ofLine;
    const int64_t many = std::min(kLoadsAtOnce, ceilOf(count, kThreads));
    const Value to = sharedOf(operand);
    // Turns of as many loads, all of whose numbers but the last ones' are below the count.
    const int64_t turns = ceilOf(count, many * kThreads);
    Value number = thread_;
    const int again = out_.label();
    if (turns > 1) {
      out_.assign(number = out_.variable(Bank::kWord), thread_);
      out_.place(again);
    }
    Value lanes[kLoadsAtOnce][4], places[kLoadsAtOnce], numbers[kLoadsAtOnce];
    for (int64_t k = 0; k < many; ++k) {
      const Value i = k == 0 ? number : sumOf(number, k * kThreads);
      const auto [line, group] = divided(i, ofLine);
      const Value inLine = width == 1 ? group : (U(group) * U(static_cast<uint32_t>(width))).v;
      const Value along = (U(o.alongDepth ? inLine : line) + U(depth)).v;
      const Value across = (U(o.alongDepth ? line : inLine) + U(first_[operand])).v;
      numbers[k] = i;
      const M isOne{isBelow(i, count)};
      const M inside = isOne & M{isBelow(along, p_.depth)} & M{isBelow(across, extentOf(operand))};
      for (int lane = 0; lane < width; ++lane) out_.assign(lanes[k][lane] = out_.variable(Bank::kFloat), real(0.0f));
      const int none = out_.label();
      out_.branchUnless(inside.v, none);
      Offsets offsets;
      if (operand == 0) {
        offsets.add({across, along}, {1, 1});
      } else {
        offsets.add({along, across}, {1, 1});
      }
      Value loaded[4];
      load(o.layout.dtype, offsets.addressOf(from, o.layout.strides, static_cast<int64_t>(sizeOf(o.layout.dtype))), 0,
           width, loaded);
      for (int lane = 0; lane < width; ++lane) out_.assign(lanes[k][lane], loaded[lane]);
      out_.place(none);
      places[k] = plus(plus(to, line, 4 * staged.stride), inLine, 4);
    }
    for (int64_t k = 0; k < many; ++k) {
      const int none = out_.label();
      if (count % (many * kThreads) != 0) out_.branchUnless(isBelow(numbers[k], count), none);
      if (p_.bfloat16) std::transform(lanes[k], lanes[k] + width, lanes[k], toBfloat16);
      storeShared(places[k], 0, width, lanes[k]);
      out_.place(none);
    }
    if (turns > 1) {
      out_.assign(number, sumOf(number, many * kThreads));
      out_.branchIf(isBelow(number, count), again);
    }
  }

  // Of the rows of a thread, or its columns: those of an operand that lies along the depth are apart, others are neighbours.
  int64_t stepOf(int operand) const { return operandOf(operand).alongDepth ? each_ : 1; }
  Value firstOf(int operand) const {
    return operandOf(operand).alongDepth ? own_[operand] : (U(own_[operand]) * U(uint32_t{kOfThread})).v;
  }

  // Four of a thread's rows or columns at four depths.
  void read(int operand, const Value& at, Value (*numbers)[4]) {
    const int64_t stride = staged_[operand].stride;
    Value lanes[4];
    for (int k = 0; k < 4; ++k) {
      const bool alongDepth = operandOf(operand).alongDepth;
      loadShared(at, 4 * stride * (alongDepth ? k * each_ : k), 4, lanes);
      for (int j = 0; j < 4; ++j) numbers[alongDepth ? k : j][alongDepth ? j : k] = lanes[j];
    }
  }

  void multiply() {
    Value at[2];
    int64_t way[2];
    for (int operand = 0; operand < 2; ++operand) {
      const bool alongDepth = operandOf(operand).alongDepth;
      const int64_t stride = 4 * staged_[operand].stride, depth = alongDepth ? 4 : stride;
      way[operand] = 4 * groups_ * depth;
      out_.assign(at[operand] = out_.variable(Bank::kLong),
                  plus(plus(sharedOf(operand), group_, 4 * depth), firstOf(operand), alongDepth ? stride : 4));
    }
    const Value k = out_.variable(Bank::kWord);
    const int again = out_.label();
    out_.assign(k, word(0));
    out_.place(again);
    Value x[4][4], w[4][4];
    read(0, at[0], x);
    read(1, at[1], w);
    for (int depth = 0; depth < 4; ++depth) {
      for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 4; ++column) {
          Value& sum = sums_[row][column];
          out_.line("fma.rn.f32 $, $, $, $;", {sum, x[row][depth], w[column][depth], sum});
        }
      }
    }
    for (int operand = 0; operand < 2; ++operand) out_.assign(at[operand], plus(at[operand], way[operand]));
    out_.assign(k, sumOf(k, 4 * groups_));
    out_.branchIf(isBelow(k, p_.chunk), again);
  }

  // To shared memory: [groups, edge, edge].
  void leaveSums() {
    const bool quads = !p_.b.alongDepth;
    const int64_t rowBytes = 4 * p_.edge;
    const Value to = plus(plus(plus(shared_, group_, p_.edge * rowBytes), firstOf(0), rowBytes), firstOf(1), 4);
    for (int row = 0; row < kOfThread; ++row) {
      const int64_t bytes = row * stepOf(0) * rowBytes;
      if (quads) {
        storeShared(to, bytes, 4, sums_[row]);
        continue;
      }
      for (int column = 0; column < kOfThread; ++column) {
        storeShared(to, bytes + 4 * column * stepOf(1), 1, &sums_[row][column]);
      }
    }
  }

  // The sums of all groups.
  void total(const Value& at, int width, Value* lanes) {
    loadShared(at, 0, width, lanes);
    for (int64_t group = 1; group < groups_; ++group) {
      Value next[4];
      loadShared(at, 4 * group * p_.edge * p_.edge, width, next);
      for (int k = 0; k < width; ++k) lanes[k] = (F(lanes[k]) + F(next[k])).v;
    }
  }

  void finish() {
    const MapLayout& end = p_.end;
    const int width = end.width;
    std::vector<Layout> operands = end.operands;
    const std::vector<Value> data = addressesOf(operands, frame_.fields(16), 0, 0, {});
    Elements elements(p_.program, end, data, 1);
    each(thread_, kThreads, p_.edge * p_.edge / width, [&](const Value& i) {
      const auto [row, group] = divided(i, p_.edge / width);
      const Value column = width == 1 ? group : (U(group) * U(static_cast<uint32_t>(width))).v;
      const Value allRow = (U(first_[0]) + U(row)).v, allColumn = (U(first_[1]) + U(column)).v;
      const int none = out_.label();
      if (p_.rows % p_.edge != 0) out_.branchUnless(isBelow(allRow, p_.rows), none);
      if (p_.columns % p_.edge != 0) out_.branchUnless(isBelow(allColumn, p_.columns), none);
      Offsets offsets;
      offsets.add({allRow, allColumn}, {1, 1});
      const int64_t positions[] = {p_.columns, 1};
      elements.write(offsets, elements.positional() ? offsets.at(positions) : Value{}, [&](size_t, Value* lanes) {
        total(plus(plus(shared_, row, 4 * p_.edge), column, 4), width, lanes);
      });
      out_.place(none);
    });
  }

  const ProductLayout& p_;
  Text& out_;
  const Frame& frame_;
  const int64_t groups_, each_;  // threads side by side in a tile
  const Staged staged_[2];
  Value thread_, shared_, group_;
  Value first_[2], own_[2];  // row and column of the tile, and place of the thread in it
  Value sums_[kOfThread][kOfThread];
};

}  // namespace

int64_t tileEdgeOf(int64_t rows, int64_t columns) {
  for (const int64_t edge : {64, 32}) {
    if (tilesOf(rows, columns, edge) >= kManyTiles) return edge;
  }
  return 16;
}

int64_t productBlocks(const ProductLayout& product) { return tilesOf(product.rows, product.columns, product.edge); }

int64_t chunkOf(const ProductLayout& product, int64_t bytes) {
  const int64_t step = 4 * groupsOf(product.edge);
  int64_t chunk = ceilOf(product.depth, step) * step;
  while (chunk > step && stagedBytes(product, chunk) > bytes) chunk = ceilOf(chunk / 2, step) * step;
  return chunk;
}

Part productPart(const ProductLayout& product) {
  return [=](const Frame& frame) { return ProductWriter(product, frame).write(); };
}

}  // namespace steepest::cuda::emit
