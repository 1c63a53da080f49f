// Memory that will be read soon is asked for while products are computed: a line in each step along k. A burst before a tile
// would fill the queue of loads, and the operands of the tile wait behind it. Included by gemm_tile.inl.

namespace gemm {
namespace {

constexpr int64_t kLine = 64;

Ahead floatsAhead(const float* at, int64_t rows, int64_t stride, int64_t count) {
  constexpr int64_t kBytes = sizeof(float);
  return {reinterpret_cast<const uint8_t*>(at), rows, stride * kBytes, count * kBytes};
}

// `lines` of them, `step` bytes apart.
struct Fetch {
  const uint8_t* at;
  int64_t step, lines;
};

// What one tile asks for. Functions that only prefetch are inlined: to GCC they have no effect, and it leaves out calls.
class Fetches {
 public:
  explicit Fetches(int64_t steps) : left_(steps) {}

  // The same for the next tile.
  void again(int64_t steps) {
    count_ = 0;
    left_ = steps;
    lines_ = 0;
  }

  // What does not fit into the steps of the tile is asked for at once.
  STEEPEST_INLINE void add(Fetch f) {
    if (count_ < kMost && left_ > 0) {
      const int64_t now = f.lines < left_ ? f.lines : left_;
      all_[count_++] = {f.at, f.step, now};
      lines_ += now;
      left_ -= now;
      f.at += now * f.step;
      f.lines -= now;
    }
    for (; f.lines > 0; --f.lines, f.at += f.step) __builtin_prefetch(f.at, 0, 2);
  }

  int64_t lines() const { return lines_; }
  const Fetch* begin() const { return all_; }
  const Fetch* end() const { return all_ + count_; }

 private:
  static constexpr int kMost = 32;
  Fetch all_[kMost];
  int count_ = 0;
  int64_t left_, lines_ = 0;
};

// Goes through the lines of an Ahead, equally many for each tile.
class Walk {
 public:
  Walk() = default;
  Walk(const Ahead& ahead, int64_t tiles) : ahead_(ahead) {
    if (ahead.rows == 0) return;
    const int64_t offset = reinterpret_cast<uintptr_t>(ahead.at) % kLine;
    const bool aligned = ahead.stride % kLine == 0;  // all rows as the first one
    const int64_t across = ((aligned ? offset : kLine - 1) + ahead.bytes + kLine - 1) / kLine;
    down_ = ahead.order == nullptr && across < kShort;
    runs_ = down_ ? across : ahead.rows;
    length_ = down_ ? ahead.rows : across;
    each_ = (ahead.rows * across + tiles - 1) / tiles;
    ahead_.at -= offset;
    begin();
  }

  bool any() const { return runs_ > 0; }

  STEEPEST_INLINE void take(Fetches& to) {
    for (int64_t n = each_; n > 0 && run_ < runs_;) {
      const int64_t now = n < left_ ? n : left_;
      to.add({at_, down_ ? ahead_.stride : kLine, now});
      at_ += now * (down_ ? ahead_.stride : kLine);
      n -= now;
      left_ -= now;
      if (left_ == 0) {
        ++run_;
        begin();
      }
    }
  }

 private:
  static constexpr int64_t kShort = 4;  // rows of fewer lines are gone through column by column

  void begin() {
    if (run_ == runs_) return;
    const int64_t row = ahead_.order ? ahead_.order[run_] : run_;
    at_ = ahead_.at + (down_ ? run_ * kLine : row * ahead_.stride);
    left_ = length_;
  }

  Ahead ahead_{};
  const uint8_t* at_ = nullptr;
  bool down_ = false;
  int64_t run_ = 0, runs_ = 0, length_ = 0, left_ = 0, each_ = 0;
};

}  // namespace
}  // namespace gemm
