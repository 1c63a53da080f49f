// Our declarations of the driver's API (native/cuda/driver_api.h) beside those of the toolkit's cuda.h: names with their versions,
// numbers, parameters one by one, layouts. It is compiled where there is a toolkit, and says what differs by not compiling.
#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

// With other types of the same names. Those of functions are macros of cuda.h (cuMemAlloc is cuMemAlloc_v2) there as here.
namespace ours {
#include "../../native/cuda/driver_api.h"
}
#include "../../native/cuda/kernels/tensor_map.h"

namespace {

using namespace ours::steepest::cuda;

template <typename T, typename = void>
constexpr size_t kSize = 0;  // nobody knows
template <typename T>
constexpr size_t kSize<T, std::enable_if_t<!std::is_void_v<T>, decltype(void(sizeof(T)))>> = sizeof(T);

// Of parameters: numbers of the same size and kind, addresses of such numbers, of structs of the same size, or of something unknown.
template <typename Own, typename Theirs>
constexpr bool matches() {
  if constexpr (std::is_pointer_v<Own> || std::is_pointer_v<Theirs>) {
    if (std::is_pointer_v<Own> != std::is_pointer_v<Theirs>) return false;
    using OwnTo = std::remove_pointer_t<Own>;
    using TheirsTo = std::remove_pointer_t<Theirs>;
    if constexpr (std::is_class_v<OwnTo> || kSize<OwnTo> == 0 || kSize<TheirsTo> == 0) {
      return kSize<OwnTo> == 0 || kSize<OwnTo> == kSize<TheirsTo>;
    } else {
      return std::is_const_v<OwnTo> == std::is_const_v<TheirsTo> &&
             matches<std::remove_const_t<OwnTo>, std::remove_const_t<TheirsTo>>();
    }
  } else {
    return std::is_floating_point_v<Own> == std::is_floating_point_v<Theirs> && sizeof(Own) == sizeof(Theirs);
  }
}

template <typename Own, typename Theirs>
constexpr bool kSame = false;
template <typename OwnResult, typename... Own, typename TheirResult, typename... Theirs>
constexpr bool kSame<OwnResult(Own...), TheirResult(Theirs...)> = [] {
  if constexpr (sizeof...(Own) != sizeof...(Theirs)) {
    return false;
  } else {
    return matches<OwnResult, TheirResult>() && (matches<Own, Theirs>() && ...);
  }
}();

}  // namespace

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
namespace ours {
#define ENTRY(name, symbol, parameters)                                   \
  static_assert(std::string_view(TEXT(name)) == symbol, symbol ": name"); \
  static_assert(kSame<CUresult parameters, decltype(::name)>, symbol ": parameters");
STEEPEST_CUDA_DRIVER(ENTRY)
}  // namespace ours

#define SAME(own, theirs) static_assert(static_cast<long long>(own) == static_cast<long long>(theirs), #theirs)

SAME(kSuccess, CUDA_SUCCESS);
SAME(kInvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(kNoDevice, CUDA_ERROR_NO_DEVICE);
SAME(kInvalidImage, CUDA_ERROR_INVALID_IMAGE);
SAME(kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(kUncorrectableError, CUDA_ERROR_ECC_UNCORRECTABLE);
SAME(kInvalidPtx, CUDA_ERROR_INVALID_PTX);
SAME(kNvlinkError, CUDA_ERROR_NVLINK_UNCORRECTABLE);
SAME(kNoJitCompiler, CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
SAME(kUnsupportedPtx, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
SAME(kJitDisabled, CUDA_ERROR_JIT_COMPILATION_DISABLED);
SAME(kContainedError, CUDA_ERROR_CONTAINED);
SAME(kNotFound, CUDA_ERROR_NOT_FOUND);
SAME(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(kOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
SAME(kLaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
SAME(kCooperativeLaunchTooLarge, CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
SAME(kDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
SAME(kCannotCapture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
SAME(kUnknown, CUDA_ERROR_UNKNOWN);
SAME(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
SAME(kHostDeviceMap, CU_MEMHOSTALLOC_DEVICEMAP);
SAME(kCaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
SAME(kJitErrorLog, CU_JIT_ERROR_LOG_BUFFER);
SAME(kJitErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
SAME(kAttributeMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(kAttributeMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(kAttributeMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(kAttributeCooperative, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH);
SAME(kAttributeSharedOfBlock, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(kFunctionMaxDynamicShared, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(kTensorFloat32, CU_TENSOR_MAP_DATA_TYPE_FLOAT32);
SAME(kTensorBfloat16, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16);
SAME(kTensorSwizzle128, CU_TENSOR_MAP_SWIZZLE_128B);
SAME(kTensorPromote256, CU_TENSOR_MAP_L2_PROMOTION_L2_256B);

using OwnMap = steepest::cuda::TensorMap;
SAME(sizeof(OwnMap), sizeof(CUtensorMap));

using OwnConfig = LaunchConfig;
SAME(sizeof(OwnConfig), sizeof(CUlaunchConfig));
SAME(offsetof(OwnConfig, grid), offsetof(CUlaunchConfig, gridDimX));
SAME(offsetof(OwnConfig, block), offsetof(CUlaunchConfig, blockDimX));
SAME(offsetof(OwnConfig, sharedBytes), offsetof(CUlaunchConfig, sharedMemBytes));
SAME(offsetof(OwnConfig, stream), offsetof(CUlaunchConfig, hStream));
SAME(offsetof(OwnConfig, attributes), offsetof(CUlaunchConfig, attrs));
SAME(offsetof(OwnConfig, attributeCount), offsetof(CUlaunchConfig, numAttrs));
