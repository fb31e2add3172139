// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/ftrace_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/trace/ftrace_reader.hpp"
#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test::ftrace_writer_cases {

namespace {

std::string written_again(const std::string& content) {
  const InputFile file{"trace", content};
  std::string text;
  FtraceReader reader{file};
  while (reader.next_line()) append_line(text, reader.line());
  return text;
}

// As the recordings have them, with the numbers of their kernel.
constexpr Semantics recorded = kernel::without_cma(kernel::v6_1);
FtraceOptions like_a_recording() {
  FtraceOptions options;
  options.comm = "qk";
  options.irq_info = true;
  options.clock = [] { return std::uint64_t{3047460}; };
  return options;
}

}  // namespace

TEST_CASE("append_line writes what was read byte for byte", "[ftrace]") {
  const std::string start = "              qk-1       [000] d..3.     3.047460: ";
  const std::string trace =
      ftrace_header(4898, 1, true) + start + "tracing_mark_write: several\n\nlines \n" + start +
      "mm_page_alloc: page=          (null) pfn=0x0 order=0 migratetype=1 gfp_flags=none\n" +
      start +
      "mm_page_alloc: page=00000000db10905f pfn=0x552c order=1 migratetype=0 "
      "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO\n" +
      start + "mm_page_free: page=00000000335b6a11 pfn=15673 order=3\n" + start +
      "mm_page_free: page=00000000335b6a11 pfn=0x3d39 order=3\n" + start +
      "mm_page_free_batched: page=0000000053f2533f pfn=0x8a37 order=0\n" + start +
      "mm_page_pcpu_drain: page=000000002d66b695 pfn=0x8ab5 order=3 migratetype=1\n" + start +
      "mm_page_alloc_zone_locked: page=00000000e0e46231 pfn=0xeffd order=0 migratetype=2 "
      "percpu_refill=1\n" +
      start +
      "mm_page_alloc_extfrag: page=0000000084223f24 pfn=0x11000 alloc_order=0 fallback_order=10 "
      "pageblock_order=9 alloc_migratetype=2 fallback_migratetype=1 fragmenting=0 "
      "change_ownership=1\n" +
      start +
      "test_pages_isolated: start_pfn=0x10000 end_pfn=0x18000 fin_pfn=0x18000 ret=success\n" +
      start + "test_pages_isolated: start_pfn=0x10000 end_pfn=0x18000 fin_pfn=0x10200 ret=fail\n" +
      start + "cma_alloc_start: name=linux,cma count=500 align=8\n" + start +
      "cma_alloc_busy_retry: name=a name=b pfn=0x1 pfn=0x7c000 page=00000000335b6a11 count=500 "
      "align=8\n" +
      start +
      "cma_alloc_finish: name=linux,cma pfn=0xffffffffffffffff page=0000000000000000 count=500 "
      "align=8\n" +
      start +
      "cma_alloc_finish: name= pfn=0x7c000 page=00000000335b6a11 count=1 align=0 errorno=0\n" +
      start +
      "cma_alloc_finish: name=x pfn=508000 page=          (null) count=1 align=0 errorno=-16\n" +
      start + "cma_release: name=linux,cma pfn=0x7c000 page=00000000335b6a11 count=500\n" +
      "CPU:0 [LOST 12 EVENTS]\nCPU:11 [LOST EVENTS]\n##### CPU 1 buffer started ####\n" + start +
      "alloc_contig_ret: (virtio_mem_fake_offline+0x58/0xc0 [virtio_mem] <- alloc_contig_range) "
      "ret=-16\n" +
      start + "undo_isolate_ret: (online_pages+0x22b/0x2d0 <- undo_isolate_page_range)\n" + start +
      "mm_vmscan_kswapd_sleep: nid=0\n" + start + "free_one_page <-__free_pages_ok\n" +
      "  odd comm-1 [x]-12  (   12) [001]     12: foo:\n";
  CHECK(written_again(trace) == trace);
}

