// The twin of native/cuda/kernels/ptx.h: the same functions on the CPU. What hardware would not do, or would do at some other
// time, ends the launch or shows in the numbers: copies arrive when somebody waits for them, and what they replace is no number
// from the moment they are asked for; boxes are read when somebody waits for that; products of warp groups are computed when their thread waits for them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "../../../native/cuda/kernels/tensor_map.h"
#include "launch.h"
#include "races.h"

#define STEEPEST_DYNAMIC_SHARED(name) unsigned char* const name = steepest::emulated::sharedMemory().data
#define STEEPEST_HAS_WGMMA

namespace steepest::emulated {

// `bytes` bytes of shared memory at a multiple of `alignment`, or the launch fails.
void checkShared(const void* p, unsigned bytes, unsigned alignment, const char* what);

// Words of all lanes of a warp, which meet here. Valid until the next but one call.
constexpr unsigned kWords = 6;
using WarpWords = uint32_t[32][kWords];
const WarpWords& shareWords(const uint32_t* words, unsigned count);

inline float bfloat16(uint32_t bits) {
  bits <<= 16;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
uint32_t toBfloat16Bits(float x);
// A word that is an operand of a product; fails when it has not been rounded.
float tf32(uint32_t bits);
uint32_t toTf32Bits(float x);

// Copies of this thread: in the group that is open, and in the closed ones.
void deferCopy(void* to, const void* from, unsigned bytes, bool there);
void closeCopyGroup();
void awaitCopyGroups(unsigned groups);

// Boxes to tensors of this thread; at the end of a block, what is wrong with them, or nothing. They are forgotten.
void awaitStoreGroups(unsigned groups);
const char* unfinishedStores();

// To the same place in these blocks of the cluster.
void deferBox(void* to, const cuda::TensorMap* map, int x, int y, int z, uint64_t* barrier, unsigned first, unsigned last);
void deferPatches(void* to, const cuda::TensorMap* map, int axes, int channel, const int* at, int image,
                  const int* offset, uint64_t* barrier);

// sums [columns / 2] of this thread. `held` are its words of a in registers, or null.
struct Product {
  float* sums;
  int columns;
  bool transposedA, transposedB, tf32;
  uint64_t a, b;
  bool accumulate;
  const uint32_t* held = nullptr;
  uint32_t words[4][4] = {};  // of the lanes that share its rows, when it was issued
};
void deferProduct(const Product& product);
void deferHeld(Product product);
// Fails while a product with these sums is on its way.
void checkComputed(const float* sums);
void awaitDeferred(unsigned groups);

}  // namespace steepest::emulated

namespace steepest::cuda::ptx {

inline uint32_t sharedAddress(const void* p) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(p) - emulated::sharedMemory().data);
}

inline uint32_t lanesWith(uint32_t number) {
  const auto& of = emulated::shareWords(&number, 1);
  uint32_t mask = 0;
  for (unsigned lane = 0; lane < 32; ++lane) mask |= (of[lane][0] == number ? 1u : 0u) << lane;
  return mask;
}
inline uint32_t bitsOf(uint32_t mask) { return static_cast<uint32_t>(__builtin_popcount(mask)); }

template <int kBytes>
void copyAsync(void* to, const void* from, bool there) {
  static_assert(kBytes == 4 || kBytes == 16);
  emulated::deferCopy(to, from, kBytes, there);
}
inline void closeCopies() { emulated::closeCopyGroup(); }
template <int kGroups>
void awaitCopies() {
  emulated::awaitCopyGroups(kGroups);
}

inline float powerOfTwo(float x) {
  const float y = std::exp2(x);
  return y < 1.17549435e-38f ? 0 : y;
}

inline uint32_t packBfloat16(float low, float high) {
  return emulated::toBfloat16Bits(low) | emulated::toBfloat16Bits(high) << 16;
}

inline uint32_t packNormalBfloat16(float low, float high) {
  for (const float x : {low, high}) {
    if (x != 0 && std::fabs(x) < 1.17549435e-38f) emulated::fail("a subnormal number that is packed as it is");
  }
  return packBfloat16(low, high);
}

template <bool kTransposed>
void loadMatrices(uint32_t* to, const void* row) {
  emulated::checkShared(row, 16, 16, "ldmatrix");
  uint32_t words[4];
  std::memcpy(words, row, 16);
  const auto& rows = emulated::shareWords(words, 4);
  const unsigned g = emulated::lane() / 4, t = emulated::lane() % 4;
  const auto element = [&](unsigned matrix, unsigned r, unsigned c) {
    return rows[8 * matrix + r][c / 2] >> (c % 2 * 16) & 0xffffu;
  };
  for (unsigned i = 0; i < 4; ++i) {
    to[i] = kTransposed ? element(i, 2 * t, g) | element(i, 2 * t + 1, g) << 16
                        : element(i, g, 2 * t) | element(i, g, 2 * t + 1) << 16;
  }
}

inline void storeMatrices(void* row, const uint32_t (&words)[4]) {
  emulated::checkShared(row, 16, 16, "stmatrix");
  const auto& of = emulated::shareWords(words, 4);
  uint32_t mine[4];
  for (unsigned i = 0; i < 4; ++i) mine[i] = of[emulated::lane() % 8 * 4 + i][emulated::lane() / 8];
  emulated::races::check(row, 16, emulated::races::Kind::kWrite);
  std::memcpy(row, mine, 16);
}

