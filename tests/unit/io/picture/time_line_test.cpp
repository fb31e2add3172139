// SPDX-License-Identifier: MIT
#include "pageblock/io/picture/time_line.hpp"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "pageblock/io/picture/time_line_html.hpp"
#include "pageblock/io/picture/time_line_perfetto.hpp"
#include "pageblock/io/picture/time_line_tracer.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"

namespace pageblock::test::time_line_cases {

namespace {

/// Pageblocks of four pages, and chunks of up to sixteen.
template <const Semantics& rules>
struct Small : DefaultConfig {
  static constexpr unsigned max_order = 5;
  static constexpr unsigned pageblock_order = 2;
  static constexpr unsigned nr_cpus = 2;
  static constexpr Semantics semantics = rules;
  using Lock = NullLock;
  using Tracer = TimeLineTracer;
};
using Old = Small<kernel::v3_6>;
using New = Small<kernel::v6_1>;

std::string letters_of(const std::vector<LookRun>& runs) {
  std::string text;
  for (const LookRun& run : runs) {
    text += fmt::format("{}{}{}{}{} ", run.start, run.is_head ? "!" : "", style_of(run.look).letter,
                        run.nr_pages, "");
  }
  return text;
}

}  // namespace

TEST_CASE("TimeLine sees the pages that have changed, and no others", "[time_line]") {
  Zone<New> zone{ZoneLayout{.spanned_pages = 16}};
  zone.set_pageset(1, 0);
  TimeLine line{"test"};
  line.watch(zone);
  REQUIRE(line.parts().size() == 1);
  CHECK(line.parts()[0].first.size() == 4);
  CHECK(line.parts()[0].numbers.free == 16);

  const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable);
  REQUIRE(page);
  REQUIRE(page->pfn() == Pfn{0});
  line.step(zone, {.what = "alloc"});
  REQUIRE(line.steps().size() == 1);
  const TimeLine::Step& step = line.steps()[0];
  // The chunk of sixteen is cut: its first page is in use, and new chunks begin at 1, 2, 4 and 8.
  REQUIRE(step.changes.size() == 3);
  CHECK(letters_of(step.changes[0].pages) == "0U1 1!F1 2!F1 ");
  CHECK(step.changes[0].now.look == BlockLook::some_unmovable);
  CHECK(letters_of(step.changes[1].pages) == "4!F1 ");
  CHECK(letters_of(step.changes[2].pages) == "8!F1 ");
  REQUIRE(step.numbers.size() == 1);
  CHECK(step.numbers[0].now == ZoneNumbers{15, 0, 0});

  line.step(zone, {.what = "nothing"});
  CHECK(line.steps()[1].changes.empty());
  CHECK(line.steps()[1].numbers.empty());

  set_page_lru(zone, Pfn{0}, true);
  line.step(zone, {.what = "lru"});
  REQUIRE(line.steps()[2].changes.size() == 1);
  CHECK(letters_of(line.steps()[2].changes[0].pages) == "0M1 ");
}

TEST_CASE("TimeLine takes a copy of a watched zone, and refuses others", "[time_line]") {
  Zone<New> zone{ZoneLayout{.spanned_pages = 16}};
  TimeLine line{"test"};
  line.watch(zone);
  Zone<New> copy = zone;
  REQUIRE(start_isolate_page_range(copy, Pfn{4}, Pfn{8}, MigrateType::movable) == ok);
  line.step(copy, {.what = "in the copy"});
  REQUIRE(line.steps()[0].changes.size() >= 1);
  CHECK(line.steps()[0].numbers[0].now.isolated == 1);
}

TEMPLATE_TEST_CASE("follow() misses nothing that allocations and isolation change", "[time_line]",
                   Old, New) {
  Zone<TestType> zone{ZoneLayout{.start_pfn = Pfn{6}, .spanned_pages = 250, .nr_cpus = 2}};
  zone.set_pageset(3, 7);
  TimeLine line{"test"};
  line.watch(zone);
  std::mt19937 random{5};
  std::vector<Page<TestType>> pages;
  std::vector<Order> orders;
  for (int i = 0; i < 3000; ++i) {
    const Cpu cpu{static_cast<unsigned>(random() % 2)};
    const unsigned dice = random() % 16;
    if (dice < 8) {
      const Order order{random() % 4 == 0 ? static_cast<unsigned>(random() % 5) : 0};
      const auto type = random() % 2 == 0 ? MigrateType::movable : MigrateType::unmovable;
      if (const auto page = alloc_pages(zone, cpu, order, type)) {
        pages.push_back(*page);
        orders.push_back(order);
      }
    } else if (dice < 14 && !pages.empty()) {
      const std::size_t which = random() % pages.size();
      free_pages(zone, cpu, pages[which].pfn(), orders[which]);
      pages.erase(pages.begin() + static_cast<std::ptrdiff_t>(which));
      orders.erase(orders.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      const Pfn block{8 + random() % 60 * 4};
      if (start_isolate_page_range(zone, block, block + 4, MigrateType::movable) == ok &&
          random() % 4 != 0) {
        follow(line, zone);
        CHECK(undo_isolate_page_range(zone, block, block + 4, MigrateType::movable) == ok);
      }
    }
    follow(line, zone);
    if (i % 500 == 0) {
      line.step(zone, {.what = "all blocks"});
      CHECK(line.steps().back().changes.empty());
    }
  }
  line.step(zone, {.what = "all blocks"});
  CHECK(line.steps().back().changes.empty());
  CHECK(line.steps().size() > 4000);
}

TEST_CASE("A refusal is told", "[time_line]") {
  Zone<New> zone{ZoneLayout{.spanned_pages = 16, .in_use = {{{Pfn{0}, Pfn{16}}}}, .nr_cpus = 2}};
  TimeLine line{"test"};
  line.watch(zone);
  CHECK_FALSE(alloc_pages(zone, Cpu{1}, Order{0}, MigrateType::movable).has_value());
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{4}, MigrateType::movable) == -Err::busy);
  follow(line, zone);
  REQUIRE(line.steps().size() == 2);
  CHECK(line.steps()[0].told.is_refusal);
  CHECK(line.steps()[0].told.detail == "order 0, Movable: no memory");
  CHECK(line.steps()[0].told.cpu == Cpu{1});
  CHECK(line.steps()[1].told.is_refusal);
  CHECK(line.steps()[1].told.what == "set_migratetype_isolate");
  follow(line, zone);
  CHECK(line.steps().size() == 2);
}

