#include "work.h"

#include <cstdlib>

namespace steepest::emulated {

std::set<Stream*> streams;

Stream* streamOf(CUstream handle) { return reinterpret_cast<Stream*>(handle); }

CUresult checkStream(CUstream stream) {
  if (streams.count(streamOf(stream)) == 0) return refuse(400, "a stream that is none");
  return streamOf(stream)->context == current ? kSuccess : refuse(400, "a stream of another device");
}

namespace {

void runOne(Stream& stream);

void runUntil(Stream& stream, uint64_t position) {
  while (stream.done < position && !stream.queue.empty()) runOne(stream);
}

void runOne(Stream& stream) {
  const Item item = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (item.wait.stream != nullptr && streams.count(item.wait.stream) > 0) {
    runUntil(*item.wait.stream, item.wait.position);
  } else if (item.work && stream.context->fault == kSuccess) {
    stream.context->fault = item.work();
  }
  ++stream.done;
}

// As much of the other streams of the device as does not wait for work that is still in a queue.
void runOthers(Stream& stream) {
  for (bool moved = true; moved;) {
    moved = false;
    for (Stream* const other : streams) {
      if (other == &stream || other->context != stream.context) continue;
      while (!other->queue.empty()) {
        const Event& wait = other->queue.front().wait;
        if (wait.stream != nullptr && streams.count(wait.stream) > 0 && wait.stream->done < wait.position) break;
        runOne(*other);
        moved = true;
      }
    }
  }
}

}  // namespace

void finish(Stream& stream, uint64_t position) {
  const char* const order = std::getenv("STEEPEST_EMULATED_ORDER");
  const bool early = order != nullptr && std::string(order) == "early";
  while (stream.done < position && !stream.queue.empty()) {
    if (early) runOthers(stream);
    if (!stream.queue.empty() && stream.done < position) runOne(stream);
  }
}

void finishAll(Context* context) {
  for (Stream* const stream : streams) {
    if (stream->context == context) finish(*stream, stream->handedOver);
  }
}

void hand(Stream& stream, Item item) {
  stream.queue.push_back(std::move(item));
  ++stream.handedOver;
}
void hand(Stream& stream, Work work) {
  if (stream.captured) {
    stream.captured->work.push_back(std::move(work));
  } else {
    hand(stream, Item{std::move(work), {}});
  }
}

}  // namespace steepest::emulated
