// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/ftrace_events.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "pageblock/io/trace/ftrace_writer.hpp"
#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"
#include "support/fault.hpp"
#include "support/recording_tracer.hpp"
#include "support/zones.hpp"

namespace pageblock::test::ftrace_events_cases {

namespace {

// Writes every event down and keeps it too.
struct BothTracers {
  FtraceTracer to_text;
  test::RecordingTracer to_events;

  void operator()(const auto& event) const {
    to_text(event);
    to_events(event);
  }
};
struct TracedConfig : test::TinyConfig {
  using Tracer = BothTracers;
};

// Names in events are views of the file.
test::Events events_in(const InputFile& file, const Semantics& semantics = kernel::v3_6) {
  test::Events events;
  test::RecordingTracer tracer{&events};
  FtraceEvents source{semantics};
  FtraceReader reader{file};
  while (reader.next_line()) source.give(reader, tracer);
  return events;
}
test::Events events_in(const std::string& text, const Semantics& semantics = kernel::v3_6) {
  return events_in(InputFile{"trace", text}, semantics);
}

std::string fault_of(const std::string& event) {
  return test::fault_in([&] { return events_in("  a-1  [001] .....  1.000000: " + event + "\n"); });
}

// Two lists of events are the same if they are written as the same lines.
std::string as_text(const test::Events& events) {
  std::string text;
  FtraceWriter writer{text, kernel::v3_6, Order{TracedConfig::pageblock_order}};
  for (const test::Event& event : events) std::visit(writer, event);
  return text;
}

}  // namespace

TEST_CASE("FtraceEvents reads back what an area of a zone was asked for", "[ftrace]") {
  std::string text;
  test::Events seen;
  Zone<TracedConfig> zone{
      {.spanned_pages = 128,
       .block_types = {{.range = {Pfn{64}, Pfn{128}}, .type = MigrateType::cma}}}};
  CmaArea area{"camera", {PfnRange{Pfn{64}, Pfn{128}}}, Order{0}, TracedConfig::semantics.cma};
  FtraceWriter writer{text, zone};
  zone.tracer() = {{&writer}, {&seen}};

  // Page 70 is pinned: the place with it is busy.
  StubbornPages pages;
  pages.set(Pfn{70}, {.hindrance = Hindrance::pinned});
  while (const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable)) {
    if (page->pfn() == Pfn{70}) set_page_lru(zone, Pfn{70}, true);
  }
  for (std::uint64_t pfn = 64; pfn < 128; ++pfn) {
    if (pfn != 70) free_pages(zone, Cpu{0}, Pfn{pfn}, Order{0});
  }
  drain_all_pages(zone);
  const OptionalPfn got = cma_alloc(zone, Cpu{0}, area, 8, Order{3}, pages);
  REQUIRE(got == Pfn{72});
  CHECK(cma_release(zone, Cpu{0}, area, *got, 8));
  CHECK_FALSE(cma_alloc(zone, Cpu{0}, area, 65));

  const InputFile file{"trace", text};
  const test::Events read = events_in(file);
  CHECK(as_text(read) == as_text(seen));
  const auto busy = test::only<trace::CmaAllocBusyRetry>(read);
  REQUIRE(busy.size() == 1);
  CHECK(busy[0].pfn == Pfn{64});
  CHECK(busy[0].name == "camera");
  const auto answers = test::only<trace::CmaAllocFinish>(read);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].ret == ok);
  CHECK(answers[0].pfn == Pfn{72});
  CHECK(answers[1].ret == -Err::nomem);
  CHECK_FALSE(answers[1].pfn.has_value());
  CHECK(test::only<trace::CmaAllocStart>(read).size() == 2);
  CHECK(test::only<trace::CmaRelease>(read).size() == 1);
}

TEST_CASE("FtraceEvents refuses what no request to an area could be", "[ftrace]") {
  CHECK(fault_of("cma_alloc_start: name=x count=1 align=64") ==
        "trace:1: no pages are aligned to order 64");
  CHECK(fault_of("cma_alloc_start: name=x count=1 ") ==
        "trace:1: cma_alloc_start: expected 'align=<number up to 2147483647>' at ' '");
  CHECK(fault_of("cma_alloc_finish: name=x pfn=0x1 page=0 count=1 align=0 errorno=16") ==
        "trace:1: cma_alloc_finish: expected '0 or -<number up to 4095>' at '16'");
  CHECK(fault_of("cma_alloc_finish: name=x pfn=0x1 page=0 count=1 align=0 errorno=-5") ==
        "trace:1: cma_alloc_finish: no function of a zone returns -5");
  CHECK(fault_of("cma_release: pfn=0x1 page=0 count=1") ==
        "trace:1: cma_release: expected 'name=<text> pfn=<number>' at 'pfn=0x1 page=0 count=1'");
}

