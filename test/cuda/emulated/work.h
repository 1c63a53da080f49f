// Work of the emulated device. It waits in its stream until somebody has to have it done, and then runs in one of two orders, both
// of which events allow: nothing of other streams that no event asks for ('late'), or as much of them as possible first
// ('early'). So a wait that is missing shows in one of them, every time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "context.h"

namespace steepest::emulated {

using Work = std::function<CUresult()>;

// A point in a stream, by how many pieces of work are in front of it.
struct Event {
  struct Stream* stream = nullptr;
  uint64_t position = 0;
};
struct Item {
  Work work;   // or
  Event wait;  // for this
};
struct Graph {
  std::vector<Work> work;
};
struct Stream {
  Context* context;
  std::string number;  // from 1 on, in the order in which they are made
  std::deque<Item> queue;
  uint64_t done = 0, handedOver = 0;
  std::unique_ptr<Graph> captured;  // instead of the queue
};

extern std::set<Stream*> streams;

Stream* streamOf(CUstream handle);
CUresult checkStream(CUstream stream);

// To the end of its queue, or of the graph that it is captured into.
void hand(Stream& stream, Work work);
void hand(Stream& stream, Item item);
// Until so many pieces of its work are done.
void finish(Stream& stream, uint64_t position);
// All work of a device.
void finishAll(Context* context);

}  // namespace steepest::emulated
