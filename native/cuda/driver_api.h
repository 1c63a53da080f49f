// The part of NVIDIA's driver API that is used, declared by us: building needs no toolkit. Numbers and layouts are those of
// its documented, stable ABI.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st* CUcontext;
typedef struct CUstream_st* CUstream;
typedef struct CUevent_st* CUevent;
typedef struct CUmod_st* CUmodule;
typedef struct CUfunc_st* CUfunction;
typedef struct CUgraph_st* CUgraph;
typedef struct CUgraphExec_st* CUgraphExec;

}  // extern "C"

namespace steepest::cuda {

// Results that mean something to us.
constexpr CUresult kSuccess = 0;
constexpr CUresult kInvalidValue = 1;
constexpr CUresult kOutOfMemory = 2;
constexpr CUresult kNoDevice = 100;
constexpr CUresult kInvalidImage = 200;
constexpr CUresult kNoBinaryForGpu = 209;
constexpr CUresult kUncorrectableError = 214;
constexpr CUresult kInvalidPtx = 218;
constexpr CUresult kNvlinkError = 220;
constexpr CUresult kNoJitCompiler = 221;
constexpr CUresult kUnsupportedPtx = 222;
constexpr CUresult kJitDisabled = 223;
constexpr CUresult kContainedError = 226;
constexpr CUresult kNotFound = 500;
constexpr CUresult kIllegalAddress = 700;
constexpr CUresult kOutOfResources = 701;
constexpr CUresult kLaunchFailed = 719;
constexpr CUresult kCooperativeLaunchTooLarge = 720;
constexpr CUresult kDriverMismatch = 803;
constexpr CUresult kCannotCapture = 900;  // not while a stream is captured
constexpr CUresult kUnknown = 999;

constexpr unsigned kStreamNonBlocking = 1;
constexpr unsigned kEventDisableTiming = 2;
constexpr unsigned kHostDeviceMap = 2;
constexpr int kCaptureThreadLocal = 1;

constexpr int kJitErrorLog = 5;
constexpr int kJitErrorLogBytes = 6;

constexpr int kAttributeMultiprocessors = 16;
constexpr int kAttributeMajor = 75;
constexpr int kAttributeMinor = 76;
constexpr int kAttributeCooperative = 95;
constexpr int kAttributeSharedOfBlock = 97;  // that a kernel may ask for
constexpr int kFunctionMaxDynamicShared = 8;

constexpr int kTensorFloat32 = 7;  // of what a tensor map has
constexpr int kTensorBfloat16 = 9;
constexpr int kTensorSwizzle128 = 3;  // how runs of 128 bytes are put into shared memory
constexpr int kTensorPromote256 = 3;  // what is read ahead into L2, in bytes

struct LaunchConfig {
  unsigned grid[3], block[3];
  unsigned sharedBytes;
  CUstream stream;
  void* attributes;
  unsigned attributeCount;
};

// (name, symbol in the library, parameters)
#define STEEPEST_CUDA_DRIVER(ENTRY)                                                                                    \
  ENTRY(cuInit, "cuInit", (unsigned flags))                                                                            \
  ENTRY(cuDriverGetVersion, "cuDriverGetVersion", (int* version))                                                      \
  ENTRY(cuGetErrorName, "cuGetErrorName", (CUresult error, const char** text))                                         \
  ENTRY(cuGetErrorString, "cuGetErrorString", (CUresult error, const char** text))                                     \
  ENTRY(cuDeviceGetCount, "cuDeviceGetCount", (int* count))                                                            \
  ENTRY(cuDeviceGet, "cuDeviceGet", (CUdevice * device, int ordinal))                                                  \
  ENTRY(cuDeviceGetName, "cuDeviceGetName", (char* name, int length, CUdevice device))                                 \
  ENTRY(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, CUdevice device))                    \
  ENTRY(cuDeviceTotalMem, "cuDeviceTotalMem_v2", (size_t* bytes, CUdevice device))                                     \
  ENTRY(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (CUcontext * context, CUdevice device))                  \
  ENTRY(cuCtxSetCurrent, "cuCtxSetCurrent", (CUcontext context))                                                       \
  ENTRY(cuMemGetInfo, "cuMemGetInfo_v2", (size_t* free, size_t* total))                                                \
  ENTRY(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr * address, size_t bytes))                                            \
  ENTRY(cuMemFree, "cuMemFree_v2", (CUdeviceptr address))                                                              \
  ENTRY(cuMemHostAlloc, "cuMemHostAlloc", (void** address, size_t bytes, unsigned flags))                              \
  ENTRY(cuMemHostGetDevicePointer, "cuMemHostGetDevicePointer_v2", (CUdeviceptr * device, void* host, unsigned flags)) \
  ENTRY(cuMemFreeHost, "cuMemFreeHost", (void* address))                                                               \
  ENTRY(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))  \
  ENTRY(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void* to, CUdeviceptr from, size_t bytes, CUstream stream))        \
  ENTRY(cuMemsetD8Async, "cuMemsetD8Async", (CUdeviceptr to, unsigned char value, size_t n, CUstream s))               \
  ENTRY(cuStreamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))                                         \
  ENTRY(cuStreamDestroy, "cuStreamDestroy_v2", (CUstream stream))                                                      \
  ENTRY(cuStreamSynchronize, "cuStreamSynchronize", (CUstream stream))                                                 \
  ENTRY(cuStreamWaitEvent, "cuStreamWaitEvent", (CUstream stream, CUevent event, unsigned flags))                      \
  ENTRY(cuStreamBeginCapture, "cuStreamBeginCapture_v2", (CUstream stream, int mode))                                  \
  ENTRY(cuStreamEndCapture, "cuStreamEndCapture", (CUstream stream, CUgraph * graph))                                  \
  ENTRY(cuGraphInstantiateWithFlags, "cuGraphInstantiateWithFlags",                                                    \
        (CUgraphExec * executable, CUgraph graph, unsigned long long flags))                                           \
  ENTRY(cuGraphLaunch, "cuGraphLaunch", (CUgraphExec executable, CUstream stream))                                     \
  ENTRY(cuGraphDestroy, "cuGraphDestroy", (CUgraph graph))                                                             \
  ENTRY(cuGraphExecDestroy, "cuGraphExecDestroy", (CUgraphExec executable))                                            \
  ENTRY(cuEventCreate, "cuEventCreate", (CUevent * event, unsigned flags))                                             \
  ENTRY(cuEventDestroy, "cuEventDestroy_v2", (CUevent event))                                                          \
  ENTRY(cuEventRecord, "cuEventRecord", (CUevent event, CUstream stream))                                              \
  ENTRY(cuEventSynchronize, "cuEventSynchronize", (CUevent event))                                                     \
  ENTRY(cuModuleLoadData, "cuModuleLoadData", (CUmodule * module, const void* image))                                  \
  ENTRY(cuModuleLoadDataEx, "cuModuleLoadDataEx",                                                                      \
        (CUmodule * module, const void* image, unsigned count, int* options, void** values))                           \
  ENTRY(cuModuleUnload, "cuModuleUnload", (CUmodule module))                                                           \
  ENTRY(cuModuleGetFunction, "cuModuleGetFunction", (CUfunction * f, CUmodule module, const char* name))               \
  ENTRY(cuTensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                              \
        (void* map, int type, uint32_t rank, void* address, const uint64_t* shape, const uint64_t* strides,            \
         const uint32_t* box, const uint32_t* elementStrides, int interleave, int swizzle, int promotion, int fill))   \
  ENTRY(cuTensorMapEncodeIm2col, "cuTensorMapEncodeIm2col",                                                            \
        (void* map, int type, uint32_t rank, void* address, const uint64_t* shape, const uint64_t* strides,            \
         const int* lowerCorner, const int* upperCorner, uint32_t channels, uint32_t pixels,                           \
         const uint32_t* elementStrides, int interleave, int swizzle, int promotion, int fill))                        \
  ENTRY(cuFuncSetAttribute, "cuFuncSetAttribute", (CUfunction f, int attribute, int value))                            \
  ENTRY(cuOccupancyMaxActiveClusters, "cuOccupancyMaxActiveClusters",                                                  \
        (int* clusters, CUfunction f, const steepest::cuda::LaunchConfig* config))                                     \
  ENTRY(cuLaunchKernel, "cuLaunchKernel",                                                                              \
        (CUfunction f, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,               \
         unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters, void** extra))                     \
  ENTRY(cuLaunchCooperativeKernel, "cuLaunchCooperativeKernel",                                                        \
        (CUfunction f, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,               \
         unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters))

}  // namespace steepest::cuda
