// SPDX-License-Identifier: MIT
#include "model/ready_test.hpp"

#include "support/catch.hpp"

namespace pageblock::test {

TEST_CASE("to_check expects of each call what it should return", "[model]") {
  const Operation alloc{.call = Call::alloc_pages, .order = Order{1}};
  CHECK(to_check(alloc, {.value = 8}) ==
        "CHECK(alloc_pages(zone, Cpu{0}, Order{1}, MigrateType::movable) == Pfn{8});");
  CHECK(to_check(alloc, {.value = -1}) ==
        "CHECK(alloc_pages(zone, Cpu{0}, Order{1}, MigrateType::movable) == std::nullopt);");
  const Operation put{.call = Call::put_page};
  CHECK(to_check(put, {.value = 0}) ==
        "CHECK(put_page(zone, Cpu{0}, Pfn{0}) == FreeResult{Freed::freed, 0});");
  CHECK(to_check(put, {.value = -1}) ==
        "CHECK(put_page(zone, Cpu{0}, Pfn{0}) == FreeResult{Freed::held, 0});");
  CHECK(to_check(put, {.value = 2}) ==
        "CHECK(put_page(zone, Cpu{0}, Pfn{0}) == FreeResult{Freed::bad, 2});");
  const Operation isolate{.call = Call::set_migratetype_isolate};
  CHECK(to_check(isolate, {.value = 0}) == "CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);");
  CHECK(to_check(isolate, {.value = -16}) ==
        "CHECK(set_migratetype_isolate(zone, Pfn{0}) == -Err::busy);");
  CHECK(to_check({.call = Call::has_unmovable_pages, .number = 1}, {.value = 1}) ==
        "CHECK(has_unmovable_pages(zone, Pfn{0}, 1) == true);");
  CHECK(to_check({.call = Call::split_free_page}, {.value = 4}) ==
        "CHECK(split_free_page(zone, Pfn{0}) == 4);");
  CHECK(to_check({.call = Call::drain_all_pages}, {}) == "drain_all_pages(zone);");
  CHECK(to_check({.call = Call::get_page}, {.is_bug = true}) ==
        "CHECK_VIOLATION(get_page(zone, Pfn{0}), \"\");");
}

TEST_CASE("to_ready_test prints the layout, the notifiers and a copy to compare with", "[model]") {
  const Program program{
      .layout = {.type = ZoneType::movable,
                 .start_pfn = Pfn{8},
                 .spanned_pages = 32,
                 .holes = {{Pfn{8}, Pfn{9}}},
                 .reserved = {{Pfn{10}, Pfn{12}}},
                 .in_use = {{.range = {Pfn{12}, Pfn{14}}, .count = 2, .lru = true}},
                 .block_types = {{{Pfn{16}, Pfn{24}}, MigrateType::cma}},
                 .mobility_grouping = false,
                 .populate_order = Order{2},
                 .nr_cpus = 3},
      .owners = {{{Pfn{16}, Pfn{18}}, notify::stop}},
      .operations = {{.call = Call::drain_all_pages}, {.call = Call::get_page, .pfn = Pfn{12}}}};
  const Failure failure{.nr_operations = 2,
                        .result = {},
                        .expected = {},
                        .differences = {},
                        .violations = {"a word"},
                        .equality = WrongEquality{1, true}};
  CHECK(to_ready_test<ModelConfig<5, 3>>(program, failure, "a title") ==
        R"(// SPDX-License-Identifier: MIT
#include "model/program.hpp"
#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test {

TEST_CASE("a title", "[model]") {
  ZoneLayout layout;
  layout.type = ZoneType::movable;
  layout.start_pfn = Pfn{8};
  layout.spanned_pages = 32;
  layout.holes.push_back({Pfn{8}, Pfn{9}});
  layout.reserved.push_back({Pfn{10}, Pfn{12}});
  layout.in_use.push_back({{Pfn{12}, Pfn{14}}, 2, true});
  layout.block_types.push_back({{Pfn{16}, Pfn{24}}, MigrateType::cma});
  layout.mobility_grouping = false;
  layout.populate_order = Order{2};
  layout.nr_cpus = 3;
  Zone<ModelConfig<5, 3>> zone{layout};
  PageOwner owner0{{Pfn{16}, Pfn{18}}, 0x8001};
  register_memory_isolate_notifier(zone, owner0.notifier());
  drain_all_pages(zone);
  const auto copy = zone;
  get_page(zone, Pfn{12});
  CHECK((zone == copy));
  CHECK(zone.hash() == copy.hash());
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test
)");
}

}  // namespace pageblock::test
