#include "launch.h"

#include <cstdlib>
#include <map>
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "fiber.h"
#include "ptx_text.h"
#include "races.h"

namespace steepest::emulated {
namespace {

constexpr unsigned kLanes = 32;
constexpr unsigned kMaxShared = 232448, kSentinel = 1024;
constexpr unsigned char kNoNumber = 0xff, kPattern = 0xa5;

alignas(1024) unsigned char sharedBytesOfBlock[kMaxShared + kSentinel];
alignas(64) unsigned char parametersOfLaunch[4096];

enum class State { kReady, kAtBarrier, kAtExchange, kWaiting, kEnded };

struct Warp {
  uint64_t values[2][kLanes] = {};
  unsigned arrived = 0;  // lanes, of the exchange that is going on
  unsigned number = 0;   // of exchanges that are over
  bool isBarrier = false;
};

struct Thread {
  State state = State::kReady;
  Fiber* fiber = nullptr;  // that it is waiting on; null before it has begun
  Dimensions index;
  unsigned wanted = 0;  // lanes it waits for
  bool (*ready)(void*) = nullptr;
  void* what = nullptr;
};

struct Running {
  const Kernel* kernel = nullptr;
  void** parameters = nullptr;
  Block block;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  size_t current = 0;
  size_t next = 0;  // how many threads have begun
  std::vector<unsigned> order;  // in which they do
  Order threadOrder, laneOrder;
  SharedMemory shared = {sharedBytesOfBlock, 0};
  std::string wrong;
};

Running now;
std::vector<std::unique_ptr<Fiber>> idle;

std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}

// What a fiber does: threads one after the other, until one of them has waited and ends; the fiber is no other's then.
void runThreads() {
  for (;;) {
    bool waited = false;
    while (now.next < now.threads.size()) {
      now.current = now.order[now.next++];
      races::goOn(static_cast<unsigned>(now.current), Fiber::current()->stack(), Fiber::kStackBytes);
      now.kernel->run(now.parameters);
      now.threads[now.current].state = State::kEnded;
      waited = now.threads[now.current].fiber != nullptr;
      if (waited) break;
    }
    Fiber::leave();
  }
}

// Gives way; comes back when somebody continues the thread.
void wait(State state) {
  const size_t mine = now.current;
  now.threads[mine].state = state;
  now.threads[mine].fiber = Fiber::current();
  Fiber::leave();
  now.current = mine;
  races::goOn(static_cast<unsigned>(mine), Fiber::current()->stack(), Fiber::kStackBytes);
}

unsigned aliveLanes(size_t warp) {
  unsigned lanes = 0;
  for (unsigned i = 0; i < kLanes; ++i) {
    const size_t thread = warp * kLanes + i;
    if (thread < now.threads.size() && now.threads[thread].state != State::kEnded) lanes |= 1u << i;
  }
  return lanes;
}

void resume(size_t thread) {
  now.threads[thread].state = State::kReady;
  now.current = thread;
  now.threads[thread].fiber->enter();
}

std::string runBlock() {
  for (Thread& thread : now.threads) thread = {State::kReady, nullptr, thread.index};
  for (Warp& warp : now.warps) warp = Warp{};
  now.next = 0;
  const auto count = static_cast<unsigned>(now.threads.size());
  now.order = now.threadOrder.of(count);
  if (now.shared.bytes > 0) {
    std::memset(now.shared.data, kNoNumber, now.shared.bytes);
    std::memset(now.shared.data + now.shared.bytes, kPattern, kSentinel);
  }
  std::vector<std::unique_ptr<Fiber>> used;
  // Begins all threads: each fiber takes one after the other until one of them waits.
  while (now.next < now.threads.size()) {
    if (idle.empty()) idle.push_back(std::make_unique<Fiber>(runThreads));
    used.push_back(std::move(idle.back()));
    idle.pop_back();
    used.back()->enter();
    if (!now.wrong.empty()) return now.wrong;
  }
  for (;;) {
    size_t waiting = 0, atBarrier = 0;
    bool moved = false;
    for (const unsigned i : now.threadOrder.of(count)) {
      Thread& thread = now.threads[i];
      if (thread.state == State::kAtExchange) {
        const size_t w = i / kLanes;
        const unsigned wanted = thread.wanted & (aliveLanes(w) | now.warps[w].arrived);
        if ((now.warps[w].arrived & wanted) == wanted) {
          // All lanes of the exchange go on, before any of them can begin another.
          const unsigned lanes = now.warps[w].arrived & wanted;
          now.warps[w].arrived &= ~lanes;
          ++now.warps[w].number;
          if (now.warps[w].isBarrier) races::meetLanes(i, lanes);
          for (const unsigned lane : now.laneOrder.of(kLanes)) {
            if (lanes >> lane & 1) resume(w * kLanes + lane);
          }
          moved = true;
        }
      }
      if (thread.state == State::kWaiting && thread.ready(thread.what)) {
        resume(i);
        moved = true;
      }
      if (!now.wrong.empty()) return now.wrong;
      waiting += thread.state != State::kEnded;
      atBarrier += thread.state == State::kAtBarrier;
    }
    if (waiting == 0) break;
    if (moved) continue;
    if (atBarrier == 0) return "threads that wait for what does not come";
    if (atBarrier != waiting) return "a barrier that not all threads of the block reach";
    races::meetBlock(0);
    for (const unsigned i : now.threadOrder.of(count)) {
      if (now.threads[i].state == State::kAtBarrier) resume(i);
      if (!now.wrong.empty()) return now.wrong;
    }
  }
  const unsigned char* const behind = now.shared.data + now.shared.bytes;
  if (now.shared.bytes > 0 && std::any_of(behind, behind + kSentinel, [](unsigned char c) { return c != kPattern; })) {
    return "wrote behind the shared memory of a block";
  }
  for (auto& fiber : used) idle.push_back(std::move(fiber));
  return leftBehind();
}

}  // namespace

