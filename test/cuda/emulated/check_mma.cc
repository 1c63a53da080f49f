// The same as check_products.cc for products by mma.sync: kernels of one 64 x 64 tile that test/cuda/twin.test.ts has made of gemm_mma.cu
// and int8.cu.
#include "check_products.h"

#include <cstdio>

#include "cuda.h"
#include STEEPEST_CHECKED_MMA

using namespace steepest::cuda;

namespace {

constexpr int64_t kEdge = 64, kDeep = 176;  // both tiles in shared memory are used again

template <typename Number>
Number* toDevice(const std::vector<Number>& numbers, CUstream stream) {
  CUdeviceptr at = 0;
  cuMemAlloc(&at, numbers.size() * sizeof(Number));
  cuMemcpyHtoDAsync(at, numbers.data(), numbers.size() * sizeof(Number), stream);
  cuStreamSynchronize(stream);  // the numbers may go now
  return reinterpret_cast<Number*>(at);
}

uint32_t draw() {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

GemmArguments product() {
  GemmArguments g{};
  g.m = g.n = g.cRow = kEdge;
  g.k = g.partDepth = kDeep;
  g.size = kEdge * kEdge;
  g.parts = g.batch.size = 1;
  g.bQuads = g.aQuads = 1;
  g.finish.scale = 1;
  return g;
}

template <typename Arguments>
void run(CUfunction kernel, CUstream stream, Arguments& arguments, GemmArguments* g, std::vector<float>* out) {
  out->assign(static_cast<size_t>(g->size), 0);
  g->c = toDevice(*out, stream);
  void* parameters[] = {&arguments};
  constexpr unsigned shared = 48 << 10;
  CUresult result = cuLaunchKernel(kernel, 1, 1, 1, 128, 1, 1, shared, stream, parameters, nullptr);
  if (result == kSuccess) result = cuStreamSynchronize(stream);
  if (result == kSuccess) {
    cuMemcpyDtoHAsync(out->data(), reinterpret_cast<CUdeviceptr>(g->c), out->size() * sizeof(float), stream);
    cuStreamSynchronize(stream);
    return;
  }
  std::printf("%d\n", result);
  std::fflush(stdout);
  std::_Exit(0);
}

// Of what is rounded to tf32: 13 bits less, ties away from zero.
float toTf32(float x) {
  uint32_t word;
  std::memcpy(&word, &x, sizeof word);
  word = (word + 0x1000) & ~0x1fffu;
  std::memcpy(&x, &word, sizeof x);
  return x;
}

double checkTf32(CUfunction kernel, CUstream stream) {
  std::vector<float> a(kEdge * kDeep), b(kDeep * kEdge), c;
  for (auto* numbers : {&a, &b}) {
    for (float& x : *numbers) x = static_cast<float>(draw()) / (1 << 23) - 1;
  }
  GemmArguments g = product();
  g.a = toDevice(a, stream);
  g.b = toDevice(b, stream);
  g.aRow = kDeep;
  g.aDepth = 1;
  g.bDepth = kEdge;
  g.bColumn = 1;
  run(kernel, stream, g, &g, &c);
  return errorOf(c, [&](int64_t i) {
    double sum = 0;
    for (int64_t k = 0; k < kDeep; ++k) {
      sum += static_cast<double>(toTf32(a[i / kEdge * kDeep + k])) * toTf32(b[k * kEdge + i % kEdge]);
    }
    return sum;
  });
}

double checkInt8(CUfunction kernel, CUstream stream) {
  std::vector<int8_t> a(kEdge * kDeep), b(kDeep * kEdge);
  for (auto* numbers : {&a, &b}) {
    for (int8_t& x : *numbers) x = static_cast<int8_t>(static_cast<int>(draw() % 255) - 127);
  }
  std::vector<float> steps(kEdge, 1), c;
  MatmulInt8Arguments arguments{};
  arguments.rows = toDevice(a, stream);
  arguments.b = toDevice(b, stream);
  arguments.steps = toDevice(steps, stream);
  arguments.run = kDeep;
  arguments.product = product();
  arguments.product.bDepth = kEdge;
  arguments.product.bColumn = 1;
  run(kernel, stream, arguments, &arguments.product, &c);
  return errorOf(c, [&](int64_t i) {
    int32_t sum = 0;
    for (int64_t k = 0; k < kDeep; ++k) sum += a[i / kEdge * kDeep + k] * b[k * kEdge + i % kEdge];
    return static_cast<double>(sum);
  });
}

}  // namespace

int main(int, char** words) {
  const CUstream stream = openStream();
  const CUfunction kernel = findKernel(words[1]);
  std::printf("%g\n", words[1][0] == 'i' ? checkInt8(kernel, stream) : checkTf32(kernel, stream));
  return 0;
}
