// Modules of assembled kernels, by text: those that somebody holds, and the last ones that nobody does any more.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "driver_api.h"

namespace steepest::cuda {

// A kernel that the driver has assembled.
struct Assembled {
  const std::string text;
  CUmodule module;
  CUfunction function;
  size_t holders;
};

// Not thread-safe. Whoever takes modules out unloads them.
class Modules {
 public:
  using Place = std::list<Assembled>::iterator;

  // That nobody holds, and stay. A model has some dozens of texts: those of the last few models need not be assembled again, a tenth
  // of a second each, where models of the same shapes come again. A module is some kilobytes of device memory.
  static constexpr size_t kMostUnused = 256;

  // Of this text, for one holder more. False when there is none.
  bool hold(const std::string& text, Place* place);
  // For its first holder.
  Place add(const std::string& text, CUmodule module, CUfunction function);
  // For one holder less. Takes out those that were held longest ago where too many are not.
  std::list<Assembled> release(Place place) noexcept;

 private:
  std::list<Assembled> held_, unused_;  // the one held longest ago first
  std::unordered_map<std::string_view, Place> places_;
};

}  // namespace steepest::cuda
