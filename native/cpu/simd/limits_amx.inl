// What the tiles of AMX can do at most, see ../limits.h. Included by target_avx512amx.cc.

namespace limits {
namespace {

constexpr int64_t kSums = 4;
constexpr int64_t kElements = amx::kSide * amx::kSide;  // of a sum
constexpr int64_t kBf16Flops = kSums * kElements * amx::kSide * 2 * 2;
constexpr int64_t kInt8Ops = kSums * kElements * amx::kSide * 4 * 2;

template <typename Product>
float multiplyAdd(int64_t rounds) {
  amx::Registers registers;
  registers.shape(amx::kRows);
  alignas(64) uint8_t bytes[amx::kSide * amx::kSide * amx::kWordBytes];
  uint32_t random = 1;
  for (size_t i = 0; i < sizeof bytes; i += 2) {  // bfloat16 numbers from 1/2 to 2 and from -2 to -1/2
    random = random * 1664525u + 1013904223u;
    bytes[i] = static_cast<uint8_t>(random >> 24);
    bytes[i + 1] = static_cast<uint8_t>(0x3f | (random >> 16 & 0x80));
  }
  amx::memoryDone();
  amx::Sums<2, 2>::clear();
  _tile_loadd(4, bytes, 64);
  _tile_loadd(5, bytes, 64);
  _tile_loadd(6, bytes, 64);
  _tile_loadd(7, bytes, 64);
  for (; rounds > 0; --rounds) {
    Product::template of<0>();
    Product::template of<1>();
    Product::template of<2>();
    Product::template of<3>();
  }
  _tile_stored(3, bytes, 64);
  amx::memoryDone();
  return static_cast<float>(bytes[0]);
}

float multiplyAddBfloat16(int64_t rounds, float, float) { return multiplyAdd<gemm_bf16::Product>(rounds); }
int32_t multiplyAddInt8(int64_t rounds, int32_t) {
  return static_cast<int32_t>(multiplyAdd<gemm_int8::Product>(rounds));
}

}  // namespace
}  // namespace limits
