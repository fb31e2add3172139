// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/ftrace_reader.hpp"

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::ftrace_reader_cases {

namespace {

const std::string start = "              qk-1       [000] d..3.     3.047460: ";

// Reads one line and returns its event, which must have the type asked for. The texts are those of
// the line, so it lives as long as the program.
template <typename Event>
Event read(const std::string& text) {
  static std::vector<std::unique_ptr<const InputFile>> files;
  files.push_back(std::make_unique<const InputFile>(InputFile{"trace", text + "\n"}));
  FtraceReader reader{*files.back()};
  REQUIRE(reader.next_line());
  REQUIRE(std::holds_alternative<Event>(reader.line().event));
  return std::get<Event>(reader.line().event);
}

ftrace::Line read_prefix(const std::string& prefix) {
  static std::vector<std::unique_ptr<const InputFile>> files;
  files.push_back(
      std::make_unique<const InputFile>(InputFile{"trace", prefix + "tracing_mark_write: x\n"}));
  FtraceReader reader{*files.back()};
  REQUIRE(reader.next_line());
  CHECK(reader.line().prefix == prefix);
  return reader.line();
}

std::string fault_of(const std::string& content) {
  return test::fault_in([&] {
    const InputFile file{"trace", content};
    FtraceReader reader{file};
    while (reader.next_line()) {
    }
    return 0;
  });
}
std::string fault_of_event(const std::string& event) { return fault_of(start + event + "\n"); }

}  // namespace

TEST_CASE("FtraceReader reads the kmem events", "[ftrace]") {
  const auto alloc = read<ftrace::MmPageAlloc>(
      start +
      "mm_page_alloc: page=00000000db10905f pfn=0x552c order=1 migratetype=2 "
      "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO");
  CHECK(alloc.page == "00000000db10905f");
  CHECK(alloc.pfn == Pfn{0x552c});
  CHECK(alloc.order == Order{1});
  CHECK(alloc.migratetype == 2);
  CHECK(alloc.gfp_flags == "GFP_KERNEL_ACCOUNT|__GFP_ZERO");

  const auto free =
      read<ftrace::MmPageFree>(start + "mm_page_free: page=00000000335b6a11 pfn=0x3d39 order=9");
  CHECK(free.page == "00000000335b6a11");
  CHECK(free.pfn == Pfn{0x3d39});
  CHECK(free.order == Order{9});

  CHECK(read<ftrace::MmPageFreeBatched>(
            start + "mm_page_free_batched: page=0000000053f2533f pfn=0x8a37 order=0")
            .pfn == Pfn{0x8a37});

  const auto locked = read<ftrace::MmPageAllocZoneLocked>(
      start +
      "mm_page_alloc_zone_locked: page=00000000e0e46231 pfn=0xeffd order=3 migratetype=1 "
      "percpu_refill=1");
  CHECK(locked.pfn == Pfn{0xeffd});
  CHECK(locked.order == Order{3});
  CHECK(locked.migratetype == 1);
  CHECK(locked.percpu_refill);

  const auto drain = read<ftrace::MmPagePcpuDrain>(
      start + "mm_page_pcpu_drain: page=000000002d66b695 pfn=0x8ab5 order=2 migratetype=4");
  CHECK(drain.pfn == Pfn{0x8ab5});
  CHECK(drain.order == Order{2});
  CHECK(drain.migratetype == 4);

  const auto steal = read<ftrace::MmPageAllocExtfrag>(
      start +
      "mm_page_alloc_extfrag: page=0000000084223f24 pfn=0x11000 alloc_order=2 fallback_order=10 "
      "pageblock_order=9 alloc_migratetype=3 fallback_migratetype=1 fragmenting=0 "
      "change_ownership=1");
  CHECK(steal.pfn == Pfn{0x11000});
  CHECK(steal.alloc_order == Order{2});
  CHECK(steal.fallback_order == Order{10});
  CHECK(steal.pageblock_order == Order{9});
  CHECK(steal.alloc_migratetype == 3);
  CHECK(steal.fallback_migratetype == 1);
  CHECK_FALSE(steal.fragmenting);
  CHECK(steal.change_ownership);
}

TEST_CASE("FtraceReader reads the page_isolation event", "[ftrace]") {
  const auto good = read<ftrace::TestPagesIsolated>(
      start + "test_pages_isolated: start_pfn=0x10000 end_pfn=0x18000 fin_pfn=0x18400 ret=success");
  CHECK(good.start_pfn == Pfn{0x10000});
  CHECK(good.end_pfn == Pfn{0x18000});
  CHECK(good.fin_pfn == Pfn{0x18400});
  CHECK(good.success);
  CHECK_FALSE(read<ftrace::TestPagesIsolated>(
                  start + "test_pages_isolated: start_pfn=0x0 end_pfn=0x2 fin_pfn=0x1 ret=fail")
                  .success);
}

TEST_CASE("FtraceReader takes pfn 0 of a null page for a failed request", "[ftrace]") {
  const auto failed = read<ftrace::MmPageAlloc>(
      start + "mm_page_alloc: page=          (null) pfn=0x0 order=4 migratetype=0 gfp_flags=none");
  CHECK_FALSE(failed.pfn.has_value());
  CHECK(failed.page == "          (null)");
  const auto is_failure = [](const std::string& page) {
    return !read<ftrace::MmPageAlloc>(start + "mm_page_alloc: page=" + page +
                                      " pfn=0x0 order=4 migratetype=0 gfp_flags=none")
                .pfn.has_value();
  };
  CHECK(is_failure("0000000000000000"));
  CHECK_FALSE(is_failure("ffffea0000000000"));
}

TEST_CASE("FtraceReader reads pfns of older kernels in decimal", "[ftrace]") {
  const InputFile file{"trace", start + "mm_page_free: page=ffffea0000db8a80 pfn=225322 order=0\n" +
                                    start +
                                    "mm_page_free: page=ffffea0000db8a80 pfn=0x7 order=0\n"};
  FtraceReader reader{file};
  REQUIRE(reader.next_line());
  CHECK(std::get<ftrace::MmPageFree>(reader.line().event).pfn == Pfn{225322});
  CHECK(reader.line().has_decimal_pfns);
  REQUIRE(reader.next_line());
  CHECK_FALSE(reader.line().has_decimal_pfns);
}

TEST_CASE("FtraceReader reads probes, marks and what it does not know", "[ftrace]") {
  const auto probe =
      read<ftrace::Probe>(start + "pcp_enable: (zone_pcp_enable+0x0/0x20) zone=0xffff88803fe28600");
  CHECK(probe.name == "pcp_enable");
  CHECK(probe.location == "zone_pcp_enable+0x0/0x20");
  CHECK(probe.number("zone") == 0xffff88803fe28600U);
  CHECK(read<ftrace::Probe>(start + "unset_isolate_ret: (undo_isolate_page_range+0x5b/0xa0 <- "
                                    "unset_migratetype_isolate)")
            .args.empty());

  CHECK(read<ftrace::TracingMarkWrite>(start + "tracing_mark_write: offline memory2 rc -16").text ==
        "offline memory2 rc -16");
  CHECK(read<ftrace::TracingMarkWrite>(start + "tracing_mark_write: ").text.empty());

  const auto unknown =
      read<ftrace::UnknownEvent>(start + "mm_migrate_pages_start: mode=MIGRATE_SYNC reason=x");
  CHECK(unknown.name == "mm_migrate_pages_start");
  CHECK(unknown.text == "mm_migrate_pages_start: mode=MIGRATE_SYNC reason=x");
  const auto function = read<ftrace::UnknownEvent>(start + "free_one_page <-__free_pages_ok");
  CHECK(function.name.empty());
  CHECK(function.text == "free_one_page <-__free_pages_ok");
  CHECK(read<ftrace::UnknownEvent>(start + "odd: (not a probe) x").name == "odd");
}

TEST_CASE("FtraceReader reads the prefix as kernels and their options print it", "[ftrace]") {
  const auto line = read_prefix(start);
  CHECK(line.comm == "qk");
  CHECK(line.pid == 1);
  CHECK(line.cpu == Cpu{0});
  CHECK(line.flags == "d..3.");
  CHECK(line.timestamp == "3.047460");
  CHECK(line.time == 3047460);

  const auto counted = read_prefix("     kworker/0:2-46      [012] .....            4: ");
  CHECK(counted.comm == "kworker/0:2");
  CHECK(counted.pid == 46);
  CHECK(counted.cpu == Cpu{12});
  CHECK(counted.time == 4);

  CHECK(read_prefix("              qk-1       [000] d..3     3.047460: ").flags == "d..3");
  CHECK(read_prefix("              qk-1       [000] ..s.1..   3.047460: ").flags == "..s.1..");
  CHECK(read_prefix("              qk-1       [000]      3.047460: ").flags.empty());
  CHECK(read_prefix("              qk-1       [000]      3.047460999: ").time == 3047460);
  CHECK(read_prefix("              qk-1       [000]      3: ").time == 3);
  CHECK(read_prefix("          <idle>-0       [000] ..s1. 12345.000001: ").time == 12345000001);
  CHECK(read_prefix("              qk-17      (     1) [000] ..s1. 12345.000001: ").pid == 17);
}

TEST_CASE("FtraceReader reads comms with anything in them", "[ftrace]") {
  CHECK(read_prefix("     Web Content-12      [000] .....     1.000000: ").comm == "Web Content");
  CHECK(read_prefix("      jbd2/vda-8-123     [000] .....     1.000000: ").comm == "jbd2/vda-8");
  const auto line = read_prefix("       a-1 [001] b-22      [002] .....     1.000000: ");
  CHECK(line.comm == "a-1 [001] b");
  CHECK(line.pid == 22);
  CHECK(line.cpu == Cpu{2});
  CHECK(read_prefix("      a-1 [001] 1:-2       [003] .....     1.000000: ").cpu == Cpu{3});
}

TEST_CASE("FtraceReader numbers the events of each CPU and nothing else", "[ftrace]") {
  const std::string on_0 = "  a-1  [000] .....  1.000000: ";
  const std::string on_2 = "  a-1  [002] .....  1.000000: ";
  const InputFile file{"trace", "# tracer: nop\n" + on_0 + "tracing_mark_write: several\nlines\n" +
                                    on_2 + "foo: x\n" + "##### CPU 2 buffer started ####\n" +
                                    "CPU:2 [LOST 12 EVENTS]\n" + on_2 + "foo: x\n" + on_0 +
                                    "foo: x\n"};
  FtraceReader reader{file};
  std::vector<std::string> seen;
  while (reader.next_line()) {
    const ftrace::Line& line = reader.line();
    seen.push_back(line.is_event() ? fmt::format("{}:{}", line.cpu, line.nr_on_cpu) : "-");
  }
  CHECK(seen == std::vector<std::string>{"-", "0:0", "-", "2:0", "-", "-", "2:1", "0:1"});
  CHECK(reader.number() == 8);
}

TEST_CASE("FtraceReader reads the header and where events were lost", "[ftrace]") {
  const auto counts =
      read<ftrace::EntryCounts>("# entries-in-buffer/entries-written: 12/4898   #P:2");
  CHECK(counts.in_buffer == 12);
  CHECK(counts.written == 4898);
  CHECK(counts.nr_cpus == 2);
  CHECK(read<ftrace::Comment>("#                              || / _--=> preempt-depth")
            .text.size() == 55);
  const auto lost = read<ftrace::LostEvents>("CPU:3 [LOST 12 EVENTS]");
  CHECK(lost.cpu == Cpu{3});
  CHECK(lost.count == 12U);
  CHECK_FALSE(read<ftrace::LostEvents>("CPU:0 [LOST EVENTS]").count.has_value());
}

TEST_CASE("FtraceReader takes lines without a prefix only behind a text", "[ftrace]") {
  const std::string mark = start + "tracing_mark_write: one\n";
  const std::string stack = start + "kernel_stack: <stack trace>\n => free_one_page\n => 0\n";
  CHECK(fault_of(mark + "two\n\nthree\n" + stack).empty());
  CHECK(fault_of("two\n") == "trace:1: expected '<comm>-<pid> [<cpu>] <time>: <event>'");
  CHECK(fault_of(start + "mm_page_free: page=0 pfn=0x1 order=0\ntwo\n") ==
        "trace:2: expected '<comm>-<pid> [<cpu>] <time>: <event>'");
  CHECK(fault_of(mark + "# comment\ntwo\n") ==
        "trace:3: expected '<comm>-<pid> [<cpu>] <time>: <event>'");
}

TEST_CASE("FtraceReader says which field of a kmem event is not the kernel's", "[ftrace]") {
  CHECK(fault_of_event("mm_page_free: pfn=0x1 order=0") ==
        "trace:1: mm_page_free: expected 'page=<pointer> pfn=<number>' at 'pfn=0x1 order=0'");
  CHECK(fault_of_event("mm_page_free: page=0 pfn=0x order=0") ==
        "trace:1: mm_page_free: expected 'pfn=<number>' at ' pfn=0x order=0'");
  CHECK(fault_of_event("mm_page_free: page=0 pfn=0x1 order=64") ==
        "trace:1: mm_page_free: expected 'order=<number up to 63>' at ' order=64'");
  CHECK(fault_of_event("mm_page_free: page=0 pfn=0x1 order=0 cold=1") ==
        "trace:1: mm_page_free: expected 'the end of the line' at ' cold=1'");
  CHECK(fault_of_event("mm_page_free:page=0 pfn=0x1 order=0") ==
        "trace:1: mm_page_free: expected ': ' at ':page=0 pfn=0x1 order=0'");
  CHECK(fault_of_event("mm_page_free_batched: page=0 pfn=0x1 order=1") ==
        "trace:1: mm_page_free_batched: expected 'order=0' at ' order=1'");
  CHECK(fault_of_event("mm_page_pcpu_drain: page=0 pfn=0x1 order=0 migratetype=-1") ==
        "trace:1: mm_page_pcpu_drain: expected 'migratetype=<number up to 2147483647>' at "
        "' migratetype=-1'");
  CHECK(fault_of_event("mm_page_alloc: page=0 pfn=0x1 order=0 migratetype=1 gfp_flags=") ==
        "trace:1: mm_page_alloc: expected 'gfp_flags=<text>' at ' gfp_flags='");
  CHECK(fault_of_event("mm_page_alloc: page=0 pfn=0x1 order=0 gfp_flags=none") ==
        "trace:1: mm_page_alloc: expected 'migratetype=<number up to 2147483647>' at "
        "' gfp_flags=none'");
  CHECK(fault_of_event("mm_page_alloc_zone_locked: page=0 pfn=0x1 order=0 migratetype=1 "
                       "percpu_refill=2") ==
        "trace:1: mm_page_alloc_zone_locked: expected 'percpu_refill=<number up to 1>' at "
        "' percpu_refill=2'");
  CHECK(fault_of_event("mm_page_alloc_extfrag: page=0 pfn=0x1 alloc_order=0 pageblock_order=9") ==
        "trace:1: mm_page_alloc_extfrag: expected 'fallback_order=<number up to 63>' at "
        "' pageblock_order=9'");
  CHECK(fault_of_event("test_pages_isolated: start_pfn=0x1 end_pfn=0x2 fin_pfn=0x2 ret=ok") ==
        "trace:1: test_pages_isolated: expected 'fail' at 'ok'");
  CHECK(fault_of_event("test_pages_isolated: start_pfn=0x1 end_pfn=2 fin_pfn=0x2 ret=fail") ==
        "trace:1: test_pages_isolated: expected 'end_pfn=<number>' at "
        "' end_pfn=2 fin_pfn=0x2 ret=fail'");
}

TEST_CASE("FtraceReader takes no number that the kernel would print otherwise", "[ftrace]") {
  for (const std::string pfn : {"0x01", "0xA", "01", "0x", "0x10000000000000000", "+1", "-1", ""}) {
    CAPTURE(pfn);
    CHECK_FALSE(fault_of_event("mm_page_free: page=0 pfn=" + pfn + " order=0").empty());
  }
  CHECK(fault_of_event("mm_page_free: page=0 pfn=0xffffffffffffffff order=0").empty());
  CHECK_FALSE(fault_of_event("mm_page_free: page=0 pfn=0x1 order=00").empty());
}

TEST_CASE("FtraceReader refuses half a probe, half a line and a half header", "[ftrace]") {
  const std::string expected =
      "trace:1: pcp_enable: expected '(<function>+0x<offset>/0x<size>) <name>=<value> ...'";
  CHECK(fault_of_event("pcp_enable: (zone_pcp_enable+0x0/0x20") == expected);
  CHECK(fault_of_event("pcp_enable: (zone_pcp_enable+0x0/0x20) zone=") == expected);
  CHECK(fault_of_event("pcp_enable: (zone_pcp_enable+0x0/0x20) zone") == expected);
  CHECK(fault_of_event("pcp_enable: (zone_pcp_enable+0x0/0x20)zone=1") == expected);
  CHECK(fault_of_event("pcp_enable: (zone_pcp_enable+0x0/0x20) =1") == expected);
  CHECK(fault_of_event("pcp_enable: (zone_pcp_enable+0x0/0x20) a=1 ") == expected);

  CHECK(fault_of("# tracer: nop\n" + start + "mm_page_free: page=0 pfn=0x1") ==
        "trace:2: the line has no end: the file is cut off");
  CHECK(fault_of("# entries-in-buffer/entries-written: 12 #P:1\n") ==
        "trace:1: header: expected '/<number>' at ' #P:1'");
  CHECK(fault_of("CPU:0 [LOST x EVENTS]\n") ==
        "trace:1: lost events: expected '[LOST <number>' at ' [LOST x EVENTS]'");
  CHECK(fault_of("CPU:0 [LOST 3 EVENTS\n") ==
        "trace:1: lost events: expected 'EVENTS]' at ' EVENTS'");
  CHECK(fault_of("") == "trace: the file is empty");
}

TEST_CASE("FtraceReader refuses prefixes that no kernel prints", "[ftrace]") {
  for (const std::string prefix : {
           "qk [000] .....     3.047460: ",           // no pid
           "qk-x [000] .....     3.047460: ",         // no number as pid
           "qk-99999999999 [000] .....  3.047460: ",  // too large a pid
           " -1 [000] .....     3.047460: ",          // no comm
           "qk-1 [00] .....     3.047460: ",          // the CPU has three digits
           "qk-1 [8192] .....     3.047460: ",        // more CPUs than kernels have
           "qk-1 [000] ..... .....  3.047460: ",      // flags twice
           "qk-1 [000] .....     3.04746: ",          // five decimals
           "qk-1 [000] .....     .047460: ",          // no seconds
           "qk-1 [000] .....     3.047460 ",          // no colon
           "qk-1 [000] ..... : ",                     // no time
           "qk-1 [000] .....     99999999999999999999: ",
       }) {
    CAPTURE(prefix);
    CHECK(fault_of(prefix + "foo: x\n") ==
          "trace:1: expected '<comm>-<pid> [<cpu>] <time>: <event>'");
  }
}

TEST_CASE("FtraceReader demands arguments of probes and names the line", "[ftrace]") {
  const InputFile file{"trace", start + "tracing_mark_write: T0\n" + start +
                                    "free_core: (__free_pages_core+0x0/0x90) "
                                    "page=0xffffea0000400000 order=10 off=0xffffea0000400001\n"};
  FtraceReader reader{file};
  REQUIRE(reader.next_line());
  REQUIRE(reader.next_line());
  const auto probe = std::get<ftrace::Probe>(reader.line().event);
  CHECK(reader.number_of(probe, "order") == 10);
  CHECK(reader.integer_of(probe, "order") == 10);
  CHECK(reader.pfn_of(probe) == Pfn{0x10000});
  CHECK(test::fault_in([&] { return reader.number_of(probe, "zone"); }) ==
        "trace:2: free_core: expected 'zone=<number>' in "
        "' page=0xffffea0000400000 order=10 off=0xffffea0000400001'");
  CHECK(test::fault_in([&] { return reader.integer_of(probe, "page"); }).starts_with("trace:2: "));
  CHECK(test::fault_in([&] { return reader.pfn_of(probe, "off"); }) ==
        "trace:2: free_core: off=0xffffea0000400001 is no page descriptor");
}

}  // namespace pageblock::test::ftrace_reader_cases