TEST_CASE("FtraceWriter writes lines as the recorded kernel does", "[ftrace]") {
  std::string text;
  FtraceWriter writer{text, recorded, Order{9}, like_a_recording()};
  writer.mark("offline memory2");
  writer(trace::MmPageAlloc{Pfn{0x552c}, Order{1}, MigrateType::unmovable, Cpu{0}});
  writer(trace::MmPageAlloc{std::nullopt, Order{4}, MigrateType::movable, Cpu{1}});
  writer(trace::MmPageFree{Pfn{0x3d39}, Order{0}, Cpu{12}});
  writer(trace::MmPagePcpuDrain{Pfn{0x8ab5}, Order{0}, MigrateType::reclaimable});
  writer(trace::MmPageAllocZoneLocked{Pfn{0xeffd}, Order{0}, MigrateType::movable, true});
  writer(trace::TestPagesIsolated{Pfn{0x10000}, Pfn{0x18000}, Pfn{0x10200}, -Err::busy});
  writer(trace::TestPagesIsolated{Pfn{0x10000}, Pfn{0x18000}, Pfn{0x18000}, ok});
  CHECK(text ==
        "              qk-1       [000] .....     3.047460: tracing_mark_write: offline memory2\n"
        "              qk-1       [000] .....     3.047460: mm_page_alloc: page=ffffea0000154b00 "
        "pfn=0x552c order=1 migratetype=0 gfp_flags=GFP_KERNEL\n"
        "              qk-1       [001] .....     3.047460: mm_page_alloc: page=0000000000000000 "
        "pfn=0x0 order=4 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE\n"
        "              qk-1       [012] .....     3.047460: mm_page_free: page=ffffea00000f4e40 "
        "pfn=0x3d39 order=0\n"
        "              qk-1       [012] .....     3.047460: mm_page_pcpu_drain: "
        "page=ffffea000022ad40 pfn=0x8ab5 order=0 migratetype=2\n"
        "              qk-1       [012] .....     3.047460: mm_page_alloc_zone_locked: "
        "page=ffffea00003bff40 pfn=0xeffd order=0 migratetype=1 percpu_refill=1\n"
        "              qk-1       [012] .....     3.047460: test_pages_isolated: "
        "start_pfn=0x10000 end_pfn=0x18000 fin_pfn=0x10200 ret=fail\n"
        "              qk-1       [012] .....     3.047460: test_pages_isolated: "
        "start_pfn=0x10000 end_pfn=0x18000 fin_pfn=0x18000 ret=success\n");
  CHECK(writer.nr_events() == 8);
}

TEST_CASE("FtraceWriter writes what a CMA area is asked for, as each kernel does", "[ftrace]") {
  const auto lines_of = [](const Semantics& semantics, Status ret) {
    std::string text;
    FtraceWriter writer{text, semantics, Order{9}};
    writer(trace::CmaAllocStart{"camera", 500, Order{8}, Cpu{1}});
    writer(trace::CmaAllocBusyRetry{"camera", Pfn{0x7c000}, 500, Order{8}, Cpu{1}});
    writer(trace::CmaAllocFinish{"camera", Pfn{0x7c100}, 500, Order{8}, ret, Cpu{1}});
    writer(trace::CmaAllocFinish{"camera", {}, 5000, Order{0}, -Err::nomem, Cpu{1}});
    writer(trace::CmaRelease{"camera", Pfn{0x7c100}, 500, Cpu{0}});
    std::string events;
    for (std::size_t at = text.find(": "); at != text.npos; at = text.find(": ", at)) {
      const std::size_t end = text.find('\n', at);
      events += text.substr(at + 2, end - at - 1);
      at = end;
    }
    return events;
  };
  CHECK(lines_of(kernel::v6_1, ok) ==
        "cma_alloc_start: name=camera count=500 align=8\n"
        "cma_alloc_busy_retry: name=camera pfn=0x7c000 page=ffffea0001f00000 count=500 align=8\n"
        "cma_alloc_finish: name=camera pfn=0x7c100 page=ffffea0001f04000 count=500 align=8\n"
        "cma_alloc_finish: name=camera pfn=0xffffffffffffffff page=0000000000000000 count=5000 "
        "align=0\n"
        "cma_release: name=camera pfn=0x7c100 page=ffffea0001f04000 count=500\n");
  const std::string later = lines_of(kernel::v6_12, -Err::busy);
  CHECK(later.find("pfn=0x7c100 page=0000000000000000 count=500 align=8 errorno=-16\n") !=
        later.npos);
  CHECK(later.find("count=5000 align=0 errorno=-12\n") != later.npos);
}

