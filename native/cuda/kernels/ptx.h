// All instructions that C++ has no words for, each as a function. The tests have a twin of this file that computes the same on
// the CPU (test/cuda/emulated/ptx.h), with the same signatures; it is strict about alignment, bounds and order.
#pragma once

#include "kernel.h"
#include "tensor_map.h"

#ifdef STEEPEST_PTX_TWIN
#include STEEPEST_PTX_TWIN
#else

// The block's dynamic shared memory, at a multiple of 1024 bytes.
#define STEEPEST_DYNAMIC_SHARED(name) extern __shared__ __align__(1024) unsigned char name[]

// wgmma, TMA and setmaxnreg are those of compute capability 9.0.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define STEEPEST_HAS_WGMMA
#endif

namespace steepest::cuda::ptx {

STEEPEST_INLINE uint32_t sharedAddress(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// ---- warps

// The lanes of the warp whose number is that of this one, all of which are there; and how many bits are set.
STEEPEST_INLINE uint32_t lanesWith(uint32_t number) { return __match_any_sync(0xffffffffu, number); }
STEEPEST_INLINE uint32_t bitsOf(uint32_t mask) { return static_cast<uint32_t>(__popc(mask)); }

// ---- copies to shared memory of 4 or 16 bytes at multiples of them, which go on while their thread does (cp.async)

// Zeros instead when nothing is `there`; `from` is not read then.
template <int kBytes>
STEEPEST_INLINE void copyAsync(void* to, const void* from, bool there) {
  static_assert(kBytes == 4 || kBytes == 16, "has an instruction here");
  const int bytes = there ? kBytes : 0;
  if (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(sharedAddress(to)), "l"(from), "r"(bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(sharedAddress(to)), "l"(from), "r"(bytes)
                 : "memory");
  }
}
// This thread's copies since the last call are a group.
STEEPEST_INLINE void closeCopies() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
// Until all groups but the last kGroups have arrived, for this thread: others see them behind a barrier.
template <int kGroups>
STEEPEST_INLINE void awaitCopies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kGroups) : "memory");
}

// 2^x, within 2^-22 of it; zero where that is subnormal (ex2.approx).
STEEPEST_INLINE float powerOfTwo(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

// ---- tensor cores of every kind

// Two numbers rounded to bfloat16, to the nearest and to even; subnormal ones to zero. `low` is the lower half.
STEEPEST_INLINE uint32_t packBfloat16(float low, float high) {
  uint32_t packed;
  asm("{\n.reg .f32 x, y;\nmul.rn.ftz.f32 x, %1, 0f3f800000;\nmul.rn.ftz.f32 y, %2, 0f3f800000;\n"
      "cvt.rn.bf16x2.f32 %0, y, x;\n}\n"
      : "=r"(packed)
      : "f"(low), "f"(high));
  return packed;
}

// The same of numbers that are not subnormal, as those of powerOfTwo.
STEEPEST_INLINE uint32_t packNormalBfloat16(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// Four 8 x 8 matrices of 16-bit numbers; lane 8 i + j names row j of matrix i, 16 bytes at a multiple of 16. A lane gets
// elements 2 (lane % 4) and the next one of row lane / 4, or with kTransposed, of that column.
template <bool kTransposed>
STEEPEST_INLINE void loadMatrices(uint32_t* to, const void* row) {
  if (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(sharedAddress(row))
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(sharedAddress(row))
                 : "memory");
  }
}

// sums [16, 8] += a [16, 16] b [16, 8] of a warp, mma.m16n8k16. With g = lane / 4 and t = lane % 4: sums are rows g, g, g + 8,
// g + 8 of columns 2 t, 2 t + 1; words of a (g, 2 t), (g + 8, 2 t), (g, 2 t + 8), (g + 8, 2 t + 8) and the column after; words
// of b (2 t, g), (2 t + 8, g) and the row after.
STEEPEST_INLINE void multiplyBfloat16(float (*sums)[2], const uint32_t* a, const uint32_t* b) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};\n"
      : "+f"(sums[0][0]), "+f"(sums[0][1]), "+f"(sums[1][0]), "+f"(sums[1][1])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The bits of a number rounded to tf32, 11 bits of mantissa: to the nearest, ties away from zero. The others are 0.
STEEPEST_INLINE uint32_t toTf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(bits) : "f"(x));
  return bits;
}

// sums [16, 8] += a [16, 8] b [8, 8] of a warp, mma.m16n8k8. Sums as above; words of a (g, t), (g + 8, t), (g, t + 4),
// (g + 8, t + 4); words of b (t, g), (t + 4, g).
STEEPEST_INLINE void multiplyTf32(float (*sums)[2], const uint32_t* a, const uint32_t* b) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};\n"
      : "+f"(sums[0][0]), "+f"(sums[0][1]), "+f"(sums[1][0]), "+f"(sums[1][1])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// sums [16, 8] += a [16, 32] b [32, 8] of int8 numbers, mma.m16n8k32; sums as above, and no overflow is noticed. Words, of four
