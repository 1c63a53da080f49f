// The tile registers of AMX: eight of 16 rows of 64 bytes. Products of two tiles of C below each other and two beside each other, which
// are the sums, with two of A and two of B, are the most that four products get out of four loads. Included by target_avx512amx.cc.
//
// Intrinsics of GCC say nothing of the memory that they read and write: `memoryDone` keeps other accesses on their side.

namespace amx {
namespace {

constexpr int kSide = 16;          // rows of a tile, and words of each
constexpr int kRows = 2 * kSide;   // of C
constexpr int kPanel = 2 * kSide;  // columns of C
constexpr int64_t kWordBytes = 4;  // what is multiplied together: two or four neighbours along k
constexpr int64_t kPanelRow = kPanel * kWordBytes;

STEEPEST_INLINE void memoryDone() { asm volatile("" ::: "memory"); }

// A thread has tiles while this lives: what is never released is saved whenever the thread is interrupted.
class Registers {
 public:
  STEEPEST_INLINE Registers() = default;
  STEEPEST_INLINE ~Registers() { _tile_release(); }
  Registers(const Registers&) = delete;
  Registers& operator=(const Registers&) = delete;

  // For so many rows of A and C, 1 .. kRows: others are neither read nor written, and take no time.
  STEEPEST_INLINE void shape(int64_t rows) {
    if (rows == rows_) return;
    rows_ = rows;
    struct {
      uint8_t palette = 1, start = 0, unused[14] = {};
      uint16_t rowBytes[16] = {};
      uint8_t rows[16] = {};
    } shapes;
    static_assert(sizeof shapes == 64);
    const int64_t top = rows < kSide ? rows : kSide, bottom = rows > kSide ? rows - kSide : kSide;
    const int64_t heights[] = {top, top, bottom, bottom, top, bottom, kSide, kSide};
    for (int i = 0; i < 8; ++i) {
      shapes.rowBytes[i] = kSide * kWordBytes;
      shapes.rows[i] = static_cast<uint8_t>(heights[i]);
    }
    memoryDone();
    _tile_loadconfig(&shapes);
  }

 private:
  int64_t rows_ = 0;
};

// Tiles of C: 0 1
//             2 3. Which of them there are:
template <int down, int across>
struct Sums {
  static STEEPEST_INLINE void clear() {
    _tile_zero(0);
    if constexpr (across > 1) _tile_zero(1);
    if constexpr (down > 1) _tile_zero(2);
    if constexpr (down > 1 && across > 1) _tile_zero(3);
  }

  // Rows `pitch` bytes apart: 0 is one for all.
  static STEEPEST_INLINE void load(const void* from, int64_t pitch) {
    const uint8_t* const at = static_cast<const uint8_t*>(from);
    memoryDone();
    _tile_loadd(0, at, pitch);
    if constexpr (across > 1) _tile_loadd(1, at + kSide * kWordBytes, pitch);
    if constexpr (down > 1) _tile_loadd(2, at + kSide * pitch, pitch);
    if constexpr (down > 1 && across > 1) _tile_loadd(3, at + kSide * pitch + kSide * kWordBytes, pitch);
  }

  static STEEPEST_INLINE void store(void* to, int64_t pitch) {
    uint8_t* const at = static_cast<uint8_t*>(to);
    _tile_stored(0, at, pitch);
    if constexpr (across > 1) _tile_stored(1, at + kSide * kWordBytes, pitch);
    if constexpr (down > 1) _tile_stored(2, at + kSide * pitch, pitch);
    if constexpr (down > 1 && across > 1) _tile_stored(3, at + kSide * pitch + kSide * kWordBytes, pitch);
    memoryDone();
  }

  // Adds products of so many words along k, a multiple of kSide. Product::of<0, 1, 2, 3> adds those of tiles 4 and 6, 4 and 7, 5 and 6,
  // 5 and 7. B streams past a copy of A, which L1 keeps so.
  template <typename Product>
  static STEEPEST_INLINE void add(const uint8_t* a, int64_t aPitch, const uint8_t* b, int64_t words) {
    memoryDone();
    for (; words > 0; words -= kSide, a += kSide * kWordBytes, b += kSide * kPanelRow) {
      _tile_loadd(4, a, aPitch);
      _tile_stream_loadd(6, b, kPanelRow);
      Product::template of<0>();
      if constexpr (across > 1) {
        _tile_stream_loadd(7, b + kSide * kWordBytes, kPanelRow);
        Product::template of<1>();
      }
      if constexpr (down > 1) {
        _tile_loadd(5, a + kSide * aPitch, aPitch);
        Product::template of<2>();
        if constexpr (across > 1) Product::template of<3>();
      }
    }
  }
};

// Panels may end within a tile: their last rows, and zeros.
class LastRows {
 public:
  STEEPEST_INLINE explicit LastRows(int64_t rows) : rows_(rows) {
    for (int64_t i = rows * kPanel; i < kSide * kPanel; i += kWidth) store(at_ + i, F{});
  }
  STEEPEST_INLINE const uint8_t* copy(const uint8_t* from) {
    const float* const p = reinterpret_cast<const float*>(from);
    for (int64_t i = 0; i < rows_ * kPanel; i += kWidth) {
      store(at_ + i, load(p + i));
    }
    return reinterpret_cast<const uint8_t*>(at_);
  }

 private:
  alignas(64) float at_[kSide * kPanel];
  const int64_t rows_;
};

// The first n lanes, or all.
STEEPEST_INLINE void storeSome(float* p, F v, int64_t n) {
  if (n >= kWidth) return store(p, v);
  storeFirst(p, v, n);
}

// Calls use with what there is of the tiles of C as template arguments.
template <typename Use>
STEEPEST_INLINE void withSums(int64_t rows, int64_t columns, Use use) {
  if (rows > kSide) {
    if (columns > kSide) return use(Sums<2, 2>{});
    return use(Sums<2, 1>{});
  }
  if (columns > kSide) return use(Sums<1, 2>{});
  use(Sums<1, 1>{});
}

}  // namespace
}  // namespace amx