Dimensions thread() { return now.threads[now.current].index; }
const Block& block() { return now.block; }
unsigned lane() { return static_cast<unsigned>(now.current) % kLanes; }

void barrier() { wait(State::kAtBarrier); }

uint64_t exchange(unsigned mask, uint64_t value, unsigned from, bool isBarrier) {
  const size_t w = now.current / kLanes;
  const unsigned number = now.warps[w].number;
  now.warps[w].values[number % 2][lane()] = value;
  now.warps[w].arrived |= 1u << lane();
  now.warps[w].isBarrier = isBarrier;
  now.threads[now.current].wanted = mask;
  wait(State::kAtExchange);
  return now.warps[w].values[number % 2][from];
}

void waitUntil(bool (*ready)(void*), void* what) {
  now.threads[now.current].ready = ready;
  now.threads[now.current].what = what;
  wait(State::kWaiting);
}

void fail(const std::string& why) {
  now.wrong = why;
  for (;;) Fiber::leave();
}

const SharedMemory& sharedMemory() { return now.shared; }

Registered::Registered(const char* name, const Kernel& kernel) { kernels()[name] = kernel; }

const Kernel* findKernel(const std::string& name) {
  const auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

std::string nameOf(const Kernel& kernel) {
  if (kernel.text != nullptr) return kernel.text->name;
  for (const auto& [name, other] : kernels()) {
    if (&other == &kernel) return name;
  }
  return "?";
}

std::string launch(const Kernel& kernel, const Dimensions& grid, const Dimensions& size, void** parameters,
                   unsigned sharedBytes) {
  // Where members may be aligned more than the caller's memory is.
  std::memcpy(parametersOfLaunch, parameters[0], kernel.parameterBytes);
  void* aligned[] = {parametersOfLaunch};
  now.kernel = &kernel;
  now.parameters = aligned;
  now.shared.bytes = sharedBytes;
  now.block.grid = grid;
  now.block.size = size;
  now.threads.assign(size_t{size.x} * size.y * size.z, Thread{});
  now.warps.assign((now.threads.size() + kLanes - 1) / kLanes, Warp{});
  for (size_t i = 0; i < now.threads.size(); ++i) {
    now.threads[i].index = {static_cast<unsigned>(i) % size.x, static_cast<unsigned>(i) / size.x % size.y,
                            static_cast<unsigned>(i) / size.x / size.y};
  }
  static uint64_t launches = 0;
  now.threadOrder = now.laneOrder = Order(++launches);
  races::beginLaunch(nameOf(kernel));
  std::string wrong;
  Order order(launches);
  for (const unsigned number : order.of(grid.x * grid.y * grid.z)) {
    now.block.index = {number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
    races::beginGroup(number, 1, static_cast<unsigned>(now.threads.size()));
    wrong = runBlock();
    if (wrong.empty()) continue;
    leftBehind();
    break;
  }
  races::endLaunch();
  return wrong;
}

Order::Order(uint64_t seed) : drawn_(seed) {
  const char* const text = std::getenv("STEEPEST_EMULATED_THREADS");
  const std::string wanted = text == nullptr ? "first" : text;
  kind_ = wanted == "last" ? Kind::kLast : wanted == "mixed" ? Kind::kMixed : Kind::kFirst;
}

const std::vector<unsigned>& Order::of(unsigned count) {
  const bool other = numbers_.size() != count;
  if (other) {
    numbers_.resize(count);
    for (unsigned i = 0; i < count; ++i) numbers_[i] = kind_ == Kind::kLast ? count - 1 - i : i;
  }
  for (unsigned i = count; kind_ == Kind::kMixed && i > 1; --i) {
    drawn_ = drawn_ * 6364136223846793005u + 1442695040888963407u;
    std::swap(numbers_[i - 1], numbers_[(drawn_ >> 33) % i]);
  }
  return numbers_;
}

}  // namespace steepest::emulated
