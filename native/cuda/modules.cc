#include "modules.h"

namespace steepest::cuda {

bool Modules::hold(const std::string& text, Place* place) {
  const auto found = places_.find(text);
  if (found == places_.end()) return false;
  *place = found->second;
  if ((*place)->holders++ == 0) held_.splice(held_.end(), unused_, *place);
  return true;
}

Modules::Place Modules::add(const std::string& text, CUmodule module, CUfunction function) {
  const Place place = held_.insert(held_.end(), {text, module, function, 1});
  places_[place->text] = place;
  return place;
}

// Nothing is allocated, as it is called by destructors.
std::list<Assembled> Modules::release(Place place) noexcept {
  std::list<Assembled> out;
  if (--place->holders > 0) return out;
  unused_.splice(unused_.end(), held_, place);
  while (unused_.size() > kMostUnused) {
    places_.erase(unused_.front().text);
    out.splice(out.end(), unused_, unused_.begin());
  }
  return out;
}

}  // namespace steepest::cuda