TEST_CASE("FtraceEvents reads back every event that FtraceWriter wrote", "[ftrace]") {
  std::string text;
  test::Events seen;
  Zone<TracedConfig> zone{{.spanned_pages = 128, .nr_cpus = 2}};
  FtraceWriter writer{text, zone};
  zone.tracer() = {{&writer}, {&seen}};

  // Steals, refills, drains, frees of all kinds, isolation that succeeds and that does not.
  std::vector<Pfn> pages;
  std::vector<Pfn> large;
  for (unsigned i = 0; i < 12; ++i) {
    const auto type = pcp_types[i % nr_pcp_types];
    pages.push_back(alloc_pages(zone, Cpu{0}, Order{i % 3}, type).value().pfn());
  }
  while (const auto page = alloc_pages(zone, Cpu{0}, Order{4}, MigrateType::movable)) {
    large.push_back(page->pfn());
  }
  for (const Pfn pfn : large) static_cast<void>(free_pages(zone, Cpu{1}, pfn, Order{4}));
  for (unsigned i = 0; i < 12; i += 2) {
    static_cast<void>(free_pages(zone, Cpu{0}, pages[i], Order{i % 3}));
  }
  CHECK(set_migratetype_isolate(zone, pages[1]) == -Err::busy);
  CHECK(start_isolate_page_range(zone, large[0], large[0] + 8, MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, large[0], large[0] + 8) == ok);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{8}) == -Err::busy);
  CHECK(undo_isolate_page_range(zone, large[0], large[0] + 8, MigrateType::movable) == ok);
  drain_all_pages(zone);

  const test::Events read = events_in(text);
  CHECK(as_text(read) == as_text(seen));
  CHECK(read.size() == seen.size());
  // Every kind but BadPage, what v3.6 does not write, MmPageFreeBatched, and the four of CMA came by.
  std::vector<bool> kinds(std::variant_size_v<test::Event>);
  for (const test::Event& event : read) kinds[event.index()] = true;
  CHECK(std::ranges::count(kinds, false) == 6);
}

TEST_CASE("FtraceEvents takes numbers of migratetypes from the kernel that is named", "[ftrace]") {
  Semantics swapped = kernel::v3_6;
  std::swap(swapped.migratetypes[1], swapped.migratetypes[2]);
  const std::string line =
      "  a-1  [001] .....  1.000000: mm_page_pcpu_drain: page=0 pfn=0x8 order=1 migratetype=1\n";
  const auto type_in = [&](const Semantics& semantics) {
    return test::only<trace::MmPagePcpuDrain>(events_in(line, semantics)).at(0).migratetype;
  };
  CHECK(type_in(kernel::v3_6) == MigrateType::reclaimable);
  CHECK(type_in(swapped) == MigrateType::movable);
  CHECK(fault_of("mm_page_pcpu_drain: page=0 pfn=0x8 order=1 migratetype=6") ==
        "trace:1: Linux 3.6 has no migratetype 6");
}

TEST_CASE("FtraceEvents pairs a set_isolate with its return on the same CPU", "[ftrace]") {
  const std::string on_0 = "  a-1  [000] .....  1.000000: ";
  const std::string on_1 = "  a-1  [001] .....  1.000000: ";
  const std::string enter =
      "set_isolate: (set_migratetype_isolate.isra.0+0x0/0x4d0) a2=0x3 a3=0x0 a4=0x200 page=";
  const std::string leave =
      "set_isolate_ret: (isolate_single_pageblock+0x3a3/0x510 <- "
      "set_migratetype_isolate.isra.0) ret=";
  const auto events = test::only<trace::SetMigratetypeIsolate>(
      events_in(on_0 + enter + "0xffffea0000000000\n" + on_1 + enter + "0xffffea0000008000\n" +
                on_0 + leave + "-16\n" + on_1 + leave + "0\n"));
  REQUIRE(events.size() == 2);
  CHECK(events[0].pfn == Pfn{0});
  CHECK(events[0].ret == -Err::busy);
  CHECK(events[1].pfn == Pfn{0x200});
  CHECK(events[1].ret == ok);
}

TEST_CASE("FtraceEvents refuses returns that do not fit", "[ftrace]") {
  const std::string leave = "set_isolate_ret: (a+0x0/0x1 <- set_migratetype_isolate) ret=";
  CHECK(fault_of(leave + "0") == "trace:1: set_isolate_ret: no set_isolate on this CPU before");
  const std::string line = "  a-1  [001] .....  1.000000: ";
  CHECK(test::fault_in([&] {
          return events_in(line + "set_isolate: (a+0x0/0x1) page=0xffffea0000000000\n" + line +
                           leave + "-5\n");
        }) == "trace:2: set_isolate_ret: no function of a zone returns -5");
  CHECK(fault_of("free_one: (a+0x0/0x1) page=0xffffea0000000000 mt=0") ==
        "trace:1: free_one: expected 'order=<number>' in ' page=0xffffea0000000000 mt=0'");
  CHECK(fault_of("free_one: (a+0x0/0x1) page=0xffffea0000000000 order=64 mt=0") ==
        "trace:1: free_one: no chunk has order 64");
}

TEST_CASE("FtraceEvents says which lines are none of a zone's events", "[ftrace]") {
  CHECK(events_in("# tracer: nop\n  a-1  [001] .....  1.000000: tracing_mark_write: x\n"
                  "  a-1  [001] .....  1.000000: foo: x\n"
                  "  a-1  [001] .....  1.000000: mm_page_free_batched: page=0 pfn=0x1 order=0\n"
                  "  a-1  [001] .....  1.000000: pcp_free: (a+0x0/0x1) order=0\n")
            .empty());
}

}  // namespace pageblock::test::ftrace_events_cases
