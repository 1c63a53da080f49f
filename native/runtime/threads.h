// One persistent pool per process. A parallel section runs chunks 0 .. n-1, each exactly once, on any thread.
#pragma once

#include <cstdint>

namespace steepest {

class Threads {
 public:
  using Body = void (*)(void* context, int64_t chunk);

  // The pool of the process. Threads start when first needed and sleep when idle.
  static Threads& pool();

  // Threads that share the work, the caller included. Set by STEEPEST_THREADS or setCount; default: the CPUs the process may use.
  int count() const;
  void setCount(int count);

  // Returns when all chunks are done. Runs inline when chunks == 1, when count() == 1, when called from inside a chunk,
  // or when another caller holds the pool. Body must not throw.
  void parallel(int64_t chunks, Body body, void* context);

  template <typename F>
  void each(int64_t chunks, F f) {
    parallel(chunks, [](void* c, int64_t i) { (*static_cast<F*>(c))(i); }, &f);
  }
};

}  // namespace steepest
