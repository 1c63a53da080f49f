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
constexpr unsigned kMostMembers = 8, kMostThreads = 1024;  // of a cluster
constexpr unsigned char kNoNumber = 0xff, kPattern = 0xa5;

alignas(1024) unsigned char sharedBytes[kMostMembers][kMaxShared + kSentinel];
static_assert(sizeof sharedBytes[0] % 1024 == 0);
alignas(64) unsigned char parametersOfLaunch[4096];

enum class State { kReady, kAtBarrier, kAtCluster, kAtExchange, kWaiting, kEnded };

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
  Block blocks[kMostMembers];  // of a cluster, mostly one
  unsigned members = 1, blockThreads = 0;
  std::vector<Thread> threads;  // of all of them
  std::vector<Warp> warps;
  size_t current = 0;
  std::vector<unsigned> order;  // in which threads of a block begin
  size_t next = 0;              // how many of them have
  Order memberOrder, threadOrder, laneOrder;
  SharedMemory shared[kMostMembers];
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
    while (now.next < now.order.size()) {
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

size_t memberOf(size_t thread) { return thread / now.blockThreads; }

void resume(size_t thread) {
  now.threads[thread].state = State::kReady;
  now.current = thread;
  now.threads[thread].fiber->enter();
}

// The threads of a block in the order that is wanted.
std::vector<unsigned> threadsOf(unsigned member) {
  std::vector<unsigned> threads = now.threadOrder.of(now.blockThreads);
  for (unsigned& thread : threads) thread += member * now.blockThreads;
  return threads;
}

size_t countOf(unsigned member, State state) {
  const auto first = now.threads.begin() + member * now.blockThreads;
  return static_cast<size_t>(
      std::count_if(first, first + now.blockThreads, [&](const Thread& t) { return t.state == state; }));
}

void goOn(unsigned member, State state) {
  for (const unsigned i : threadsOf(member)) {
    if (now.threads[i].state == state) resume(i);
    if (!now.wrong.empty()) return;
  }
}

// Goes on with a block all of whose threads have met; whether they had.
bool meetBlock(unsigned member) {
  const size_t met = countOf(member, State::kAtBarrier);
  if (met == 0 || met + countOf(member, State::kEnded) != now.blockThreads) return false;
  races::meetBlock(member);
  goOn(member, State::kAtBarrier);
  return true;
}

// Goes on with a cluster all of whose threads have met; what is wrong if they have not, and nobody can go on.
std::string meetAll() {
  size_t atBarrier = 0, atCluster = 0, ended = 0;
  for (unsigned m = 0; m < now.members; ++m) {
    atBarrier += countOf(m, State::kAtBarrier);
    atCluster += countOf(m, State::kAtCluster);
    ended += countOf(m, State::kEnded);
  }
  if (atCluster == 0 || atCluster + ended != now.threads.size()) {
    return atCluster != 0   ? "a barrier that not all threads of the cluster reach"
           : atBarrier != 0 ? "a barrier that not all threads of the block reach"
                            : "threads that wait for what does not come";
  }
  races::meetGroup();
  for (const unsigned m : std::vector<unsigned>(now.memberOrder.of(now.members))) goOn(m, State::kAtCluster);
  return now.wrong;
}

// Begins the threads of a block: each fiber takes one after the other until one of them waits.
void begin(unsigned member, std::vector<std::unique_ptr<Fiber>>* used) {
  now.order = threadsOf(member);
  now.next = 0;
  while (now.next < now.order.size() && now.wrong.empty()) {
    if (idle.empty()) idle.push_back(std::make_unique<Fiber>(runThreads));
    used->push_back(std::move(idle.back()));
    idle.pop_back();
    used->back()->enter();
  }
}

// Goes on with the threads of a block that can; whether any could.
bool step(unsigned member) {
  bool moved = false;
  for (const unsigned i : threadsOf(member)) {
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
    now.current = i;  // who asks whether it is ready
    if (thread.state == State::kWaiting && thread.ready(thread.what)) {
      resume(i);
      moved = true;
    }
    if (!now.wrong.empty()) break;
  }
  return moved;
}

bool isOver() {
  return std::all_of(now.threads.begin(), now.threads.end(), [](const Thread& t) { return t.state == State::kEnded; });
}

// A block, or those of a cluster: each of these goes as far as it can without the others, and begins when they cannot go on.
std::string runGroup() {
  for (Thread& thread : now.threads) thread = {State::kReady, nullptr, thread.index};
  for (Warp& warp : now.warps) warp = Warp{};
  for (unsigned m = 0; m < now.members; ++m) {
    const SharedMemory& shared = now.shared[m];
    if (shared.bytes == 0) continue;
    std::memset(shared.data, kNoNumber, shared.bytes);
    std::memset(shared.data + shared.bytes, kPattern, kSentinel);
  }
  std::vector<std::unique_ptr<Fiber>> used;
  const std::vector<unsigned> order = now.memberOrder.of(now.members);
  size_t begun = 0;
  while (begun < order.size() || !isOver()) {
    bool moved = false;
    for (size_t i = 0; i < begun && !moved && now.wrong.empty(); ++i) moved = step(order[i]) || meetBlock(order[i]);
    if (!now.wrong.empty()) return now.wrong;
    if (moved) continue;
    if (begun < order.size()) {
      begin(order[begun++], &used);
    } else if (const std::string wrong = meetAll(); !wrong.empty()) {
      return wrong;
    }
    if (!now.wrong.empty()) return now.wrong;
  }
  for (unsigned m = 0; m < now.members; ++m) {
    const unsigned char* const behind = now.shared[m].data + now.shared[m].bytes;
    if (now.shared[m].bytes > 0 && std::any_of(behind, behind + kSentinel, [](unsigned char c) { return c != kPattern; })) {
      return "wrote behind the shared memory of a block";
    }
  }
  for (auto& fiber : used) idle.push_back(std::move(fiber));
  return leftBehind();
}

}  // namespace

