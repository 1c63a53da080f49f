#include "kernel_file.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <utility>

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace steepest::cuda {
namespace {

// How a fat binary begins. Several may follow each other in the file. Behind it are entries, which begin with their kind.
struct FatHeader {
  uint32_t magic;
  uint16_t version;
  uint16_t headerBytes;
  uint64_t bytes;  // after the header
};
constexpr uint32_t kMagic = 0xba55ed50;
constexpr uint16_t kPtxEntry = 1;

// In which the addon lies, with the slash.
std::string ownFolder() {
#if defined(__linux__)
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&kernelFile), &info) != 0 && info.dli_fname != nullptr) {
    const std::string file = info.dli_fname;
    const size_t slash = file.rfind('/');
    if (slash != std::string::npos) return file.substr(0, slash + 1);
  }
#endif
  return "";
}

std::mutex installedMutex;
std::string& installed() {
  static auto* const file = new std::string;  // threads may ask at the end of the process
  return *file;
}

bool isThere(const std::string& name) {
  std::FILE* const file = std::fopen(name.c_str(), "rb");
  if (file != nullptr) std::fclose(file);
  return file != nullptr;
}

// Empty when it cannot be read. Not by a stream of C++, which would need a newer glibc.
std::vector<char> bytesOf(const std::string& name) {
  std::vector<char> bytes;
  std::FILE* const file = std::fopen(name.c_str(), "rb");
  if (file == nullptr) return bytes;
  constexpr size_t kPart = 1 << 20;
  for (size_t got = kPart; got == kPart;) {
    const size_t at = bytes.size();
    bytes.resize(at + kPart);
    got = std::fread(bytes.data() + at, 1, kPart, file);
    bytes.resize(at + got);
  }
  std::fclose(file);
  return bytes;
}

}  // namespace

std::string kernelFile() {
  const char* const wanted = std::getenv("STEEPEST_CUDA_KERNELS");
  if (wanted != nullptr && *wanted != '\0') return wanted;
  const std::string own = ownFolder() + "steepest-cuda.fatbin";
  const std::lock_guard lock(installedMutex);
  return installed().empty() || isThere(own) ? own : installed();
}

void setInstalledKernels(const std::string& file) {
  const std::lock_guard lock(installedMutex);
  installed() = file;
}

std::vector<KernelImages> readKernels(const std::string& file) {
  const std::vector<char> bytes = bytesOf(file);
  std::vector<KernelImages> families;
  for (size_t at = 0; at < bytes.size();) {
    FatHeader header{};
    const size_t left = bytes.size() - at;
    if (left >= sizeof header) std::memcpy(&header, bytes.data() + at, sizeof header);
    // A file of another kind is one image, for the driver to judge, which finds its end as it would that of a text.
    if (at == 0 && header.magic != kMagic) {
      families.push_back({bytes, {}});
      families.back().code.push_back('\0');
      break;
    }
    // The driver would read as far as the header says.
    if (header.magic != kMagic || header.headerBytes < sizeof header || header.bytes > left ||
        header.headerBytes > left - header.bytes) {
      throw std::runtime_error("it is damaged or cut off at byte " + std::to_string(at) + " of " +
                               std::to_string(bytes.size()));
    }
    const size_t size = header.headerBytes + header.bytes;
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<char> image(begin, begin + static_cast<std::ptrdiff_t>(size));
    uint16_t kind = 0;
    if (header.bytes >= sizeof kind) std::memcpy(&kind, image.data() + header.headerBytes, sizeof kind);
    // What begins with PTX has nothing else, and belongs to the machine code in front of it.
    if (kind == kPtxEntry && !families.empty() && families.back().ptx.empty()) {
      families.back().ptx = std::move(image);
    } else {
      families.push_back({std::move(image), {}});
    }
    at += size;
  }
  return families;
}

}  // namespace steepest::cuda
