// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/llfree_trace.hpp"

#include <cstdint>
#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::llfree_trace_cases {
namespace {

// One core, highest pfn 0x2000, one event, byte by byte:
// time 5, pfn 0x1234, alloc, order 9 (bit 63 and bit 66), gfp 0x8, pid 7.
std::string one_event() {
  std::string bytes(3 * 4096, '\0');
  bytes[0] = 2;
  bytes[4] = 2;
  bytes[9] = 0x20;
  bytes[4096] = 1;
  std::string_view entry{"\x05\x00\x00\x00\x00\x8d\x04\xc0\x44\x00\x00\x00\x07\x00\x00\x00", 16};
  bytes.replace(4096 + 16, 16, entry);
  return bytes;
}

TEST_CASE("read_llfree_trace reads what each bit says", "[llfree_trace]") {
  const LlfreeTrace trace = read_llfree_trace({"t", one_event()});
  CHECK(trace.cores == 2);
  CHECK(trace.max_pfn == 0x2000);
  REQUIRE(trace.events.size() == 1);
  const LlfreeEvent& event = trace.events[0];
  CHECK(event.time_us == 5);
  CHECK(event.pfn == Pfn{0x1234});
  CHECK(event.is_alloc);
  CHECK(event.order == Order{9});
  CHECK(event.gfp == 0x8);
  CHECK(event.migratetype() == MigrateType::movable);
  CHECK(event.pid == 7);
  CHECK(event.core == 1);
}

TEST_CASE("a trace that is written reads as it was, in the order of time", "[llfree_trace]") {
  LlfreeTrace trace{.cores = 3, .max_pfn = 0xffffff};
  for (std::uint64_t i = 0; i < 700; ++i) {
    trace.events.push_back({.time_us = (std::uint64_t{1} << 38) - 700 + i,
                            .pfn = Pfn{0xffffff - i},
                            .is_alloc = i % 3 != 0,
                            .order = Order{static_cast<unsigned>(i % 16)},
                            .gfp = static_cast<std::uint32_t>(0x1fffffff - i),
                            .pid = static_cast<std::uint32_t>(~i),
                            .core = static_cast<std::uint32_t>(i % 2 * 2)});
  }
  const std::string bytes = write_llfree_trace(trace);
  CHECK(bytes.size() == 5 * 4096);  // 350 events of each of two cores: two pages each
  CHECK(bytes[0] == 4);
  CHECK(read_llfree_trace({"t", bytes}) == trace);
}

TEST_CASE("migratetype of flags", "[llfree_trace]") {
  CHECK(LlfreeEvent{.gfp = 0x10}.migratetype() == MigrateType::reclaimable);
  CHECK(LlfreeEvent{.gfp = 0xc0}.migratetype() == MigrateType::unmovable);
}

TEST_CASE("read_llfree_trace says where a file is no trace", "[llfree_trace]") {
  const auto fault = [](const std::string& bytes) {
    return fault_in([&] { static_cast<void>(read_llfree_trace({"t", bytes})); });
  };
  CHECK(fault("") ==
        "t: byte 0: the file ends, and not at a page of 4096 bytes: no trace of LLFree, or it is "
        "cut");
  CHECK(fault(one_event().substr(1)) ==
        "t: byte 12287: the file ends, and not at a page of 4096 bytes: no trace of LLFree, or it "
        "is cut");
  CHECK(fault(std::string(4096, '\0')) ==
        "t: byte 4: the machine has no cores: no trace of LLFree");
  std::string bytes = one_event();
  bytes[4096] = 2;
  CHECK(fault(bytes) == "t: byte 4096: core 2 of a machine with 2");
  bytes = one_event();
  bytes[9] = 0x10;
  CHECK(fault(bytes) == "t: byte 4112: pfn 4660, and the highest is 4096");
}

TEST_CASE("write_llfree_trace refuses what does not fit", "[llfree_trace]") {
  const auto fault = [](const LlfreeEvent& event) {
    return fault_in([&] {
      static_cast<void>(write_llfree_trace({.cores = 1, .max_pfn = 0xffffff, .events = {event}}));
    });
  };
  CHECK(fault({.pfn = Pfn{1}}).empty());
  CHECK(fault({.pfn = Pfn{0}}) ==
        "the event of core 0 at 0 us, pfn 0, does not fit in a trace of LLFree");
  CHECK(!fault({.pfn = Pfn{1U << 24}}).empty());
  CHECK(!fault({.time_us = std::uint64_t{1} << 38, .pfn = Pfn{1}}).empty());
  CHECK(!fault({.pfn = Pfn{1}, .order = Order{16}}).empty());
  CHECK(!fault({.pfn = Pfn{1}, .gfp = 1U << 29}).empty());
  CHECK(!fault({.pfn = Pfn{1}, .core = 1}).empty());
}

}  // namespace
}  // namespace pageblock::test::llfree_trace_cases