Dimensions thread() { return now.threads[now.current].index; }
unsigned threadNumber() { return static_cast<unsigned>(now.current); }
unsigned member() { return static_cast<unsigned>(memberOf(now.current)); }
unsigned members() { return now.members; }
bool isThere(unsigned member) {
  const auto first = now.threads.begin() + member * now.blockThreads;
  return std::any_of(first, first + now.blockThreads, [](const Thread& t) { return t.state != State::kEnded; });
}
const Block& block() { return now.blocks[member()]; }
unsigned lane() { return static_cast<unsigned>(now.current) % kLanes; }

void barrier() { wait(State::kAtBarrier); }
void clusterBarrier() { wait(State::kAtCluster); }

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

const SharedMemory& sharedMemory() { return now.shared[member()]; }
const SharedMemory& sharedMemoryOf(unsigned member) { return now.shared[member]; }

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
                   unsigned bytesOfShared) {
  // Where members may be aligned more than the caller's memory is.
  std::memcpy(parametersOfLaunch, parameters[0], kernel.parameterBytes);
  void* aligned[] = {parametersOfLaunch};
  now.kernel = &kernel;
  now.parameters = aligned;
  now.members = kernel.members;
  now.blockThreads = size.x * size.y * size.z;
  const unsigned threads = now.members * now.blockThreads;
  if (now.members > 1 && (now.blockThreads % kLanes != 0 || threads > kMostThreads || grid.x % now.members != 0)) {
    return "a cluster that the emulator cannot run";
  }
  for (unsigned m = 0; m < now.members; ++m) {
    now.shared[m] = {sharedBytes[m], bytesOfShared};
    now.blocks[m].grid = grid;
    now.blocks[m].size = size;
  }
  now.threads.assign(threads, Thread{});
  now.warps.assign((threads + kLanes - 1) / kLanes, Warp{});
  for (unsigned i = 0; i < threads; ++i) {
    const unsigned t = i % now.blockThreads;
    now.threads[i].index = {t % size.x, t / size.x % size.y, t / size.x / size.y};
  }
  static uint64_t launches = 0;
  now.memberOrder = now.threadOrder = now.laneOrder = Order(++launches);
  races::beginLaunch(nameOf(kernel));
  std::string wrong;
  Order order(launches);
  for (const unsigned group : order.of(grid.x * grid.y * grid.z / now.members)) {
    for (unsigned m = 0; m < now.members; ++m) {
      const unsigned number = group * now.members + m;
      now.blocks[m].index = {number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
    }
    races::beginGroup(group, now.members, now.blockThreads);
    wrong = runGroup();
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
