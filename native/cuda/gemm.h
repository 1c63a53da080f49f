// Which kernel a matrix product gets.
#pragma once

#include <string>

#include "../runtime/matmul_problem.h"
#include "bind.h"
#include "kernels/gemm.h"

namespace steepest::cuda {

// STEEPEST_CUDA_PRODUCTS is for tests and measurements: part of a kernel's name, which is taken for each product that it can
// do; `matmul` is the simple one. Empty: the best.
// Adds the launches, unless the strides are ones that only the simple kernel walks through: false then.
bool addGemm(const MatmulProblem& problem, GemmArguments arguments, Binder& binder);

// What the choice of all tiled products is made of. Sizes decide and not the device: the bits of a sum are the same on all.
constexpr int64_t kBlocksWanted = 128;            // about the multiprocessors of a large device
constexpr int64_t kWgmmaWork = int64_t{1} << 27;  // products, from which on wgmma is worth its preparation
std::string wantedKernel();                       // STEEPEST_CUDA_PRODUCTS
int64_t tilesOf(const GemmArguments& g, const GemmShape& shape);
// With such tiles, or parts of k of them.
bool fillsDevice(const GemmArguments& g, const GemmShape& shape);
bool isAligned(const void* p, int64_t slide = 0);
// Whether rows of c, and of what its finish reads, are quads.
bool canQuads(const GemmArguments& g);
// With few tiles and a long k, parts of k are summed on their own; addParts adds them up where that is so.
void cutIntoParts(GemmArguments* g, const GemmShape& shape, Binder& binder);
void addParts(const GemmArguments& g, Binder& binder);
// Tiles of kernels/gemm_mma.h: their depth, and shared memory for two of each operand.
int64_t mmaDepth(const GemmArguments& g);
uint32_t mmaBytes(const GemmShape& shape, bool aAlongK, bool bAlongK);

// By kernels/gemm_wgmma.cu, on devices that have the instructions. `kernel` has tiles of 128 x columns, and clusters of so many blocks.
struct WgmmaKernel {
  const char* name;
  int64_t columns;
  int members;
};
bool canWgmma(const GemmArguments& g, const Device& device);
// How many blocks run at the same time: 0 when there is no room for a cluster.
int wgmmaBlocks(const WgmmaKernel& kernel, Device& device);
void addWgmma(const WgmmaKernel& kernel, bool aAlongK, bool bAlongK, const GemmArguments& g, Binder& binder);

}  // namespace steepest::cuda
