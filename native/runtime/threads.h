// One persistent pool per process. A parallel section runs chunks 0 .. n-1, each exactly once, on any thread.
#pragma once

#include <cstdint>

namespace steepest {

class ChunkWatch;

class Threads {
 public:
  using Body = void (*)(void* context, int64_t chunk);

  Threads() = default;
  // The same pool, with `watch` around every chunk.
  explicit Threads(ChunkWatch* watch) : watch_(watch) {}

  // The pool of the process. Threads start when first needed and sleep when idle.
  static Threads& pool();

  // Number of the calling thread: 1, 2, .. for the pool's own, 0 for all others.
  static int current();

  // Threads that share the work, the caller included. Set by STEEPEST_THREADS or setCount; default: the CPUs the process may use.
  int count() const;
  void setCount(int count);

  // Returns when all chunks are done. Runs inline when chunks == 1, when count() == 1, when called from inside a chunk,
  // or when another caller holds the pool. Chunks run in the caller's floating-point mode. Body must not throw.
  void parallel(int64_t chunks, Body body, void* context);

  template <typename F>
  void each(int64_t chunks, F f) {
    parallel(chunks, [](void* c, int64_t i) { (*static_cast<F*>(c))(i); }, &f);
  }

 private:
  ChunkWatch* watch_ = nullptr;
};

// Runs the chunks of others, to see when they run.
class ChunkWatch {
 public:
  // Runs body(context, chunk) on the calling thread: number `thread` of the pool, or 0 when it is none of it. From several
  // threads at once; must not throw.
  virtual void run(Threads::Body body, void* context, int64_t chunk, int thread) = 0;

 protected:
  ~ChunkWatch() = default;
};

}  // namespace steepest
