#include "elements.h"

#include <algorithm>

#include "lanes.h"
#include "memory.h"

namespace steepest::cuda::emit {
namespace {

std::vector<Rate> ratesOf(const MapLayout& layout, size_t inputs, size_t given) {
  std::vector<Rate> rates;
  for (size_t k = 0; k < inputs; ++k) rates.push_back(layout.rateOf(k));
  std::fill_n(rates.begin(), given, layout.width > 1 ? Rate::kElement : Rate::kGroup);
  return rates;
}

}  // namespace

Elements::Elements(const steepest::Program& program, const MapLayout& layout, const std::vector<Value>& addresses,
                   size_t given)
    : layout_(layout),
      addresses_(addresses),
      inputs_(static_cast<size_t>(program.inputs)),
      given_(given),
      steps_(program, layout.width, ratesOf(layout, inputs_, given)) {
  loadOnce(steps_, inputs_, layout_.operands, addresses_);
  steps_.writeOnce();
}

void Elements::write(Offsets& offsets, const Value& position, const Given& input) {
  const int width = layout_.width;
  Value lanes[4];
  for (size_t k = 0; k < given_; ++k) {
    input(k, lanes);
    for (int lane = 0; lane < width; ++lane) steps_.setInput(static_cast<int>(k), lane, lanes[lane]);
  }
  loadEach(steps_, inputs_, layout_.operands, addresses_,
           {offsets, 0, layout_.rank - 1, width, layout_.aligned, given_});
  steps_.writeEach(position);
  for (size_t k = inputs_; k < layout_.operands.size(); ++k) {
    const Layout& to = layout_.operands[k];
    for (int lane = 0; lane < width; ++lane) lanes[lane] = steps_.output(k - inputs_, lane);
    store(to.dtype, offsets.addressOf(addresses_[k], to.strides, static_cast<int64_t>(sizeOf(to.dtype))), width, lanes);
  }
}

}  // namespace steepest::cuda::emit
