// The file with the kernels, steepest-cuda.fatbin beside the addon.
#pragma once

#include <string>
#include <vector>

namespace steepest::cuda {

// STEEPEST_CUDA_KERNELS names another file. Not empty.
std::string kernelFile();

// The images in it, one for each family of kernels. Empty when there is no such file.
std::vector<std::vector<char>> readKernels(const std::string& file);

}  // namespace steepest::cuda
