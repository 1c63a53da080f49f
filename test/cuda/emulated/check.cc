// What the emulator has to notice: each mistake is made by a kernel, or a call, of this program. Linked with the emulated
// driver by test/cuda/emulator.test.ts; prints one line for each.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "check_device.h"
#include "cuda.h"

using namespace steepest::cuda;

namespace {

struct Numbers {
  float* data;
  int64_t count;
};

STEEPEST_KERNEL(fill, Numbers a) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < a.count) a.data[i] = static_cast<float>(i);
}

STEEPEST_TILED_KERNEL(32, 1, warp, Numbers) {}
STEEPEST_KERNEL(before, Numbers a) { a.data[-1] = 1; }

// Each thread takes what its neighbour left before the barrier, and then what a lane of its warp holds.
STEEPEST_KERNEL(rotate, Numbers a) {
  __shared__ float shared[64];
  shared[threadIdx.x] = a.data[threadIdx.x];
  __syncthreads();
  const float next = shared[(threadIdx.x + 1) % blockDim.x];
  a.data[threadIdx.x] = next + __shfl_xor_sync(0xffffffffu, next, 1);
}

STEEPEST_KERNEL(half, Numbers a) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    for (;;) __syncwarp(a.count == 0 ? 1u : 0xffffffffu);
  }
}

CUstream stream;

CUresult launch(const char* name, Numbers numbers, unsigned threads) {
  CUmodule module;
  CUfunction function;
  cuModuleLoadData(&module, nullptr);
  cuModuleGetFunction(&function, module, name);
  void* parameters[] = {&numbers};
  const CUresult result = cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
  return result != 0 ? result : cuStreamSynchronize(stream);
}

// Assembles the PTX of a file and runs its kernel, -x^T for x [6, 8] (test/cuda/random-plans.ts), on 0, 1, 2, ...
int runText(const char* file) {
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  char log[256] = "";
  int options[] = {kJitErrorLog, kJitErrorLogBytes};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  CUmodule module;
  CUfunction function;
  CUresult result = cuModuleLoadDataEx(&module, text.c_str(), 2, options, values);
  if (result != 0) {
    std::printf("%d %s\n", result, log);
    return 0;
  }
  cuModuleGetFunction(&function, module, "map");
  CUdeviceptr x, y;
  cuMemAlloc(&x, 48 * sizeof(float));
  cuMemAlloc(&y, 48 * sizeof(float));
  std::vector<float> numbers(48);
  for (int i = 0; i < 48; ++i) numbers[i] = static_cast<float>(i);
  cuMemcpyHtoDAsync(x, numbers.data(), 192, stream);
  uint64_t arguments[] = {0, 0, 1, uint64_t{1} << 32, 48, x, y, 0, 0};  // native/cuda/emit/map.h
  void* parameters[] = {arguments};
  result = cuLaunchKernel(function, 1, 1, 1, 128, 1, 1, 0, stream, parameters, nullptr);
  if (result == 0) result = cuStreamSynchronize(stream);
  cuMemcpyDtoHAsync(numbers.data(), y, 192, stream);
  cuStreamSynchronize(stream);
  std::printf("%d %g %g %g %g\n", result, numbers[0], numbers[1], numbers[6], numbers[47]);
  return 0;
}

// Loads and unloads a module, with one thing done at another time than it should be.
int unload(const std::string& other) {
  const char* const text =
      ".version 7.0\n.target sm_80\n.address_size 64\n\n.visible .entry nothing(.param .align 8 .b8 arguments[8])\n"
      ".maxntid 32, 1, 1\n{\n\tret;\n}\n";
  CUmodule module;
  CUfunction function;
  CUgraph graph;
  uint64_t argument = 0;
  void* parameters[] = {&argument};
  const auto run = [&] { return cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr); };
  CUresult result = cuModuleLoadDataEx(&module, text, 0, nullptr, nullptr);
  if (result == 0) result = cuModuleGetFunction(&function, module, "nothing");
  if (other == "graph" || other == "graph that is gone") {
    cuStreamBeginCapture(stream, kCaptureThreadLocal);
    run();
    cuStreamEndCapture(stream, &graph);
  }
  if (other == "graph that is gone") cuGraphDestroy(graph);
  if (result == 0) result = run();
  if (other != "under way") cuStreamSynchronize(stream);
  if (other == "while capturing") cuStreamBeginCapture(stream, kCaptureThreadLocal);
  if (result == 0) result = cuModuleUnload(module);
  if (other == "twice") result = cuModuleUnload(module);
  if (other == "launch") result = run();
  if (other == "shared memory") result = cuFuncSetAttribute(function, kFunctionMaxDynamicShared, 1 << 16);
  std::printf("%d %d\n", result, other == "while capturing" ? 0 : cuStreamSynchronize(stream));
  return 0;
}

