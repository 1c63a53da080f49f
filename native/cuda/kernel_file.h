// The file with the kernels: steepest-cuda.fatbin beside the addon (built here), or in the package steepest-cuda.
#pragma once

#include <string>
#include <vector>

namespace steepest::cuda {

// STEEPEST_CUDA_KERNELS names another file. Not empty; it may not be there.
std::string kernelFile();

// The file for when none lies beside the addon. Devices that are in use already keep their kernels.
void setInstalledKernels(const std::string& file);

// Two images of the same family of kernels.
struct KernelImages {
  std::vector<char> code;  // for some GPUs; all there is when `ptx` is empty
  std::vector<char> ptx;   // for all, of an old version, which the driver assembles
};

// Those in it, in order. Empty when there is no such file. Throws std::runtime_error when it is damaged.
std::vector<KernelImages> readKernels(const std::string& file);

}  // namespace steepest::cuda
