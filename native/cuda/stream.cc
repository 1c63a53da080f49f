#include "stream.h"

#include <string>

namespace steepest::cuda {
namespace {

CUdeviceptr addressOf(const uint8_t* p) { return reinterpret_cast<CUdeviceptr>(p); }

}  // namespace

Stream::Stream(Device& device) : device_(device) {
  device_.use();
  device_.check(device_.driver().cuStreamCreate(&stream_, kStreamNonBlocking), "making a stream");
}

Stream::~Stream() {
  try {
    device_.use();
    device_.driver().cuStreamSynchronize(stream_);
    device_.driver().cuStreamDestroy(stream_);
  } catch (const DeviceError&) {
    // lost, and the stream with it
  }
}

void Stream::launch(const Launch& launch) noexcept {
  if (failed_ != kSuccess || launch.grid == 0) return;
  void* parameters[] = {const_cast<uint64_t*>(launch.arguments.data())};
  const CUresult result = device_.driver().cuLaunchKernel(launch.function, launch.grid, 1, 1, launch.block, 1, 1,
                                                          launch.sharedBytes, stream_, parameters, nullptr);
  if (result == kSuccess) return;
  failed_ = result;
  failedKernel_ = launch.name;
}

void Stream::check() {
  if (failed_ == kSuccess) return;
  const CUresult result = failed_;
  failed_ = kSuccess;
  device_.check(result, (std::string("running the kernel ") + failedKernel_).c_str());
}

void Stream::copyIn(uint8_t* to, const void* from, uint64_t bytes) {
  if (bytes == 0) return;
  device_.check(device_.driver().cuMemcpyHtoDAsync(addressOf(to), from, bytes, stream_), "copying to the device");
}

void Stream::copyOut(void* to, const uint8_t* from, uint64_t bytes) {
  if (bytes == 0) return;
  device_.check(device_.driver().cuMemcpyDtoHAsync(to, addressOf(from), bytes, stream_), "copying from the device");
}

void Stream::clear(uint8_t* at, uint64_t bytes) {
  if (bytes == 0) return;
  device_.check(device_.driver().cuMemsetD8Async(addressOf(at), 0, bytes, stream_), "clearing memory");
}

void Stream::wait() {
  check();
  device_.check(device_.driver().cuStreamSynchronize(stream_), "waiting for the device");
}

}  // namespace steepest::cuda