TEST_CASE("to_html writes the model and a line for each step", "[time_line]") {
  Zone<New> zone{ZoneLayout{.start_pfn = Pfn{32}, .spanned_pages = 16, .nr_cpus = 2}};
  zone.set_pageset(1, 0);
  TimeLine line{"a <b> & \"c\"", "us"};
  line.watch(zone);
  REQUIRE(alloc_pages(zone, Cpu{1}, Order{2}, MigrateType::movable));
  follow(line, zone);
  line.step({.what = "a \"word\" </script>\n", .pages = {Pfn{40}, Pfn{46}}, .time = 1000});
  line.step({.what = ""});
  const std::string page = to_html(line);
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.find("<title>a &lt;b&gt; &amp; \"c\"</title>") != std::string::npos);
  CHECK(page.find("\"a \\\"word\\\" \\u003c/script>\\u000a\"") != std::string::npos);
  CHECK(page.find("\"name\":\"Normal\",\"start\":32,\"size\":4,\"blocks\":4,\"typed\":true,"
                  "\"numbers\":[16,0,0],\"looks\":\"0*4;\",\"types\":\"2*4;\",\"pages\":\"Fg\"") !=
        std::string::npos);
  const std::size_t steps = page.find("id=\"steps\">\n");
  REQUIRE(steps != std::string::npos);
  const std::string lines = page.substr(steps + 12, page.find("</script>", steps) - steps - 12);
  // The locked part is told first; what has changed stands at the last event.
  CHECK(lines ==
        "0,1,,w,4\n"
        "2,3,1,w,4;@0,-4;0:5:2:0U4;1:0:2:0F;2:0:2:0F\n"
        "4,,,14,6,rs\n"
        "5\n");
  CHECK(page.find("http") == page.find("http-equiv"));  // it loads nothing
  CHECK(page.find("http", page.find("http-equiv") + 1) == std::string::npos);
}

TEST_CASE("to_perfetto writes counters, slices while blocks are isolated, and refusals",
          "[time_line]") {
  Zone<New> zone{ZoneLayout{.spanned_pages = 16, .in_use = {{{Pfn{0}, Pfn{1}}}}}};
  TimeLine line{"test"};
  line.watch(zone);
  CHECK(start_isolate_page_range(zone, Pfn{4}, Pfn{8}, MigrateType::movable) == ok);
  line.step(zone, {.what = "isolated", .time = 10});
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{4}, MigrateType::movable) == -Err::busy);
  line.step(zone, {.what = "refused", .cpu = Cpu{1}, .is_refusal = true, .time = 20});
  CHECK(undo_isolate_page_range(zone, Pfn{4}, Pfn{8}, MigrateType::movable) == ok);
  CHECK(start_isolate_page_range(zone, Pfn{8}, Pfn{12}, MigrateType::movable) == ok);
  line.step(zone, {.what = "other", .time = 30});
  const std::string trace = to_perfetto(line);
  const auto has = [&](const std::string& text) { return trace.find(text) != std::string::npos; };
  CHECK(trace.starts_with("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{\"ph\":\"M\""));
  CHECK(has(R"({"ph":"C","pid":1,"ts":0,"name":"Normal: free pages","args":{"value":15}})"));
  CHECK(
      has(R"({"ph":"C","pid":1,"ts":10,"name":"Normal: isolated pageblocks","args":{"value":1}})"));
  CHECK(has(R"({"ph":"b","cat":"isolation","id":"0x4","pid":1,"tid":0,"ts":10,)"));
  CHECK(has(R"({"ph":"e","cat":"isolation","id":"0x4","pid":1,"tid":0,"ts":30,)"));
  CHECK(has(R"({"ph":"b","cat":"isolation","id":"0x8","pid":1,"tid":0,"ts":30,)"));
  CHECK(has(R"({"ph":"e","cat":"isolation","id":"0x8","pid":1,"tid":0,"ts":31,)"));
  CHECK(has(R"("name":"thread_name","args":{"name":"CPU 1"})"));
  CHECK(has(R"({"ph":"i","s":"t","pid":1,"tid":2,"ts":20,"name":"refused")"));
  CHECK_FALSE(has("\"name\":\"other\""));
  CHECK(to_perfetto(line, {.all_steps = true}).find("\"name\":\"other\"") != std::string::npos);
}

}  // namespace pageblock::test::time_line_cases
