// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/trace_text.hpp"

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "pageblock/io/trace/ftrace_reader.hpp"

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::trace_text_cases {

namespace {

const std::string front = "  bash-1234    [002] d..1.  2319.000857: ";

TraceText rewrite(const std::string& text) { return rewrite_trace(InputFile{"trace", text}); }

// The only line of what it becomes.
std::string line(const std::string& text) {
  std::string content = rewrite(text + "\n").file.content;
  content.pop_back();
  return content;
}
std::string fault_of(const std::string& text) {
  return test::fault_in([&] { return rewrite(text); });
}

const std::string freed = "mm_page_free: page=00000000d2f41a07 pfn=0x8a3f21 order=1";

}  // namespace

TEST_CASE("rewrite_trace leaves the kernel's own lines as they are", "[trace_text]") {
  const std::string text = "# tracer: nop\n# entries-in-buffer/entries-written: 5/5   #P:80\n" +
                           front + freed + "\n" + front +
                           "free_one: (free_one_page+0x0/0x180) zone=0xffff order=0\n" + front +
                           "tracing_mark_write: several\nlines\nCPU:3 [LOST 12 EVENTS]\n" + front +
                           "mm_page_alloc: page=00000000d2f41a07 pfn=0x1 order=0 migratetype=1 "
                           "gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP\n";
  const TraceText same = rewrite(text);
  CHECK(same.file.content == text);
  CHECK(same.skipped.count() == 0);
  CHECK(same.nr_events == 4);
  CHECK_FALSE(same.ends_in_a_line);
  CHECK_FALSE(same.has_old_names);
}

TEST_CASE("rewrite_trace takes any number of latency flags", "[trace_text]") {
  for (const std::string flags : {"", "d..3 ", "d..3. ", "....1.. ", "d..h1... "}) {
    const std::string text = "  qemu-kvm-4575    [077] " + flags + "  438.308478: " + freed;
    CHECK(line(text) == text);
  }
  CHECK(line("    bash-1234      2d..1.   57us+: " + freed) == "bash-1234 [002] 57: " + freed);
  CHECK(line("    bash-1234     12dN.1.   57us : " + freed) == "bash-1234 [012] 57: " + freed);
}

TEST_CASE("rewrite_trace reads what trace-cmd report prints", "[trace_text]") {
  const std::string padded = "mm_page_free:         page=00000000d2f41a07 pfn=0x8a3f21 order=1";
  CHECK(line(front + padded) == front + freed);
  const std::string nanos = "  <...>-3021  [002]  2319.000857123: ";
  CHECK(line(nanos + padded) == nanos + freed);
  CHECK(line(front + "mm_page_free:         [FAILED TO PARSE] pfn=9060129 order=1") ==
        front + "mm_page_free: page=0 pfn=0x8a3f21 order=1");
  CHECK(line(front + "mm_page_alloc:        [FAILED TO PARSE] pfn=0xffffffffffffffff order=9 "
                     "gfp_flags=0xcc0 migratetype=0") ==
        front + "mm_page_alloc: page=0 pfn=0x0 order=9 migratetype=0 gfp_flags=0xcc0");
  CHECK(line(front + "kmem_cache_alloc:     (xas_alloc+0x9f) call_site=xas_alloc+0x9f node=-1") ==
        front + "kmem_cache_alloc: call_site=xas_alloc+0x9f node=-1");
  const TraceText whole = rewrite("version = 6\ncpus=4\nCPU 1 is empty\n" + front + padded +
                                  "\n => free_one_page (ffffffff)\nCPU:2 [EVENTS DROPPED]\n"
                                  "CPU:3 [12 EVENTS DROPPED]\n");
  CHECK(whole.skipped.count() == 0);
  CHECK(whole.file.content ==
        "#\n#\n#\n" + front + freed + "\n#\nCPU:2 [LOST EVENTS]\nCPU:3 [LOST 12 EVENTS]\n");
}

TEST_CASE("rewrite_trace reads what perf script prints", "[trace_text]") {
  CHECK(line("Web Content  3837/3840 [012]   383.632199: kmem:" + freed) ==
        "Web Content-3837 [012] 383.632199: " + freed);
  CHECK(line(" 0)  #odd-7  |  /* " + freed + " */") == " #odd-7 [000] 0.000000: " + freed);
  CHECK(line("bash  1234   383.632199123:   kmem:" + freed) ==
        "bash-1234 [000] 383.632199: " + freed);
  CHECK(line("bash  1234 [000]   383.632199: kmem:mm_page_alloc: page=(nil) pfn=0 order=4 "
             "migratetype=0 gfp_flags=GFP_KERNEL") ==
        "bash-1234 [000] 383.632199: mm_page_alloc: page=0000000000000000 pfn=0x0 order=4 "
        "migratetype=0 gfp_flags=GFP_KERNEL");
  CHECK(line("swapper     0 [000]   383.700000: sched:sched_switch: prev_comm=a:b c") ==
        "swapper-0 [000] 383.700000: sched_switch: prev_comm=a:b c");
  const TraceText whole = rewrite("bash  1234 [000]   383.632199: kmem:" + freed +
                                  "\n        ffffffffbe23e32e free_one_page+0x2e "
                                  "([kernel.kallsyms])\n\nbash  1234 [000]   383.700000: kmem:" +
                                  freed + "\n");
  CHECK(whole.skipped.count() == 0);
  CHECK(whole.nr_events == 2);
}

TEST_CASE("rewrite_trace reads what perf script prints if not asked for a pid", "[trace_text]") {
  CHECK(line("Web Content [012]   383.632199: kmem:" + freed) ==
        "Web Content-0 [012] 383.632199: " + freed);
  CHECK(line("[012]   383.632199: kmem:" + freed) == "unknown-0 [012] 383.632199: " + freed);
  CHECK(line("bash   383.632199: kmem:" + freed) == "bash-0 [000] 383.632199: " + freed);
  CHECK(line("  383.632199: " + freed) == "unknown-0 [000] 383.632199: " + freed);
}

TEST_CASE("rewrite_trace puts events together that were broken over lines", "[trace_text]") {
  const std::string alloc =
      "mm_page_alloc: page=00000000d2f41a07 pfn=0x8a3f21 order=10 migratetype=1 "
      "gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP";
  const std::string other = front + freed + "\n";
  for (const std::string& event : {freed, alloc}) {
    const std::string whole = front + event + "\n";
    // A terminal breaks anywhere behind the first letters of the name; a blank stays.
    for (std::size_t at = front.size() + 8; at < whole.size() - 1; ++at) {
      INFO(whole.substr(0, at));
      CHECK(rewrite(other + whole.substr(0, at) + "\n" + whole.substr(at) + other).file.content ==
            other + whole + "#\n" + other);
    }
    // Mail breaks at blanks, which are gone, and may indent what follows.
    for (std::size_t at = whole.find(' ', front.size() - 1); at != std::string::npos;
         at = whole.find(' ', at + 1)) {
      INFO(whole.substr(0, at));
      for (const std::string indent : {"", "    "}) {
        CHECK(rewrite(other + whole.substr(0, at) + "\n" + indent + whole.substr(at + 1) + other)
                  .file.content == other + whole + "#\n" + other);
      }
    }
  }
  const TraceText thrice =
      rewrite(front.substr(0, front.size() - 1) + "\r\n" +
              "mm_page_free: page=00000000d2f41a07\r\npfn=0x8a3f21 \r\n" + "order=1\r\n" + other);
  CHECK(thrice.file.content == other + "#\n#\n#\n" + other);
  CHECK(thrice.nr_events == 2);
  CHECK(thrice.skipped.count() == 0);
}

TEST_CASE("rewrite_trace joins nothing to an event that is whole", "[trace_text]") {
  for (const std::string next : {"done", "$ ", "order=2", " => free_one_page", "--------"}) {
    const TraceText text = rewrite(front + freed + "\n" + next + "\n" + front + freed + "\n");
    CHECK(text.nr_events == 2);
    CHECK(text.file.content == front + freed + "\n#\n" + front + freed + "\n");
  }
  // A line that is torn is an error still, if nothing follows that could be its rest.
  CHECK(fault_of(front + "mm_page_free: page=0 pfn=0x8a3f\n" + front + freed + "\n") ==
        "trace:1: mm_page_free: no 'order='");
}

TEST_CASE("rewrite_trace reads events among the function_graph tracer's lines", "[trace_text]") {
  const TraceText whole = rewrite(
      "# tracer: function_graph\n"
      " 0)               |  __alloc_pages() {\n"
      " 0)   0.123 us    |    get_page_from_freelist();\n"
      " 0)               |    /* " +
      freed + " */\n" +
      " 0) + 10.500 us   |  } /* __alloc_pages */\n"
      " ------------------------------------------\n"
      " 1)    bash-1234   =>  kworker-12\n"
      " ------------------------------------------\n"
      "\n"
      "  438.308478 |  12)  bash-1234  | ..... |               |  /* " +
      freed + " */\n");
  CHECK(whole.skipped.count() == 0);
  CHECK(whole.file.content == "# tracer: function_graph\n#\n#\nunknown-0 [000] 0.000000: " + freed +
                                  "\n#\n#\n#\n#\n#\nbash-1234 [012] 438.308478: " + freed + "\n");
}

TEST_CASE("rewrite_trace knows the names that events had before v3.3", "[trace_text]") {
  const std::string direct = front + "mm_page_free_direct: page=ffffea00 pfn=17 order=0\n";
  const std::string pagevec = front + "mm_pagevec_free: page=ffffea00 pfn=17 order=0 cold=0\n";
  const std::string free = front + "mm_page_free: page=ffffea00 pfn=0x11 order=0\n";
  const std::string batched = front + "mm_page_free_batched: page=ffffea00 pfn=0x11 order=0\n";
  CHECK(rewrite(direct).file.content == free);
  CHECK(rewrite(direct).has_old_names);
  CHECK(rewrite(pagevec).file.content == free);
  CHECK(rewrite(pagevec + direct).file.content == batched + free);
  CHECK(
      rewrite(front + "mm_page_free_batched: page=ffffea00 pfn=17 order=0 cold=1\n").file.content ==
      batched);
}

TEST_CASE("rewrite_trace passes over what is no line of a trace, and says which", "[trace_text]") {
  const TraceText pasted = rewrite("root@host:~# cat trace\r\n# tracer: nop\r\n" + front + freed +
                                   "\r\n\nroot@host:~# ");
  CHECK(pasted.file.content == "#\n# tracer: nop\n" + front + freed + "\n#\n#\n");
  CHECK(pasted.skipped.text() == "3 lines are not of this format and were passed over: 1, 4, 5");
  CHECK(pasted.ends_in_a_line);
  CHECK(rewrite(front + freed + "\n\n").skipped.count() == 0);
  CHECK(rewrite(front + "sched_switch: prev=a next=b\n$ \n").skipped.count() == 1);
  CHECK(rewrite(front + "free_one: (free_one_page+0x0/0x180) order=0\n$ \n").skipped.count() == 1);
  CHECK(rewrite(front + "tracing_mark_write: one\ntwo\n").skipped.count() == 0);
  CHECK(rewrite("# grep mm_page_alloc: trace\n" + front + freed).skipped.count() == 0);
  CHECK(rewrite("$ grep mm_page_alloc: trace\n" + front + freed).skipped.count() == 1);
}

TEST_CASE("rewrite_trace refuses what is meant as an event and cannot be read", "[trace_text]") {
  CHECK(fault_of("") == "trace: the file is empty");
  CHECK(
      fault_of("nothing\n") ==
      "trace:1: expected '<comm>-<pid> [<cpu>] <time>: <event>', and no line of the trace is one");
  CHECK(fault_of(front + freed + "\n  bash-1234 [0z2] 2319.000857: " + freed + "\n") ==
        "trace:2: expected '<comm>-<pid> [<cpu>] <time>: <event>'");
  CHECK(fault_of("bash  1234 [000]   383.62200: kmem:" + freed + "\n") ==
        "trace:1: expected '<comm>-<pid> [<cpu>] <time>: <event>'");
  CHECK(fault_of(front + "mm_page_free: page=0 pfn=0x1q order=0\n") ==
        "trace:1: mm_page_free: '0x1q' is no number for 'pfn'");
  CHECK(fault_of(front + "mm_page_free: page=0 pfn=0x1\n") == "trace:1: mm_page_free: no 'order='");
  CHECK(fault_of(front + "mm_page_free: page=0 pfn=0x1 order=0 and more\n") ==
        "trace:1: mm_page_free: 'and' is no field");
}

TEST_CASE("what rewrite_trace writes is the kernel's format", "[trace_text]") {
  const TraceText text = rewrite(
      "cpus=2\nbash  1234 [5]   383.632199: kmem:mm_page_alloc_extfrag: pfn=512 "
      "alloc_order=0 fallback_order=9 alloc_migratetype=0 fallback_migratetype=1 "
      "change_ownership=1\n" +
      front + "test_pages_isolated: start_pfn=0x0 end_pfn=0x2 fin_pfn=0x1 ret=fail\n");
  FtraceReader reader{text.file};
  REQUIRE(reader.next_line());
  REQUIRE(reader.next_line());
  const auto* steal = std::get_if<ftrace::MmPageAllocExtfrag>(&reader.line().event);
  REQUIRE(steal != nullptr);
  CHECK(steal->pfn == Pfn{512});
  CHECK(steal->pageblock_order == Order{9});
  CHECK(steal->change_ownership);
  CHECK(reader.line().cpu == Cpu{5});
  REQUIRE(reader.next_line());
  CHECK(std::holds_alternative<ftrace::TestPagesIsolated>(reader.line().event));
  CHECK_FALSE(reader.next_line());
}

}  // namespace pageblock::test::trace_text_cases
