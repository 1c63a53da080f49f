// The driver of the machine, loaded at run time: nothing is linked, and a machine without one is a value and no error.
#pragma once

#include <string>

#include "driver_api.h"

namespace steepest::cuda {

struct Driver {
#define STEEPEST_ENTRY(name, symbol, parameters) CUresult(*name) parameters = nullptr;
  STEEPEST_CUDA_DRIVER(STEEPEST_ENTRY)
#undef STEEPEST_ENTRY
  int version = 0;  // 12040 is CUDA 12.4
  int devices = 0;

  // "CUDA_ERROR_OUT_OF_MEMORY: out of memory"
  std::string describe(CUresult result) const;
};

// What loading it for the first time found. STEEPEST_CUDA_DRIVER names another library than libcuda.so.1.
struct DriverResult {
  const Driver* driver = nullptr;  // null: there is none to use
  bool tooOld = false;             // there is one, of before kLeastVersion
  std::string tried;               // what was tried, and what came of it
};
const DriverResult& loadDriver();

constexpr int kLeastVersion = 12000;
std::string versionText(int version);  // "12.4" for 12040

}  // namespace steepest::cuda
