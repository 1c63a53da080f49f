// Memory that data sets and results live in. Shared by its owner and the jobs that use it.
#pragma once

#include <cstdint>

#include "allocator.h"

namespace steepest {

class Storage {
 public:
  explicit Storage(uint64_t bytes);  // throws OutOfMemory
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  uint8_t* data() const { return memory_.data(); }
  uint64_t size() const { return memory_.size(); }

 private:
  Allocation memory_;
};

// Storages in the process.
int64_t storagesAlive();

}  // namespace steepest