TEST_CASE("FtraceWriter says whether a steal fragments a pageblock", "[ftrace]") {
  std::string text;
  FtraceWriter writer{text, kernel::v3_6, Order{4}, like_a_recording()};
  const auto steal = [&](unsigned order) {
    text.clear();
    writer(trace::MmPageAllocExtfrag{Pfn{0x11000}, Order{1}, Order{order}, MigrateType::reclaimable,
                                     MigrateType::movable, true});
    return text.substr(text.find("alloc_order"));
  };
  CHECK(steal(4) ==
        "alloc_order=1 fallback_order=4 pageblock_order=4 alloc_migratetype=1 "
        "fallback_migratetype=2 fragmenting=0 change_ownership=1\n");
  CHECK(steal(3) ==
        "alloc_order=1 fallback_order=3 pageblock_order=4 alloc_migratetype=1 "
        "fallback_migratetype=2 fragmenting=1 change_ownership=1\n");
}

TEST_CASE("FtraceWriter writes events that the kernel lacks as probes", "[ftrace]") {
  std::string text;
  FtraceWriter writer{text, recorded, Order{9}, like_a_recording()};
  writer.set_cpu(Cpu{1});
  const auto last = [&] {
    const std::string line = text;
    text.clear();
    return line;
  };
  const std::string start = "              qk-1       [001] .....     3.047460: ";
  writer(trace::MmPageFreeZoneLocked{Pfn{0x10010}, Order{3}, MigrateType::isolate});
  CHECK(last() == start +
                      "free_one: (free_one_page+0x0/0x0) page=0xffffea0000400400 pfn=0x10010 "
                      "order=3 mt=4\n");
  writer(trace::SetMigratetypeIsolate{Pfn{0x10000}, -Err::busy});
  CHECK(last() ==
        start + "set_isolate: (set_migratetype_isolate+0x0/0x0) page=0xffffea0000400000\n" + start +
            "set_isolate_ret: (pageblock+0x0/0x0 <- set_migratetype_isolate) ret=-16\n");
  writer(trace::UnsetMigratetypeIsolate{Pfn{0x10000}, MigrateType::movable});
  CHECK(last() == start +
                      "unset_isolate: (unset_migratetype_isolate+0x0/0x0) "
                      "page=0xffffea0000400000 mt=1\n");
  writer(trace::BadPage{Pfn{0x10000}});
  CHECK(last().empty());
  CHECK(writer.nr_events() == 4);
}

TEST_CASE("FtraceWriter leaves out what older readers do not know", "[ftrace]") {
  FtraceOptions options;
  options.decimal_pfns = true;
  std::string text;
  FtraceWriter writer{text, kernel::v6_1, Order{9}, options};
  writer(trace::MmPageFree{Pfn{0x10}, Order{0}, Cpu{0}});
  writer(trace::MmPageFree{Pfn{0x11}, Order{0}, Cpu{0}});
  // no column of flags, and a clock that counts
  CHECK(text ==
        "       pageblock-1       [000]             0: mm_page_free: page=ffffea0000000400 pfn=16 "
        "order=0\n"
        "       pageblock-1       [000]             1: mm_page_free: page=ffffea0000000440 pfn=17 "
        "order=0\n");
  CHECK(written_again(text) == text);
}

// Zones that only differ in their kernel write different traces.
template <const Semantics& kernel, unsigned block_order>
struct TracedBy : TinyConfig {
  static constexpr Semantics semantics = kernel;
  static constexpr unsigned pageblock_order = block_order;
  using Tracer = FtraceTracer;
};

