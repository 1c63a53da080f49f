// What a GPU can do at most: copies, multiply-adds, tensor-core products, and what a launch and a node of a graph cost.
//
//   cuda-limits [device, default 0] [--quick]
//
// Prints one object of JSON. The runtime library is linked in, for this program only: the addon needs the driver alone.
//
// Each number is that of the fastest of some turns, by events of the device, after 0.3 s of work, in which clocks go up. Operands of tensor
// cores are random numbers, as zeros take less power; they are the same all the time, so a product of large matrices takes more.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <mma.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "../../native/cuda/kernels/ptx.h"

namespace {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}
#define CHECK(call) check(call, #call)

__global__ void copy(const float4* from, float4* to, int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) to[i] = from[i];
}

constexpr int kChains = 8;

// Independent chains of multiply-adds; the result is written so that they are not left out.
__global__ void multiplyAdd(float* out, int rounds, float x) {
  float sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = threadIdx.x + i;
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) sum[i] = fmaf(sum[i], x, 0.5f);
  }
  float total = 0;
  for (int i = 0; i < kChains; ++i) total += sum[i];
  if (total == 12345.678f) out[0] = total;
}

// The i-th of some numbers between -1 and 1.
__device__ float someNumber(uint32_t i) {
  i = (i ^ i >> 16) * 0x7feb352du;
  i = (i ^ i >> 15) * 0x846ca68bu;
  return static_cast<float>((i ^ i >> 16) >> 8) * 0x1p-23f - 1;
}

__global__ void fill(float* to, int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    to[i] = someNumber(static_cast<uint32_t>(i));
  }
}

// Products of 16x16x16 on registers (mma.sync). On Hopper this is about 60 % of what wgmma reaches.
__global__ void tensorCores(float* out, int rounds) {
  using namespace nvcuda::wmma;
  fragment<matrix_a, 16, 16, 16, __nv_bfloat16, row_major> a;
  fragment<matrix_b, 16, 16, 16, __nv_bfloat16, col_major> b;
  fragment<accumulator, 16, 16, 16, float> c[kChains];
  for (int i = 0; i < a.num_elements; ++i) a.x[i] = __float2bfloat16(someNumber(threadIdx.x * 64 + i));
  for (int i = 0; i < b.num_elements; ++i) b.x[i] = __float2bfloat16(someNumber(threadIdx.x * 64 + 32 + i));
  for (int i = 0; i < kChains; ++i) fill_fragment(c[i], 0.0f);
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) mma_sync(c[i], a, b, c[i]);
  }
  float total = 0;
  for (int i = 0; i < kChains; ++i) total += c[i].x[0];
  if (total == 12345.678f) out[0] = total;
}

// Products of two warp groups, 64x256x64 each a round, of operands that stay in shared memory (wgmma). Nothing on devices without it.
__global__ void __launch_bounds__(256) warpGroups(float* out, int rounds) {
#ifdef STEEPEST_HAS_WGMMA
  namespace ptx = steepest::cuda::ptx;
  constexpr int kBytesA = 64 * 128, kBytesB = 256 * 128;
  __shared__ __align__(1024) unsigned char operands[2 * kBytesA + kBytesB];
  auto* const numbers = reinterpret_cast<__nv_bfloat16*>(operands);
  for (int i = static_cast<int>(threadIdx.x); i < static_cast<int>(sizeof operands / 2); i += 256) {
    numbers[i] = __float2bfloat16(someNumber(i));
  }
  ptx::fenceCopies();
  __syncthreads();
  float sums[64][2] = {};
  for (int round = 0; round < rounds; ++round) {
    ptx::fenceProducts();
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      ptx::multiplyGroup<false, false>(
          sums, ptx::describeMatrix(operands + threadIdx.x / 128 * kBytesA + k * 32, 16, 1024),
          ptx::describeMatrix(operands + 2 * kBytesA + k * 32, 16, 1024), true);
    }
    ptx::closeProducts();
    ptx::awaitProducts<1>();
  }
  ptx::awaitProducts<0>();
  ptx::readProducts(sums);
  float total = 0;
  for (int i = 0; i < 64; ++i) total += sums[i][0] + sums[i][1];
  if (total == 12345.678f) out[0] = total;
#endif
}

__global__ void nothing() {}

cudaStream_t stream;

// The fastest of some turns, in seconds.
double fastest(int turns, const std::function<void()>& work) {
  cudaEvent_t begin, end;
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  float best = 1e30f;
  for (int turn = 0; turn <= turns; ++turn) {  // the first is not counted
    CHECK(cudaEventRecord(begin, stream));
    work();
    CHECK(cudaGetLastError());
    CHECK(cudaEventRecord(end, stream));
    CHECK(cudaEventSynchronize(end));
    float milliseconds = 0;
    CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
    if (turn > 0) best = std::min(best, milliseconds);
  }
  CHECK(cudaEventDestroy(begin));
  CHECK(cudaEventDestroy(end));
  return best * 1e-3;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Host seconds of a graph of `nodes` empty kernels in a row, launched and waited for.
double graphSeconds(int nodes, int turns) {
  cudaGraph_t graph;
  cudaGraphExec_t program;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < nodes; ++i) nothing<<<1, 32, 0, stream>>>();
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&program, graph, 0));
  double best = 1e30;
  for (int turn = 0; turn <= turns; ++turn) {
    const double began = now();
    CHECK(cudaGraphLaunch(program, stream));
    CHECK(cudaStreamSynchronize(stream));
    if (turn > 0) best = std::min(best, now() - began);
  }
  CHECK(cudaGraphExecDestroy(program));
  CHECK(cudaGraphDestroy(graph));
  return best;
}

}  // namespace

