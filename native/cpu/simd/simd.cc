#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "../limits.h"
#include "../winograd_kernels.h"
#include "amx.h"
#include "table.h"

namespace steepest {

namespace baseline {
extern const Simd kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Simd kernels;
}
namespace avx512 {
extern const Simd kernels;
}
namespace avx512vnni {
extern const Int8Kernels int8Kernels;
}
namespace avx512bf16 {
extern const GemmKernels gemmBf16Kernels;
extern const LimitKernels limitKernels;
extern const WinogradKernels winogradKernels[kWinogradKinds];
}  // namespace avx512bf16
namespace avx512amx {
extern const AmxKernels amxKernels;
}
#endif

namespace {

#if defined(__x86_64__)
// Whether there are tiles, and the system lets this process have them: it asks to be asked, as they take 8 KB wherever registers are saved.
bool hasAmx() {
#if defined(__linux__)
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25, kAll = kBf16 | kTile | kInt8;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return (d & kAll) == kAll && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

struct Targets {
  const Simd* list[6];
  size_t count = 0;
#if defined(__x86_64__)
  Simd avx512vnni, avx512bf16, avx512amx;
  GemmKernels amxBf16;
  Int8Kernels amxInt8;
  LimitKernels amxLimits;
#endif

  Targets() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool has2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    // Everything -march=skylake-avx512 lets the compiler use beyond AVX2.
    if (has2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
      // Every CPU with AVX512_BF16 has AVX512_VNNI.
      const bool hasVnni = __builtin_cpu_supports("avx512vnni");
      if (hasVnni) {
        avx512vnni = avx512::kernels;
        avx512vnni.name = "avx512vnni";
        avx512vnni.int8 = &avx512vnni::int8Kernels;
      }
      const bool hasBf16 = hasVnni && __builtin_cpu_supports("avx512bf16");
      if (hasBf16) {
        avx512bf16 = avx512vnni;
        avx512bf16.name = "avx512bf16";
        avx512bf16.gemmBf16 = &avx512bf16::gemmBf16Kernels;
        avx512bf16.limits = &avx512bf16::limitKernels;
        avx512bf16.winograd = avx512bf16::winogradKernels;
        if (hasAmx()) list[count++] = withAmx();
      }
      // Processors of Intel do twice as many multiply-adds in float32 as with pairs.
      const bool pairsAreSlow = __builtin_cpu_is("intel");
      if (hasBf16 && !pairsAreSlow) list[count++] = &avx512bf16;
      if (hasVnni) list[count++] = &avx512vnni;
      if (hasBf16 && pairsAreSlow) list[count++] = &avx512bf16;
      list[count++] = &avx512::kernels;
    }
    if (has2) list[count++] = &avx2::kernels;
#endif
    list[count++] = &baseline::kernels;
  }

#if defined(__x86_64__)
  const Simd* withAmx() {
    const AmxKernels& amx = avx512amx::amxKernels;
    amxBf16 = *avx512bf16.gemmBf16;
    amxBf16.rows = amx.rows;
    amxBf16.panel = amx.panel;
    amxBf16.depth = amx.depth;
    amxBf16.blockElements = amx.blockElements;
    amxBf16.block = amx.blockBf16;
    amxInt8 = *avx512bf16.int8;
    amxInt8.rows = amx.rows;
    amxInt8.panel = amx.panel;
    amxInt8.block = amx.blockInt8;
    amxInt8.opsPerRound = amx.int8OpsPerRound;
    amxInt8.multiplyAdd = amx.multiplyAddInt8;
    amxLimits = *avx512bf16.limits;
    amxLimits.bfloat16FlopsPerRound = amx.bfloat16FlopsPerRound;
    amxLimits.multiplyAddBfloat16 = amx.multiplyAddBfloat16;
    avx512amx = avx512bf16;
    avx512amx.name = "avx512amx";
    avx512amx.gemmBf16 = &amxBf16;
    avx512amx.int8 = &amxInt8;
    avx512amx.limits = &amxLimits;
    return &avx512amx;
  }
#endif

  const Simd* find(const char* name) const {
    for (size_t i = 0; i < count; ++i) {
      if (std::strcmp(list[i]->name, name) == 0) return list[i];
    }
    return nullptr;
  }
};

const Targets& targets() {
  static const Targets value;
  return value;
}

std::atomic<const Simd*> selected{nullptr};

const Simd* choose() {
  const char* name = std::getenv("STEEPEST_CPU");
  if (name == nullptr || *name == '\0') return targets().list[0];
  if (const Simd* found = targets().find(name)) return found;
  std::string have;
  for (size_t i = 0; i < targets().count; ++i) have += (i ? ", " : "") + std::string(targets().list[i]->name);
  throw std::invalid_argument("STEEPEST_CPU: expected one of " + have + " on this CPU, got '" + name + "'");
}

}  // namespace

const Simd& simd() {
  const Simd* current = selected.load(std::memory_order_acquire);
  if (current == nullptr) {
    current = choose();
    selected.store(current, std::memory_order_release);
  }
  return *current;
}

const Simd* const* simdTargets(size_t* count) {
  *count = targets().count;
  return targets().list;
}

bool selectSimd(const char* name) {
  const Simd* found = targets().find(name);
  if (found != nullptr) selected.store(found, std::memory_order_release);
  return found != nullptr;
}

}  // namespace steepest