// Describes patches of images [2, 6, 5, 8] of bfloat16 numbers, with one argument other than it should be.
int describe(const std::string& other) {
  CUdeviceptr x;
  cuMemAlloc(&x, 2 * 6 * 5 * 8 * 2 + (other == "axes" ? 4096 : 0));
  alignas(64) unsigned char maps[192];
  uint64_t shape[] = {8, 5, 6, 2, 1}, strides[] = {16, 80, 480, 960};
  int lower[] = {-1, -1, 0}, upper[] = {-1, -1, 0};
  uint32_t steps[] = {1, 2, 1, 1, 1}, channels = 64, pixels = 128;
  if (other == "memory") shape[3] = 3;
  if (other == "empty") lower[0] = 4;
  if (other == "corner") lower[0] = -129;
  if (other == "corners") upper[1] = 128;
  if (other == "stride") strides[0] = 24;
  if (other == "overlap") strides[1] = 64;
  if (other == "step") steps[1] = 9;
  if (other == "run") channels = 72;
  if (other == "pixels") pixels = 1025;
  if (other == "axis") shape[2] = 0;
  const CUresult result = cuTensorMapEncodeIm2col(
      maps + (other == "map" ? 16 : 0), kTensorBfloat16, other == "axes" ? 6 : 4,
      reinterpret_cast<void*>(x + (other == "address" ? 8 : 0)), shape, strides, lower, upper, channels, pixels, steps, 0,
      kTensorSwizzle128, kTensorPromote256, 0);
  std::printf("%d\n", result);
  return 0;
}

}  // namespace

int main(int, char** words) {
  stream = openStream();
  CUdeviceptr device;
  cuMemAlloc(&device, 64 * sizeof(float));
  auto* const data = reinterpret_cast<float*>(device);
  std::vector<float> host(64);
  const char what = words[1][0];
  if (what == 'p') return runText(words[2]);
  if (what == 't') return describe(words[2]);
  if (what == 'u') return unload(words[2]);
  CUresult result = 0;
  if (what == 'r') {  // right
    result = launch("fill", {data, 64}, 64);
    if (result == 0) result = launch("rotate", {data, 64}, 64);
    cuMemcpyDtoHAsync(host.data(), device, 256, stream);
    std::printf("%g %g %g ", host[0], host[1], host[63]);
  }
  if (what == 'w') result = launch("warp", {data, 64}, 64);                // more threads than it has registers for
  if (what == 'b') result = launch("fill", {data, 65}, 65);                // behind the block
  if (what == 'f') result = launch("before", {data, 64}, 1);               // in front of it
  if (what == 'h') result = launch("fill", {host.data(), 64}, 64);         // host memory
  if (what == 'd') result = launch("half", {data, 64}, 64);                // a barrier for some threads only
  if (what == 'c') result = cuMemcpyHtoDAsync(reinterpret_cast<CUdeviceptr>(host.data()), host.data(), 4, stream);
  if (what == 'o') result = cuMemcpyDtoHAsync(data, device, 4, stream);    // a device address as the host's
  if (what == 'l') result = cuMemcpyHtoDAsync(device + 8, host.data(), 256, stream);  // longer than the block
  if (what == 'a') {  // memory while a stream is captured
    CUgraph graph;
    CUdeviceptr more;
    cuStreamBeginCapture(stream, kCaptureThreadLocal);
    result = cuMemAlloc(&more, 4);
    cuStreamEndCapture(stream, &graph);
  }
  if (what == 's') {  // host memory that changes before it is copied
    cuMemcpyHtoDAsync(device, host.data(), 256, stream);
    std::fill(host.begin(), host.end(), 5.0f);
    std::vector<float> back(64);
    cuMemcpyDtoHAsync(back.data(), device, 256, stream);
    std::printf("%g ", back[0]);
  }
  std::printf("%d %d\n", result, cuMemFree(device));  // a fault stays
  return 0;
}
