// SPDX-License-Identifier: MIT
#include "pageblock/base/tracepoint.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"

namespace pageblock::test::tracepoint_cases {
namespace {

struct SeesOneEvent {
  void operator()(const trace::MmPageAlloc&) const {}
};

}  // namespace

TEST_CASE("Tracer is whatever can be called with every event", "[tracepoint]") {
  STATIC_REQUIRE(Tracer<trace::NullTracer>);
  STATIC_REQUIRE(Tracer<RecordingTracer>);
  STATIC_REQUIRE(!Tracer<SeesOneEvent>);
}

TEST_CASE("NullTracer takes no room in a zone", "[tracepoint]") {
  struct Holder {
    [[no_unique_address]] trace::NullTracer tracer;
    int other;
  };
  STATIC_REQUIRE(sizeof(Holder) == sizeof(int));
}

TEST_CASE("a tracer gets events in the order in which they happen", "[tracepoint]") {
  Events events;
  const RecordingTracer tracer{&events};
  tracer(trace::BadPage{Pfn{3}});
  tracer(trace::MmPageFree{Pfn{4}, Order{1}, cpu1});
  tracer(trace::BadPage{Pfn{5}});
  REQUIRE(events.size() == 3);
  CHECK(only<trace::BadPage>(events)[1].pfn == Pfn{5});
  CHECK(std::get<trace::MmPageFree>(events[1]).cpu == cpu1);
}

}  // namespace pageblock::test::tracepoint_cases
