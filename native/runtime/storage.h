// Memory that data sets live in, undefined until it is written. Shared by its owner and the jobs that use it.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "allocator.h"
#include "backend.h"

namespace steepest {

class Storage {
 public:
  explicit Storage(uint64_t bytes);  // throws OutOfMemory
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  uint8_t* data() const { return memory_.data(); }
  uint64_t size() const { return memory_.size(); }
  // Whoever has written to the memory says so: copies on devices are out of date.
  void changed() { version_.fetch_add(1, std::memory_order_relaxed); }

  // The copy on a device, made by `upload(copy or null)` when there is none or the memory has changed since; null if that
  // gives null. `device` is what the copy can be used on. It stays until the storage goes, or `freeUnusedCopy` takes it.
  // Sessions on several threads may ask.
  template <typename Upload>
  std::shared_ptr<Buffer> copyOn(const void* device, Upload upload) {
    const std::lock_guard lock(copying_);
    const uint64_t version = version_.load(std::memory_order_relaxed);
    if (copy_.device != device) copy_ = {};
    if (!copy_.memory || copy_.version != version) {
      unlist();  // nobody frees it now, nor tries our mutex, while `upload` allocates
      if (copy_.memory.use_count() > 1) copy_ = {};  // a job may still read the old one
      copy_ = {device, version, upload(std::move(copy_.memory))};
    }
    if (copy_.memory) list();
    return copy_.memory;
  }
  // Whether a device has a copy that is not out of date.
  bool isCopied() const;

 private:
  friend bool freeUnusedCopy(const void* device);

  struct Copy {
    const void* device = nullptr;
    uint64_t version = 0;
    std::shared_ptr<Buffer> memory;
  };

  void list();
  void unlist();

  Allocation memory_;
  std::atomic<uint64_t> version_{0};
  mutable std::mutex copying_;
  Copy copy_;                          // one device at a time
  std::list<Storage*>::iterator use_;  // where it is listed, see storage.cc
  bool isListed_ = false;
};

// Frees the copy on a device that was used longest ago, of those that no job uses. False when there is none.
bool freeUnusedCopy(const void* device);

// Storages in the process.
int64_t storagesAlive();

}  // namespace steepest
