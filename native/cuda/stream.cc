#include "stream.h"

#include <cstdlib>
#include <string>

namespace steepest::cuda {
namespace {

CUdeviceptr addressOf(const uint8_t* p) { return reinterpret_cast<CUdeviceptr>(p); }

bool wantsSynchronous() {
  const char* const value = std::getenv("STEEPEST_CUDA_SYNC");
  return value != nullptr && std::string(value) == "1";
}

}  // namespace

Event::Event(Device& device) : device_(device) {
  device_.use();
  device_.check(device_.driver().cuEventCreate(&event_, kEventDisableTiming), "making an event");
}

Event::~Event() {
  if (device_.tryUse()) device_.driver().cuEventDestroy(event_);
}

void Event::wait() { device_.check(device_.driver().cuEventSynchronize(event_), "waiting for the device"); }

Graph::~Graph() {
  if (device_.tryUse()) device_.driver().cuGraphExecDestroy(executable_);
}

Stream::Stream(Device& device) : device_(device), synchronous_(wantsSynchronous()) {
  device_.use();
  device_.check(device_.driver().cuStreamCreate(&stream_, kStreamNonBlocking), "making a stream");
}

Stream::~Stream() {
  if (!device_.tryUse()) return;
  device_.driver().cuStreamSynchronize(stream_);
  device_.driver().cuStreamDestroy(stream_);
}

void Stream::launch(const Launch& launch) noexcept {
  advanced_ = advanced_ || launch.advances;
  if (failed_ != kSuccess || launch.grid == 0) return;
  if (counting_) {
    ++counted_;
    return;
  }
  void* parameters[] = {const_cast<uint64_t*>(launch.arguments.data())};
  const Driver& driver = device_.driver();
  CUresult result = launch.cooperative
                        ? driver.cuLaunchCooperativeKernel(launch.function, launch.grid, 1, 1, launch.block, 1, 1,
                                                           launch.sharedBytes, stream_, parameters)
                        : driver.cuLaunchKernel(launch.function, launch.grid, 1, 1, launch.block, 1, 1,
                                                launch.sharedBytes, stream_, parameters, nullptr);
  if (result == kSuccess && synchronous_) result = device_.driver().cuStreamSynchronize(stream_);
  if (result == kSuccess) return;
  failed_ = result;
  failedLaunch_ = &launch;
}

void Stream::check() {
  if (failed_ == kSuccess) return;
  const CUresult result = failed_;
  failed_ = kSuccess;
  std::string what = std::string("running the kernel ") + failedLaunch_->name;
  if (*failedLaunch_->operation != '\0') {
    what += " of instruction " + std::to_string(failedLaunch_->instruction) + " (" + failedLaunch_->operation + ")";
  }
  device_.check(result, what.c_str());
}

bool Stream::beginCapture() {
  check();
  const CUresult result = device_.driver().cuStreamBeginCapture(stream_, kCaptureThreadLocal);
  if (device_.isStrict()) device_.check(result, "beginning a graph of a step");
  return result == kSuccess;
}

std::unique_ptr<Graph> Stream::endCapture() {
  const Driver& driver = device_.driver();
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  CUresult result = driver.cuStreamEndCapture(stream_, &graph);
  if (failed_ != kSuccess) result = failed_;  // a launch that cannot be captured
  failed_ = kSuccess;
  if (result == kSuccess) result = driver.cuGraphInstantiateWithFlags(&executable, graph, 0);
  if (graph != nullptr) driver.cuGraphDestroy(graph);
  if (device_.isStrict()) device_.check(result, "making a graph of a step");
  return result == kSuccess ? std::make_unique<Graph>(device_, executable) : nullptr;
}

void Stream::launch(const Graph& graph) {
  device_.check(device_.driver().cuGraphLaunch(graph.handle(), stream_), "running a step");
}

void Stream::record(Event& event) {
  device_.check(device_.driver().cuEventRecord(event.handle(), stream_), "recording an event");
}

void Stream::waitFor(const Event& event) {
  device_.check(device_.driver().cuStreamWaitEvent(stream_, event.handle(), 0), "waiting for an event");
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