// neighbours along k, of a (g, 4 t), (g + 8, 4 t), (g, 4 t + 16), (g + 8, 4 t + 16); of b (4 t, g), (4 t + 16, g).
STEEPEST_INLINE void multiplyInt8(int32_t (*sums)[2], const uint32_t* a, const uint32_t* b) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};\n"
      : "+r"(sums[0][0]), "+r"(sums[0][1]), "+r"(sums[1][0]), "+r"(sums[1][1])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#ifdef STEEPEST_HAS_WGMMA

// The way back of loadMatrices: a lane gives elements 2 (lane % 4) and the next one of row lane / 4 of each matrix.
STEEPEST_INLINE void storeMatrices(void* row, const uint32_t (&words)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};\n" ::"r"(sharedAddress(row)),
               "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3])
               : "memory");
}

// ---- barriers in shared memory: a phase ends when `count` arrivals and all bytes that were announced have come

STEEPEST_INLINE void initBarrier(uint64_t* barrier, uint32_t count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(sharedAddress(barrier)), "r"(count) : "memory");
}
// Between what this thread has read or written itself in shared memory and copies (TMA) to the same place, and before it lets
// others ask for them: those go by another way to memory, the async proxy, which barriers alone do not wait for.
STEEPEST_INLINE void fenceCopies() { asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory"); }
// Before copies may use new barriers. The block has to meet at __syncthreads as well.
STEEPEST_INLINE void fenceBarriers() {
  asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");
  fenceCopies();
}
STEEPEST_INLINE void arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(sharedAddress(barrier)) : "memory");
}
// Arrives, and announces bytes that copies will bring in this phase.
STEEPEST_INLINE void arriveExpecting(uint64_t* barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(sharedAddress(barrier)), "r"(bytes)
               : "memory");
}
// Until the phase of this parity is over: 0 is the first one, 1 the one before it, which is over from the start.
STEEPEST_INLINE void awaitPhase(uint64_t* barrier, uint32_t parity) {
  uint32_t over;
  do {
    asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}\n"
                 : "=r"(over)
                 : "r"(sharedAddress(barrier)), "r"(parity)
                 : "memory");
  } while (over == 0);
}

// ---- blocks of a cluster, whose shared memory and barriers lie at the same places

STEEPEST_INLINE uint32_t memberOfCluster() {
  uint32_t member;
  asm volatile("mov.u32 %0, %%cluster_ctarank;\n" : "=r"(member));
  return member;
}
// All threads of the cluster, each with all that it has done.
STEEPEST_INLINE void meetCluster() {
  __syncwarp();  // the instructions are for warps
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n" ::: "memory");
}
// At the barrier of another block, or of this one. It says that something has been read, and not what this thread has written:
// a release for the cluster would be a fence of all memory.
STEEPEST_INLINE void arriveAt(uint64_t* barrier, uint32_t member) {
  asm volatile(
      "{\n.reg .b32 at;\nmapa.shared::cluster.u32 at, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [at];\n}\n" ::"r"(sharedAddress(barrier)),
      "r"(member)
      : "memory");
}

// ---- copies of boxes of a tensor to shared memory, at a multiple of 1024 bytes (TMA)

STEEPEST_INLINE void prefetch(const TensorMap* map) {
  asm volatile("prefetch.tensormap [%0];\n" ::"l"(map) : "memory");
}
// The box at x, y, z, innermost first. Its bytes arrive at the barrier; what is outside of the tensor is zeros.
STEEPEST_INLINE void copyBox(void* to, const TensorMap* map, int x, int y, int z, uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];\n" ::"r"(sharedAddress(to)),
      "l"(map), "r"(sharedAddress(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
}

// The same for the first kMembers blocks of the cluster: it comes to the same place in each, and arrives at the barrier there.
template <int kMembers>
STEEPEST_INLINE void copyBoxToAll(void* to, const TensorMap* map, int x, int y, int z, uint64_t* barrier) {
  const uint16_t all = (1u << kMembers) - 1;
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, "
      "{%3, %4, %5}], [%2], %6;\n" ::"r"(sharedAddress(to)),
      "l"(map), "r"(sharedAddress(barrier)), "r"(x), "r"(y), "r"(z), "h"(all)
      : "memory");
}

// Neighbours, as many bytes as are a multiple of 16, from such an address to such an address; they arrive at the barrier.
STEEPEST_INLINE void copyBytes(void* to, const void* from, uint32_t bytes, uint64_t* barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];\n" ::"r"(
                   sharedAddress(to)),
               "l"(from), "r"(bytes), "r"(sharedAddress(barrier))
               : "memory");
}

