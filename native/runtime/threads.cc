// Fork-join on claim words: generation << 32 | chunks left. Each thread has a part of a section's chunks, neighbours, and
// takes from the others' only when its own are gone: what a chunk works on is then still in its core's cache when the next
// section comes to it. A thread takes a chunk by decrementing the low half with a compare-and-swap, so a late thread can
// never take a chunk of a section it has not read, and a busy core stalls nobody but the chunk it holds.
#include "threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "pin.h"
#include "subnormals.h"

namespace steepest {
namespace {

constexpr int kMaxThreads = 256;
// How long a thread looks for work, or a caller for the end of it, before it sleeps: a wake-up costs about as much.
constexpr auto kSpin = std::chrono::microseconds(30);

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until ready() holds, for a bounded time. Returns whether it does.
template <typename Ready>
bool spin(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

int cpusAvailable() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

int defaultCount() {
  const char* wanted = std::getenv("STEEPEST_THREADS");
  const int count = wanted != nullptr ? std::atoi(wanted) : 0;
  return std::clamp(count > 0 ? count : cpusAvailable(), 1, kMaxThreads);
}

thread_local bool insideChunk = false;
thread_local int threadNumber = 0;  // of the pool's threads, from 1 on

constexpr uint32_t chunksLeft(uint64_t claim) { return static_cast<uint32_t>(claim); }
constexpr uint32_t generationOf(uint64_t claim) { return static_cast<uint32_t>(claim >> 32); }

// Leaked on purpose: threads sleep in it until the process ends, and destroying what they wait on would hang the exit.
struct Pool {
  std::atomic<int> count{defaultCount()};
  std::atomic<bool> taken{false};

  // One cache line for what everyone polls, one for the section, one for its end.
  alignas(64) std::atomic<uint32_t> section{0};  // its generation
  alignas(64) std::atomic<Threads::Body> body{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<uint32_t> chunks{0};
  std::atomic<uint32_t> parts{1};
  std::atomic<uint64_t> mode{0};  // the caller's, in which all chunks run
  alignas(64) std::atomic<uint32_t> done{0};
  std::atomic<bool> callerSleeps{false};
  alignas(64) std::atomic<uint32_t> wake{0};
  std::atomic<int> sleepers{0};

  std::mutex starting;
  std::atomic<int> running{0};   // workers 0 .. running-1 have been started at least once
  bool alive[kMaxThreads] = {};  // under `starting`

  struct alignas(64) Part {
    std::atomic<uint64_t> claim{0};
  };
  Part part[kMaxThreads];

  void run(int64_t chunks, Threads::Body body, void* context);
  void start(int workers);
  void work(int index);
  bool retire(int index);
  void takeChunks(uint32_t generation, uint32_t first);
};

Pool& thePool() {
  static Pool* pool = new Pool;
  return *pool;
}

void runInline(int64_t chunks, Threads::Body body, void* context) {
  for (int64_t i = 0; i < chunks; ++i) body(context, i);
}

// Where part `part` begins.
constexpr int64_t boundary(int64_t chunks, int64_t parts, int64_t part) { return chunks * part / parts; }

// Runs chunks of one section until none is left to take, those of part `first` before the others'.
void Pool::takeChunks(uint32_t generation, uint32_t first) {
  uint32_t taken = 0, all = 0;
  uint64_t ownMode = FloatMode::get();
  const uint32_t count = parts.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t p = (first + i) % count;
    std::atomic<uint64_t>& claim = part[p].claim;
    uint64_t seen = claim.load(std::memory_order_acquire);
    while (generationOf(seen) == generation && chunksLeft(seen) > 0) {
      // Once the exchange succeeds these are known to belong to the section: it cannot end before this chunk does.
      const Threads::Body f = body.load(std::memory_order_relaxed);
      void* const c = context.load(std::memory_order_relaxed);
      const uint32_t n = chunks.load(std::memory_order_relaxed);
      const uint32_t of = parts.load(std::memory_order_relaxed);
      const uint64_t callers = mode.load(std::memory_order_relaxed);
      if (!claim.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      if (callers != ownMode) FloatMode::set(ownMode = callers);
      f(c, boundary(n, of, p + 1) - chunksLeft(seen));
      ++taken;
      all = n;
      seen = claim.load(std::memory_order_acquire);
    }
  }
  if (taken == 0) return;
  if (done.fetch_add(taken, std::memory_order_seq_cst) + taken == all && callerSleeps.load(std::memory_order_seq_cst)) {
    done.notify_all();
  }
}

void Pool::work(int index) {
  insideChunk = true;
  threadNumber = index + 1;
  uint32_t seen = 0;  // the last section that this thread looked at
  for (;;) {
    if (index + 1 >= count.load(std::memory_order_relaxed) && retire(index)) return;
    const auto ready = [&] { return section.load(std::memory_order_acquire) != seen; };
    if (!spin(ready)) {
      const uint32_t before = wake.load(std::memory_order_seq_cst);
      sleepers.fetch_add(1, std::memory_order_seq_cst);
      // A caller that published before seeing this sleeper is seen here; one that publishes later bumps `wake`.
      if (section.load(std::memory_order_seq_cst) == seen && index + 1 < count.load(std::memory_order_seq_cst)) {
        wake.wait(before, std::memory_order_seq_cst);
      }
      sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }
    if (index + 1 < count.load(std::memory_order_relaxed)) {
      seen = section.load(std::memory_order_acquire);
      takeChunks(seen, static_cast<uint32_t>(index) + 1);
    }
  }
}

// Ends a worker that setCount has made superfluous, unless it was asked for again meanwhile.
bool Pool::retire(int index) {
  std::lock_guard lock(starting);
  if (index + 1 < count.load(std::memory_order_relaxed)) return false;
  alive[index] = false;
  return true;
}

void Pool::start(int workers) {
  std::lock_guard lock(starting);
  pinLibrary();
  for (int i = 0; i < workers; ++i) {
    if (alive[i]) continue;
    try {
      std::thread([this, i] { work(i); }).detach();
      alive[i] = true;
    } catch (const std::system_error&) {
      break;  // the system gives no more threads: those that run, and the caller, do the work
    }
  }
  running.store(workers, std::memory_order_relaxed);
}

void Pool::run(int64_t total, Threads::Body f, void* c) {
  const int workers = count.load(std::memory_order_relaxed) - 1;
  const bool parallel = total > 1 && total <= INT32_MAX && workers > 0 && !insideChunk;
  if (!parallel || taken.exchange(true, std::memory_order_acquire)) return runInline(total, f, c);
  if (running.load(std::memory_order_relaxed) < workers) start(workers);

  body.store(f, std::memory_order_relaxed);
  context.store(c, std::memory_order_relaxed);
  chunks.store(static_cast<uint32_t>(total), std::memory_order_relaxed);
  mode.store(FloatMode::get(), std::memory_order_relaxed);
  done.store(0, std::memory_order_relaxed);
  const uint32_t generation = section.load(std::memory_order_relaxed) + 1;
  const int64_t of = std::min<int64_t>(workers + 1, total);
  parts.store(static_cast<uint32_t>(of), std::memory_order_relaxed);
  for (int64_t p = 0; p < of; ++p) {
    const int64_t size = boundary(total, of, p + 1) - boundary(total, of, p);
    part[p].claim.store(uint64_t{generation} << 32 | static_cast<uint32_t>(size), std::memory_order_release);
  }
  section.store(generation, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) > 0) {
    wake.fetch_add(1, std::memory_order_seq_cst);
    wake.notify_all();
  }

  insideChunk = true;
  takeChunks(generation, 0);
  insideChunk = false;
  const auto ended = [&] { return done.load(std::memory_order_acquire) == total; };
  if (!spin(ended)) {
    callerSleeps.store(true, std::memory_order_seq_cst);
    for (uint32_t n; (n = done.load(std::memory_order_seq_cst)) != total;) done.wait(n, std::memory_order_seq_cst);
    callerSleeps.store(false, std::memory_order_relaxed);
  }
  taken.store(false, std::memory_order_release);
}

}  // namespace

Threads& Threads::pool() {
  static Threads threads;
  return threads;
}

int Threads::current() { return threadNumber; }

int Threads::count() const { return thePool().count.load(std::memory_order_relaxed); }

void Threads::setCount(int count) {
  Pool& pool = thePool();
  std::lock_guard lock(pool.starting);
  pool.count.store(std::clamp(count, 1, kMaxThreads), std::memory_order_seq_cst);
  pool.running.store(0, std::memory_order_relaxed);  // the next section looks whom to start
  pool.wake.fetch_add(1, std::memory_order_seq_cst);
  pool.wake.notify_all();  // superfluous workers leave
}

void Threads::parallel(int64_t chunks, Body body, void* context) {
  if (watch_ == nullptr) return thePool().run(chunks, body, context);
  struct Watched {
    ChunkWatch* watch;
    Body body;
    void* context;
  } watched = {watch_, body, context};
  const Body around = [](void* c, int64_t chunk) {
    const auto* w = static_cast<Watched*>(c);
    w->watch->run(w->body, w->context, chunk, threadNumber);
  };
  thePool().run(chunks, around, &watched);
}

}  // namespace steepest