template <const Semantics& kernel, unsigned block_order>
std::string trace_of_zone() {
  std::string text;
  Zone<TracedBy<kernel, block_order>> zone{ZoneLayout{.spanned_pages = 32}};
  FtraceWriter writer{text, zone};
  zone.tracer().writer = &writer;
  const auto page = alloc_pages(zone, Cpu{0}, Order{2}, MigrateType::reclaimable);
  REQUIRE(page);
  set_pageblock_migratetype(zone, *page, MigrateType::isolate);
  static_cast<void>(free_pages(zone, Cpu{0}, *page, Order{2}));
  while (alloc_pages(zone, Cpu{0}, Order{4}, MigrateType::movable)) {
  }
  return text;
}

constexpr Semantics v6_1_without_cma = kernel::without_cma(kernel::v6_1);

TEST_CASE("FtraceWriter takes numbers, block order and spelling from the zone", "[ftrace]") {
  const auto has = [](const std::string& text, std::string_view part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const std::string old = trace_of_zone<kernel::v3_6, 3>();
  has(old, " order=2 migratetype=1 gfp_flags=GFP_KERNEL|GFP_RECLAIMABLE\n");
  has(old, "pageblock_order=3 alloc_migratetype=1 fallback_migratetype=2");
  has(old, " order=2 mt=5\n");
  has(old, "mm_page_alloc: page=          (null) pfn=0 order=4 migratetype=2");
  CHECK(old.find("mm_page_free: page=ffffea0000000400 pfn=16 order=2\n") != std::string::npos);

  const std::string with_cma = trace_of_zone<kernel::v6_1, 4>();
  has(with_cma, " order=2 migratetype=2 gfp_flags=GFP_KERNEL|__GFP_RECLAIMABLE\n");
  has(with_cma, "pageblock_order=4 alloc_migratetype=2 fallback_migratetype=1");
  has(with_cma, " order=2 mt=5\n");
  has(with_cma, "mm_page_alloc: page=0000000000000000 pfn=0x0 order=4 migratetype=1");

  has(trace_of_zone<v6_1_without_cma, 3>(), " order=2 mt=4\n");
}

// Two CPUs have a page each on a list, and CPU 1 has all drained: the CPUs of the lines.
template <const Semantics& kernel>
std::vector<std::string> cpus_of_drain() {
  std::string text;
  Zone<TracedBy<kernel, 3>> zone{ZoneLayout{.spanned_pages = 32, .nr_cpus = 2}};
  zone.set_pageset(4, 24);
  FtraceWriter writer{text, zone};
  for (const unsigned id : {0U, 1U}) {
    const auto page = alloc_pages(zone, Cpu{id}, Order{0}, MigrateType::movable);
    REQUIRE(page);
    static_cast<void>(free_pages(zone, Cpu{id}, *page, Order{0}));
  }
  zone.tracer().writer = &writer;
  writer.set_cpu(Cpu{1});
  drain_all_pages(zone);
  writer.mark("drained");
  std::vector<std::string> cpus;
  for (std::size_t at = text.find('['); at != std::string::npos; at = text.find('[', at + 1)) {
    const std::string cpu = text.substr(at, 5);
    if (cpus.empty() || cpus.back() != cpu) cpus.push_back(cpu);
  }
  return cpus;
}

TEST_CASE("FtraceWriter writes a drain with the CPU that drains", "[ftrace]") {
  // Recorded of v6.1 with two CPUs: all lines have the CPU that takes memory offline.
  CHECK(cpus_of_drain<kernel::v6_1>() == std::vector<std::string>{"[001]"});
  // v3.6 interrupts each CPU; what follows is the caller's again.
  CHECK(cpus_of_drain<kernel::v3_6>() == std::vector<std::string>{"[000]", "[001]"});
}

TEST_CASE("ftrace_header is the kernel's, with and without the column of flags", "[ftrace]") {
  CHECK(ftrace_header(4898, 2) ==
        "# tracer: nop\n"
        "#\n"
        "# entries-in-buffer/entries-written: 4898/4898   #P:2\n"
        "#\n"
        "#           TASK-PID     CPU#     TIMESTAMP  FUNCTION\n"
        "#              | |         |         |         |\n");
  CHECK(ftrace_header(1, 1, true)
            .ends_with("#                              |||| /     delay\n"
                       "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
                       "#              | |         |   |||||     |         |\n"));
}

}  // namespace pageblock::test::ftrace_writer_cases