// Pixels of images with one to three axes, innermost first, and their numbers from `channel` on, as many as the map of patches says
// (im2col): from `at` on through the box of the map, which is what a filter's first tap sees, row after row and image after
// image. All that is read lies `offset` behind it, which is where another tap is.
template <int kAxes>
STEEPEST_INLINE void copyPatches(void* to, const TensorMap* map, int channel, const int (&at)[3], int image,
                                 const int (&offset)[3], uint64_t* barrier) {
  const uint16_t x = static_cast<uint16_t>(offset[0]), y = static_cast<uint16_t>(offset[1]),
                 z = static_cast<uint16_t>(offset[2]);
  if constexpr (kAxes == 1) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
        "[%2], {%6};\n" ::"r"(sharedAddress(to)),
        "l"(map), "r"(sharedAddress(barrier)), "r"(channel), "r"(at[0]), "r"(image), "h"(x)
        : "memory");
  } else if constexpr (kAxes == 2) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, "
        "%6}], [%2], {%7, %8};\n" ::"r"(sharedAddress(to)),
        "l"(map), "r"(sharedAddress(barrier)), "r"(channel), "r"(at[0]), "r"(at[1]), "r"(image), "h"(x), "h"(y)
        : "memory");
  } else {
    asm volatile(
        "cp.async.bulk.tensor.5d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, "
        "%6, %7}], [%2], {%8, %9, %10};\n" ::"r"(sharedAddress(to)),
        "l"(map), "r"(sharedAddress(barrier)), "r"(channel), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(image), "h"(x),
        "h"(y), "h"(z)
        : "memory");
  }
}

// ---- the way back, which goes on while its thread does. All who have written to the box call fenceCopies() and then meet who asks

// The box at x, y, z; what is outside of the tensor goes nowhere.
STEEPEST_INLINE void storeBox(const TensorMap* map, const void* from, int x, int y, int z) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group [%0, {%2, %3, %4}], [%1];\n" ::"l"(map),
               "r"(sharedAddress(from)), "r"(x), "r"(y), "r"(z)
               : "memory");
}
// This thread's boxes since the last call are a group.
STEEPEST_INLINE void closeStores() { asm volatile("cp.async.bulk.commit_group;\n" ::: "memory"); }
// Until shared memory has been read for all groups but the last kGroups.
template <int kGroups>
STEEPEST_INLINE void awaitStores() {
  asm volatile("cp.async.bulk.wait_group.read %0;\n" ::"n"(kGroups) : "memory");
}
// Until all groups are in memory.
STEEPEST_INLINE void finishStores() { asm volatile("cp.async.bulk.wait_group 0;\n" ::: "memory"); }

// ---- products of warp groups (wgmma): 128 threads, operands in shared memory, sums in registers

// Of a matrix in 128-byte runs that copyBox has swizzled. Runs along k: 8 of them, for 8 rows, are `stride` bytes from the next
// 8. Runs along rows (64 of them): 8 runs along k are `stride` bytes from the next 8, and 64 rows `leading` bytes from the next.
STEEPEST_INLINE uint64_t describeMatrix(const void* p, uint32_t leading, uint32_t stride) {
  return static_cast<uint64_t>((sharedAddress(p) & 0x3ffff) >> 4) | static_cast<uint64_t>(leading >> 4) << 16 |
         static_cast<uint64_t>(stride >> 4) << 32 | 1ull << 62;
}
// Before the first product, and whenever others have written the registers of the sums.
STEEPEST_INLINE void fenceProducts() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
// The products since the last call are a group.
STEEPEST_INLINE void closeProducts() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
// Until all groups but the last kGroups are done with registers and shared memory.
template <int kGroups>
STEEPEST_INLINE void awaitProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(kGroups) : "memory");
}

// Behind a wait: sums of the products that it has waited for. The compiler reads them no earlier.
template <int kRuns>
STEEPEST_INLINE void readProducts(float (&sums)[kRuns][2]) {
#pragma unroll
  for (int i = 0; i < kRuns; ++i) asm volatile("" : "+f"(sums[i][0]), "+f"(sums[i][1])::"memory");
}

// The sums of a product as the first operands of an asm statement, from number i on, and their places in its text.
#define STEEPEST_SUMS8(d, i)                                                                                           \
  "+f"(d[(i) / 2][0]), "+f"(d[(i) / 2][1]), "+f"(d[(i) / 2 + 1][0]), "+f"(d[(i) / 2 + 1][1]), "+f"(d[(i) / 2 + 2][0]), \
      "+f"(d[(i) / 2 + 2][1]), "+f"(d[(i) / 2 + 3][0]), "+f"(d[(i) / 2 + 3][1])
