// The driver's entry points for streams, events and graphs.
#include "settings.h"
#include "work.h"

using namespace steepest::emulated;

namespace {

std::set<Event*> events;

Event* eventOf(CUevent handle) { return reinterpret_cast<Event*>(handle); }

}  // namespace

EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  static int count = 0;
  auto* const made = new Stream{current, std::to_string(++count), {}, 0, 0, nullptr};
  streams.insert(made);
  *stream = reinterpret_cast<CUstream>(made);
  return kSuccess;
}
EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  finish(*streamOf(stream), streamOf(stream)->handedOver);
  streams.erase(streamOf(stream));
  delete streamOf(stream);
  return current->fault;
}
EXPORT CUresult cuStreamSynchronize(CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (streamOf(stream)->captured) return refuse(900, "waits for a stream that is captured");
  finish(*streamOf(stream), streamOf(stream)->handedOver);
  return current->fault;
}
EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (events.count(eventOf(event)) == 0) return refuse(400, "an event that is none");
  if (!forgetsWaits(streamOf(stream)->number)) hand(*streamOf(stream), Item{{}, *eventOf(event)});
  return kSuccess;
}
EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (number("STEEPEST_EMULATED_NO_GRAPHS", 0) != 0) return 801;  // not supported
  if (streamOf(stream)->captured) return refuse(kInvalidValue, "captures a stream twice");
  streamOf(stream)->captured = std::make_unique<Graph>();
  ++capturing;
  return kSuccess;
}
EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (!streamOf(stream)->captured) return refuse(kInvalidValue, "ends a capture that has not begun");
  if (capturing == 0) return refuse(908, "ends a capture of another thread");
  --capturing;
  *graph = reinterpret_cast<CUgraph>(streamOf(stream)->captured.release());
  return kSuccess;
}
EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long) {
  *executable = reinterpret_cast<CUgraphExec>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return ready();
}
EXPORT CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  const std::vector<Work>& all = reinterpret_cast<Graph*>(executable)->work;
  addLine("STEEPEST_EMULATED_TRACE", "graph of " + std::to_string(all.size()));
  for (const Work& work : all) hand(*streamOf(stream), work);
  return kSuccess;
}
EXPORT CUresult cuGraphDestroy(CUgraph graph) {
  delete reinterpret_cast<Graph*>(graph);
  return kSuccess;
}
EXPORT CUresult cuGraphExecDestroy(CUgraphExec executable) {
  delete reinterpret_cast<Graph*>(executable);
  return kSuccess;
}
EXPORT CUresult cuEventCreate(CUevent* event, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  auto* const made = new Event;
  events.insert(made);
  *event = reinterpret_cast<CUevent>(made);
  return kSuccess;
}
EXPORT CUresult cuEventDestroy_v2(CUevent event) {
  const Lock lock(mutex);
  events.erase(eventOf(event));
  delete eventOf(event);
  return kSuccess;
}
EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  *eventOf(event) = {streamOf(stream), streamOf(stream)->handedOver};
  return kSuccess;
}
EXPORT CUresult cuEventSynchronize(CUevent event) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  const Event& e = *eventOf(event);
  if (e.stream != nullptr && streams.count(e.stream) > 0 && !forgetsWaits("host")) finish(*e.stream, e.position);
  return current->fault;
}
