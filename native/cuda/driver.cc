#include "driver.h"

#include <cstdlib>

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace steepest::cuda {
namespace {

#if defined(__linux__)

// Given by cuGetProcAddress for a name without version: the newest form of a function that CUDA 12.0 had.
using GetProcAddress = CUresult (*)(const char* name, void** entry, int version, uint64_t flags, int* found);

class Library {
 public:
  explicit Library(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) {
      const char* const why = dlerror();
      error_ = why != nullptr ? why : name;
      return;
    }
    getProcAddress_ = reinterpret_cast<GetProcAddress>(dlsym(handle_, "cuGetProcAddress_v2"));
  }

  const std::string& error() const { return error_; }

  template <typename F>
  bool find(const char* name, const char* symbol, F* function) const {
    void* entry = nullptr;
    int found = 0;
    if (getProcAddress_ == nullptr || getProcAddress_(name, &entry, kLeastVersion, 0, &found) != kSuccess) {
      entry = nullptr;
    }
    if (entry == nullptr) entry = dlsym(handle_, symbol);
    *function = reinterpret_cast<F>(entry);
    return entry != nullptr;
  }

 private:
  void* handle_;
  GetProcAddress getProcAddress_ = nullptr;
  std::string error_;
};

DriverResult load() {
  DriverResult result;
  const char* const wanted = std::getenv("STEEPEST_CUDA_DRIVER");
  const std::string name = wanted != nullptr && *wanted != '\0' ? wanted : "libcuda.so.1";
  const Library library(name.c_str());
  if (!library.error().empty()) {
    result.tried = library.error().find(name) == std::string::npos ? name + ": " + library.error() : library.error();
    return result;
  }
  static Driver driver;
  std::string missing;
#define STEEPEST_ENTRY(function, symbol, parameters) \
  if (!library.find(#function, symbol, &driver.function) && missing.empty()) missing = symbol;
  STEEPEST_CUDA_DRIVER(STEEPEST_ENTRY)
#undef STEEPEST_ENTRY
  // Older drivers lack functions too: their version says more than the first of those.
  const bool tells = driver.cuDriverGetVersion != nullptr && driver.cuDriverGetVersion(&driver.version) == kSuccess;
  if (tells && driver.version < kLeastVersion) {
    result.tooOld = true;
    result.tried = name + ": the driver is for CUDA " + versionText(driver.version) + ", " +
                   versionText(kLeastVersion) + " or newer is needed";
    return result;
  }
  if (!missing.empty()) {
    result.tried = name + ": has no " + missing;
    return result;
  }
  CUresult status = driver.cuInit(0);
  if (status == kSuccess) status = driver.cuDeviceGetCount(&driver.devices);
  if (status == kSuccess && driver.devices == 0) status = kNoDevice;
  if (status != kSuccess) {
    result.tooOld = status == kDriverMismatch;
    result.tried = name + ": " + driver.describe(status);
    return result;
  }
  result.driver = &driver;
  result.tried = name;
  return result;
}

#else

DriverResult load() { return {nullptr, false, "CUDA is supported on Linux only"}; }

#endif

}  // namespace

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string Driver::describe(CUresult result) const {
  const char* name = nullptr;
  const char* text = nullptr;
  if (cuGetErrorName(result, &name) != kSuccess || name == nullptr) return "CUDA error " + std::to_string(result);
  if (cuGetErrorString(result, &text) != kSuccess || text == nullptr) return name;
  return std::string(name) + ": " + text;
}

const DriverResult& loadDriver() {
  static const DriverResult* const result = new DriverResult(load());
  return *result;
}

}  // namespace steepest::cuda
