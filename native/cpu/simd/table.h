// The kernels' inner loops, compiled once per CPU target from the same sources and chosen once by CPUID.
//
// simd/target_*.cc define the target and include the families' *.inl files. Those files are compiled with the target's
// flags, so they may hold no STL, no inline library code and no static initialisers: the linker could keep their copy for
// every CPU. They speak raw pointers; everything around them (binding, chunking) is ordinary code in native/cpu.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest {

struct TileFunctions;     // see program.h
struct GemmKernels;       // see ../gemm.h
struct Int8Kernels;       // see ../gemm_int8.h
struct RowKernels;        // see ../rows.h
struct ChannelKernels;    // see ../channels.h
struct LimitKernels;      // see ../limits.h
struct AttentionKernels;  // see ../attention.h
struct NormalizeKernels;  // see ../normalize.h
struct WinogradKernels;   // see ../winograd_kernels.h
struct ConvKernels;       // see ../conv_kernels.h

// One per target.
struct Simd {
  const char* name;  // "baseline", "avx2", "avx512", "avx512vnni", "avx512bf16", "avx512amx"
  int width;         // float32 lanes of a vector
  const TileFunctions* tile;
  const GemmKernels* gemm;
  // Of operands rounded to bfloat16: with float32 instructions, and in the fastest way that there is.
  const GemmKernels* gemmRounded;
  const GemmKernels* gemmBf16;
  const Int8Kernels* int8;  // products of int8 numbers
  const RowKernels* rows;
  const ChannelKernels* channels;
  const LimitKernels* limits;
  const AttentionKernels* attention;
  const NormalizeKernels* normalize;
  const WinogradKernels* winograd;  // of kWinogradKinds
  const ConvKernels* conv;
};

// The best the CPU has, or what STEEPEST_CPU names (throws std::invalid_argument when this CPU lacks it).
const Simd& simd();
// Every target this build has and this CPU can run, best first: the tests run them all.
const Simd* const* simdTargets(size_t* count);
// Tests only: makes `simd()` return the named target for instructions bound from now on.
bool selectSimd(const char* name);

}  // namespace steepest