int main(int count, char** words) {
  int device = 0;
  bool quick = false;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--quick") == 0) quick = true;
    else device = std::atoi(words[i]);
  }
  cudaDeviceProp properties;
  CHECK(cudaSetDevice(device));
  CHECK(cudaGetDeviceProperties(&properties, device));
  CHECK(cudaStreamCreate(&stream));
  const int blocks = properties.multiProcessorCount * 8, turns = quick ? 2 : 20;

  const size_t bytes = size_t{quick ? 64u : 2048u} << 20;
  void *from, *to;
  CHECK(cudaMalloc(&from, bytes));
  CHECK(cudaMalloc(&to, bytes));
  float* const sink = static_cast<float*>(to);
  const double began = now();
  do {
    fill<<<blocks, 512, 0, stream>>>(static_cast<float*>(from), bytes / sizeof(float));
    multiplyAdd<<<blocks, 256, 0, stream>>>(sink, 2000, 0.999f);
    CHECK(cudaStreamSynchronize(stream));
  } while (now() - began < (quick ? 0 : 0.3));
  const auto moved = 2.0 * static_cast<double>(bytes);
  const double ours = fastest(turns, [&] {
    copy<<<blocks, 512, 0, stream>>>(static_cast<float4*>(from), static_cast<float4*>(to), bytes / sizeof(float4));
  });
  const double engine =
      fastest(turns, [&] { CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream)); });

  const size_t pinnedBytes = size_t{64} << 20;
  void* pinned;
  CHECK(cudaMallocHost(&pinned, pinnedBytes));
  const double in =
      fastest(turns, [&] { CHECK(cudaMemcpyAsync(to, pinned, pinnedBytes, cudaMemcpyHostToDevice, stream)); });
  const double out =
      fastest(turns, [&] { CHECK(cudaMemcpyAsync(pinned, to, pinnedBytes, cudaMemcpyDeviceToHost, stream)); });

  const int rounds = quick ? 2000 : 20000;
  const double fma = fastest(turns, [&] { multiplyAdd<<<blocks, 256, 0, stream>>>(sink, rounds, 0.999f); });
  const double fmaFlops = 2.0 * kChains * rounds * 256.0 * blocks;
  const double tensor = fastest(turns, [&] { tensorCores<<<blocks, 256, 0, stream>>>(sink, rounds); });
  const double tensorFlops = 2.0 * 16 * 16 * 16 * kChains * rounds * 8.0 * blocks;

  const bool hasWarpGroups = properties.major == 9;
  const double group =
      hasWarpGroups ? fastest(turns, [&] { warpGroups<<<properties.multiProcessorCount, 256, 0, stream>>>(sink, rounds); })
                    : 0;
  const double groupFlops = 2.0 * 2 * 64 * 256 * 64 * rounds * properties.multiProcessorCount;

  const int launches = 1000;
  const double launched = fastest(turns, [&] {
    for (int i = 0; i < launches; ++i) nothing<<<1, 32, 0, stream>>>();
  });
  const double few = graphSeconds(100, turns * 3), many = graphSeconds(1100, turns * 3);

  std::printf(
      "{\"device\":\"%s\",\"multiprocessors\":%d,\"compute_capability\":\"%d.%d\",\"memory_bytes\":%zu,\"l2_bytes\":%d,"
      "\"copy_kernel_gbytes_per_s\":%.1f,\"copy_engine_gbytes_per_s\":%.1f,\"to_device_gbytes_per_s\":%.2f,"
      "\"from_device_gbytes_per_s\":%.2f,\"fma_float32_tflop_per_s\":%.2f,\"mma_sync_bfloat16_tflop_per_s\":%.1f,"
      "\"wgmma_bfloat16_tflop_per_s\":%s,\"launch_us\":%.3f,\"graph_of_100_us\":%.2f,\"graph_node_us\":%.3f}\n",
      properties.name, properties.multiProcessorCount, properties.major, properties.minor, properties.totalGlobalMem,
      properties.l2CacheSize, moved / ours / 1e9, moved / engine / 1e9, static_cast<double>(pinnedBytes) / in / 1e9,
      static_cast<double>(pinnedBytes) / out / 1e9, fmaFlops / fma / 1e12, tensorFlops / tensor / 1e12,
      hasWarpGroups ? std::to_string(groupFlops / group / 1e12).c_str() : "null", launched / launches * 1e6, few * 1e6, (many - few) / 1000 * 1e6);
  return 0;
}
