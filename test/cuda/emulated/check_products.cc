// A product on the emulated driver by one of the kernels that test/cuda/twin.test.ts has made of gemm_wgmma.cu, with a mistake in
// each: prints the largest error, relative to the largest sum, or the driver's result.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "../../../native/cuda/driver_api.h"
#include "cuda.h"
#include STEEPEST_CHECKED_KERNELS

#define ENTRY(name, symbol, parameters) extern "C" CUresult name parameters __asm__(symbol);
STEEPEST_CUDA_DRIVER(ENTRY)

using namespace steepest::cuda;

namespace {

CUdeviceptr onDevice(const std::vector<uint16_t>& numbers, CUstream stream) {
  CUdeviceptr at = 0;
  cuMemAlloc(&at, numbers.size() * 2);
  cuMemcpyHtoDAsync(at, numbers.data(), numbers.size() * 2, stream);
  return at;
}

TensorMap describe(CUdeviceptr at, uint64_t inner, uint64_t outer, uint32_t outerBox) {
  alignas(64) TensorMap map{};
  const uint64_t shape[] = {inner, outer, 1}, strides[] = {inner * 2, inner * outer * 2};
  const uint32_t box[] = {64, outerBox, 1}, steps[] = {1, 1, 1};
  cuTensorMapEncodeTiled(&map, kTensorBfloat16, 3, reinterpret_cast<void*>(at), shape, strides, box, steps, 0,
                         kTensorSwizzle128, kTensorPromote256, 0);
  return map;
}

}  // namespace

int main(int, char** words) {
  constexpr int64_t m = 128, n = 256, k = 448;  // the stages are used again and again
  CUcontext context;
  CUstream stream;
  CUmodule module;
  CUfunction kernel;
  cuInit(0);
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxSetCurrent(context);
  cuStreamCreate(&stream, 0);
  std::vector<uint16_t> a(m * k), b(n * k);
  uint32_t state = 1;
  const auto draw = [&] {
    state = state * 1664525u + 1013904223u;
    return steepest::emulated::toBfloat16Bits(static_cast<float>(state >> 8) / (1 << 23) - 1.0f);
  };
  for (uint16_t& x : a) x = static_cast<uint16_t>(draw());
  for (uint16_t& x : b) x = static_cast<uint16_t>(draw());
  WgmmaArguments arguments{};
  arguments.a = describe(onDevice(a, stream), k, m, 128);
  arguments.b = describe(onDevice(b, stream), k, n, 128);
  CUdeviceptr c = 0;
  cuMemAlloc(&c, m * n * sizeof(float));
  GemmArguments& g = arguments.product;
  g.c = reinterpret_cast<float*>(c);
  g.m = m;
  g.n = n;
  g.k = g.partDepth = k;
  g.parts = g.batch.size = 1;
  g.size = m * n;
  g.cRow = n;
  cuModuleLoadData(&module, nullptr);
  cuModuleGetFunction(&kernel, module, words[1]);
  cuFuncSetAttribute(kernel, kFunctionMaxDynamicShared, static_cast<int>(wgmmaBytes(128)));
  void* parameters[] = {&arguments};
  CUresult result = cuLaunchKernel(kernel, 1, 1, 1, kWgmmaThreads, 1, 1, wgmmaBytes(128), stream, parameters, nullptr);
  if (result == kSuccess) result = cuStreamSynchronize(stream);
  if (result != kSuccess) {
    std::printf("%d\n", result);
    return 0;
  }
  std::vector<float> out(m * n);
  cuMemcpyDtoHAsync(out.data(), c, m * n * sizeof(float), stream);
  cuStreamSynchronize(stream);
  double error = 0, largest = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t d = 0; d < k; ++d) {
        sum += double{steepest::emulated::bfloat16(a[i * k + d])} * steepest::emulated::bfloat16(b[j * k + d]);
      }
      const double off = std::fabs(static_cast<double>(out[i * n + j]) - sum);
      error = off <= error ? error : off;  // no number stays
      largest = std::fmax(largest, std::fabs(sum));
    }
  }
  std::printf("%g\n", error / largest);
  return 0;
}