inline void multiplyBfloat16(float (*sums)[2], const uint32_t* a, const uint32_t* b) {
  const uint32_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const auto& of = emulated::shareWords(words, 6);
  const unsigned g = emulated::lane() / 4, t = emulated::lane() % 4;
  for (unsigned k = 0; k < 16; ++k) {
    const unsigned half = k % 2 * 16, thread = k % 8 / 2, upper = k / 8;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned column = 2 * t + i % 2;
      const float x = emulated::bfloat16(of[4 * g + thread][2 * upper + i / 2] >> half & 0xffffu);
      const float y = emulated::bfloat16(of[4 * column + thread][4 + upper] >> half & 0xffffu);
      sums[i / 2][i % 2] += x * y;
    }
  }
}

inline uint32_t toTf32(float x) { return emulated::toTf32Bits(x); }

inline void multiplyTf32(float (*sums)[2], const uint32_t* a, const uint32_t* b) {
  const uint32_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const auto& of = emulated::shareWords(words, 6);
  const unsigned g = emulated::lane() / 4, t = emulated::lane() % 4;
  for (unsigned k = 0; k < 8; ++k) {
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned column = 2 * t + i % 2;
      const float x = emulated::tf32(of[4 * g + k % 4][k / 4 * 2 + i / 2]);
      const float y = emulated::tf32(of[4 * column + k % 4][4 + k / 4]);
      sums[i / 2][i % 2] += x * y;
    }
  }
}

inline void multiplyInt8(int32_t (*sums)[2], const uint32_t* a, const uint32_t* b) {
  const uint32_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const auto& of = emulated::shareWords(words, 6);
  const unsigned g = emulated::lane() / 4, t = emulated::lane() % 4;
  const auto number = [](uint32_t word, unsigned k) { return static_cast<int8_t>(word >> k % 4 * 8 & 0xffu); };
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned thread = k % 16 / 4, upper = k / 16;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned column = 2 * t + i % 2;
      sums[i / 2][i % 2] += number(of[4 * g + thread][2 * upper + i / 2], k) * number(of[4 * column + thread][4 + upper], k);
    }
  }
}

void initBarrier(uint64_t* barrier, uint32_t count);
void fenceCopies();
void fenceBarriers();
void arrive(uint64_t* barrier);
void arriveExpecting(uint64_t* barrier, uint32_t bytes);
void awaitPhase(uint64_t* barrier, uint32_t parity);
void arriveAt(uint64_t* barrier, uint32_t member);
void meetCluster();
uint32_t memberOfCluster();

void prefetch(const TensorMap* map);
inline void copyBox(void* to, const TensorMap* map, int x, int y, int z, uint64_t* barrier) {
  emulated::deferBox(to, map, x, y, z, barrier, emulated::member(), emulated::member() + 1);
}
template <int kMembers>
void copyBoxToAll(void* to, const TensorMap* map, int x, int y, int z, uint64_t* barrier) {
  emulated::deferBox(to, map, x, y, z, barrier, 0, kMembers);
}
void copyBytes(void* to, const void* from, uint32_t bytes, uint64_t* barrier);
template <int kAxes>
void copyPatches(void* to, const TensorMap* map, int channel, const int (&at)[3], int image, const int (&offset)[3],
                 uint64_t* barrier) {
  emulated::deferPatches(to, map, kAxes, channel, at, image, offset, barrier);
}

void storeBox(const TensorMap* map, const void* from, int x, int y, int z);
void closeStores();
template <int kGroups>
void awaitStores() {
  emulated::awaitStoreGroups(kGroups);
}
void finishStores();

inline uint64_t describeMatrix(const void* p, uint32_t leading, uint32_t stride) {
  emulated::checkShared(p, 16, 16, "a matrix descriptor");
  if ((leading | stride) % 16 != 0 || (leading | stride) >= 1u << 18) emulated::fail("a stride that no descriptor has");
  return static_cast<uint64_t>((sharedAddress(p) & 0x3ffff) >> 4) | static_cast<uint64_t>(leading >> 4) << 16 |
         static_cast<uint64_t>(stride >> 4) << 32 | uint64_t{1} << 62;
}
void fenceProducts();
void closeProducts();
template <int kGroups>
void awaitProducts() {
  emulated::awaitDeferred(kGroups);
}
template <bool kTransposedA, bool kTransposedB, int kRuns>
void multiplyGroup(float (&sums)[kRuns][2], uint64_t a, uint64_t b, bool accumulate) {
  emulated::deferProduct({sums[0], kRuns * 4, kTransposedA, kTransposedB, false, a, b, accumulate});
}
template <bool kTransposedB, int kRuns>
void multiplyHeld(float (&sums)[kRuns][2], const uint32_t (&a)[4], uint64_t b, bool accumulate) {
  emulated::deferHeld({sums[0], kRuns * 4, false, kTransposedB, false, 0, b, accumulate, a});
}
template <int kRuns>
void multiplyGroupTf32(float (&sums)[kRuns][2], uint64_t a, uint64_t b, bool accumulate) {
  emulated::deferProduct({sums[0], kRuns * 4, false, false, true, a, b, accumulate});
}
template <int kRuns>
void readProducts(float (&sums)[kRuns][2]) {
  emulated::checkComputed(sums[0]);
}
template <int kRegisters>
void fewerRegisters() {
  static_assert(kRegisters % 8 == 0 && kRegisters >= 24 && kRegisters <= 256);
}
template <int kRegisters>
void moreRegisters() {
  static_assert(kRegisters % 8 == 0 && kRegisters >= 24 && kRegisters <= 256);
}

}  // namespace steepest::cuda::ptx