#define STEEPEST_SUMS32(d, i) \
  STEEPEST_SUMS8(d, i), STEEPEST_SUMS8(d, i + 8), STEEPEST_SUMS8(d, i + 16), STEEPEST_SUMS8(d, i + 24)
#define STEEPEST_SUMS64(d, i) STEEPEST_SUMS32(d, i), STEEPEST_SUMS32(d, i + 32)
#define STEEPEST_SUMS128(d, i) STEEPEST_SUMS64(d, i), STEEPEST_SUMS64(d, i + 64)
#define STEEPEST_PLACES32                                                          \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17" \
  ", %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define STEEPEST_PLACES64                                                                      \
  STEEPEST_PLACES32                                                                            \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49" \
  ", %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define STEEPEST_PLACES128                                                                                       \
  STEEPEST_PLACES64                                                                                              \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81"                   \
  ", %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99"                   \
  ", %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, %117" \
  ", %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

#define STEEPEST_WGMMA(shape, numbers, sums, accumulate, operands)                                                \
  "{\n.reg .pred p;\nsetp.ne.b32 p, " accumulate ", 0;\nwgmma.mma_async.sync.aligned.m64n" #shape ".f32." numbers \
  "." numbers " {" STEEPEST_PLACES##sums "}, " operands ";\n}\n"

// The three products of so many columns, by instructions of so many sums each; i0 to i6 are the operands behind the sums.
#define STEEPEST_PRODUCTS(columns, sums, i0, i1, i2, i3, i4, i5, i6)                                                  \
  template <bool kTransposedA, bool kTransposedB>                                                                     \
  STEEPEST_INLINE void multiplyGroup(float (&d)[(sums) / 2][2], uint64_t a, uint64_t b, bool accumulate) {            \
    asm volatile(STEEPEST_WGMMA(columns##k16, "bf16", sums, i2, i0 ", " i1 ", p, 1, 1, " i3 ", " i4)                  \
                 : STEEPEST_SUMS##sums(d, 0)                                                                          \
                 : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), "n"(static_cast<int>(kTransposedA)),            \
                   "n"(static_cast<int>(kTransposedB)));                                                              \
  }                                                                                                                   \
  template <bool kTransposedB>                                                                                        \
  STEEPEST_INLINE void multiplyHeld(float (&d)[(sums) / 2][2], const uint32_t (&a)[4], uint64_t b, bool accumulate) { \
    asm volatile(                                                                                                     \
        STEEPEST_WGMMA(columns##k16, "bf16", sums, i5, "{" i0 ", " i1 ", " i2 ", " i3 "}, " i4 ", p, 1, 1, " i6)      \
        : STEEPEST_SUMS##sums(d, 0)                                                                                   \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulate)),                      \
          "n"(static_cast<int>(kTransposedB)));                                                                       \
  }                                                                                                                   \
  STEEPEST_INLINE void multiplyGroupTf32(float (&d)[(sums) / 2][2], uint64_t a, uint64_t b, bool accumulate) {        \
    asm volatile(STEEPEST_WGMMA(columns##k8, "tf32", sums, i2, i0 ", " i1 ", p, 1, 1")                                \
                 : STEEPEST_SUMS##sums(d, 0)                                                                          \
                 : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));                                                \
  }

// multiplyGroup: sums [64, columns] (+)= a [64, 16] b [16, columns] of bfloat16 numbers. Operands lie along k, or transposed,
// along their other axis. A thread's sums, with g = lane / 4 and t = lane % 4: [2 j + i] are row 16 warp + g + 8 i and columns
// 8 j + 2 t and the next one.
// multiplyHeld: the same with a in registers, which stay as they are until the product has been waited for. Words are those of
// row 16 warp + g, 8 below it, and both again, of columns 2 t and, of the second two, 2 t + 8, and the one after each.
// multiplyGroupTf32: the first in tf32, a [64, 8] b [8, columns], both along k.
STEEPEST_PRODUCTS(64, 32, "%32", "%33", "%34", "%35", "%36", "%37", "%38")
STEEPEST_PRODUCTS(128, 64, "%64", "%65", "%66", "%67", "%68", "%69", "%70")
STEEPEST_PRODUCTS(256, 128, "%128", "%129", "%130", "%131", "%132", "%133", "%134")
#undef STEEPEST_PRODUCTS
#undef STEEPEST_WGMMA
#undef STEEPEST_PLACES32
#undef STEEPEST_PLACES64
#undef STEEPEST_PLACES128
#undef STEEPEST_SUMS8
#undef STEEPEST_SUMS32
#undef STEEPEST_SUMS64
#undef STEEPEST_SUMS128

// Registers of each thread of the warp group, given back or taken.
template <int kRegisters>
STEEPEST_INLINE void fewerRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(kRegisters));
}
template <int kRegisters>
STEEPEST_INLINE void moreRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(kRegisters));
}

#endif

}  // namespace steepest::cuda::ptx

#endif
