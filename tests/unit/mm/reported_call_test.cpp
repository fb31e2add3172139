// SPDX-License-Identifier: MIT
// A report names the function that was called, where, and with what.
#include <optional>
#include <string>
#include <string_view>

#include "pageblock/clients/cma.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/online_pages.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::reported_call_cases {
namespace {

using enum MigrateType;

// The violation that @p call reports.
template <typename F>
Violation reported_by(F call) {
  const ThrowingHandler handler;
  try {
    call_and_discard(call);
  } catch (const ReportedViolation& reported) {
    return reported.violation();
  }
  FAIL("nothing was reported");
  return Violation{};
}

// Checks the report of a call that is made on the line of the macro.
#define CHECK_CALL(expr, name, of_pfn, of_order)                                       \
  do {                                                                                 \
    const int line = __LINE__;                                                         \
    const Violation violation = reported_by([&]() -> decltype(auto) { return expr; }); \
    INFO(to_string(violation));                                                        \
    CHECK(std::string_view{violation.call.function} == (name));                        \
    CHECK(std::string_view{violation.call.caller.file} == __FILE__);                   \
    CHECK(violation.call.caller.line == line);                                         \
    CHECK(violation.call.pfn == std::optional<Pfn>{of_pfn});                           \
    CHECK(violation.call.order == std::optional<Order>{of_order});                     \
    CHECK(std::string_view{violation.check.file}.ends_with(".hpp"));                   \
  } while (false)

constexpr std::nullopt_t none = std::nullopt;

TEST_CASE("a report names the function, its place, pfn and order", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  const Pfn single = *request(zone, 0);
  const Pfn chunk = *request(zone, 2);
  const Cpu no_cpu{2};
  CHECK_CALL(alloc_pages(zone, cpu0, Order{5}, movable), "alloc_pages", none, Order{5});
  CHECK_CALL(alloc_pages(zone, cpu0, Order{0}, cma), "alloc_pages", none, Order{0});
  CHECK_CALL(alloc_pages(zone, no_cpu, Order{1}, movable), "alloc_pages", none, Order{1});
  CHECK_CALL(free_pages(zone, cpu0, chunk, Order{3}), "free_pages", chunk, Order{3});
  CHECK_CALL(free_pages(zone, cpu0, Pfn{99}, Order{0}), "free_pages", Pfn{99}, Order{0});
  CHECK_CALL(free_pages(zone, no_cpu, single, Order{0}), "free_pages", single, Order{0});
  CHECK_CALL(free_pages(zone, cpu0, single, Order{1}), "free_pages", single, Order{1});
  CHECK_CALL(put_page(zone, cpu0, Pfn{99}), "put_page", Pfn{99}, Order{0});
  CHECK_CALL(put_page(zone, cpu0, chunk), "put_page", chunk, Order{0});
  CHECK_CALL(get_page(zone, Pfn{31}), "get_page", Pfn{31}, none);
  CHECK_CALL(set_page_lru(zone, Pfn{31}, true), "set_page_lru", Pfn{31}, none);
  CHECK_CALL(split_page(zone, chunk, Order{1}), "split_page", chunk, Order{1});
  CHECK_CALL(split_free_page(zone, Pfn{31}), "split_free_page", Pfn{31}, none);
  CHECK_CALL(init_cma_reserved_pageblock(zone, Pfn{1}), "init_cma_reserved_pageblock", Pfn{1},
             Order{3});
  CHECK_CALL(free_contig_range(zone, cpu0, Pfn{31}, 1), "free_contig_range", Pfn{31}, none);
  CHECK_CALL(alloc_contig_range(zone, cpu0, Pfn{31}, Pfn{31}, movable), "alloc_contig_range",
             Pfn{31}, none);
  CHECK_CALL(zone.page(Pfn{99}), "Zone::page", Pfn{99}, none);
  CHECK_CALL(zone.nr_free(Order{5}), "Zone::nr_free", none, Order{5});
  CHECK_CALL(zone.free_list(Order{5}, movable), "Zone::free_list", none, Order{5});
  CHECK_CALL(zone.set_pageset(0, 0), "Zone::set_pageset", none, none);
}

TEST_CASE("a report names the function that isolates or plugs, its place and pfn",
          "[page_isolation]") {
  TinyZone zone = free_zone(32);
  constexpr auto no_type = static_cast<MigrateType>(7);
  const HotplugOptions no_cpu{.cpu = Cpu{2}};
  CHECK_CALL(start_isolate_page_range(zone, Pfn{1}, Pfn{8}, movable), "start_isolate_page_range",
             Pfn{1}, none);
  CHECK_CALL(undo_isolate_page_range(zone, Pfn{1}, Pfn{8}, movable), "undo_isolate_page_range",
             Pfn{1}, none);
  CHECK_CALL(set_migratetype_isolate(zone, Pfn{99}), "set_migratetype_isolate", Pfn{99}, none);
  CHECK_CALL(unset_migratetype_isolate(zone, Pfn{8}, no_type), "unset_migratetype_isolate", Pfn{8},
             none);
  CHECK_CALL(offline_pages(zone, Pfn{8}, 8, AllMove{}, no_cpu), "offline_pages", Pfn{8}, none);
  REQUIRE(offline_pages(zone, Pfn{0}, 32) == ok);
  CHECK_CALL(online_pages(zone, Pfn{0}, 32, no_cpu), "online_pages", Pfn{0}, none);
}

TEST_CASE("a report of a wrong order names both", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  const Pfn chunk = *request(zone, 2);
  const Violation violation = reported_by([&] { give_back(zone, chunk.value(), 3); });
  CHECK(violation.other_order == Order{2});
  CHECK(to_string(violation).find("free_pages(pfn 16, order 3): the chunk was allocated with "
                                  "another order: 2") != std::string::npos);
}

TEST_CASE("a free that loses its chunk is warned of", "[page_alloc]") {
  static std::string warning;
  const auto warned_of = [](auto free) {
    warning.clear();
    const ViolationHandler former = set_violation_handler([](const Violation& violation) {
      if (violation.severity == Severity::warning) warning = to_string(violation);
    });
    free();
    set_violation_handler(former);
    return warning;
  };
  const auto has = [](const std::string& text, std::string_view part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  TinyZone zone = used_zone(16);
  set_page_lru(zone, Pfn{1}, true);
  has(warned_of([&] {
        CHECK(give_back(zone, 1) == FreeResult{Freed::bad, 1});
      }),
      "WARNING: free_pages(pfn 1, order 0): a page is in use, free, reserved or on an LRU list");
  has(warned_of([&] {
        CHECK(give_back(zone, 2, 1) == FreeResult{Freed::bad, 1});
      }),
      "WARNING: free_pages(pfn 2, order 1): ");
  CHECK(warned_of([&] { CHECK(give_back(zone, 4) == freed); }).empty());
  CHECK(warned_of([&] { CHECK(put_page(zone, cpu0, Pfn{5}) == freed); }).empty());
}

TEST_CASE("a report of a node names the function, its place, pfn and order", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({ZoneType::normal});
  CHECK_CALL(alloc_pages(node, cpu0, Order{5}, gfp_kernel), "get_page_from_freelist", none,
             Order{5});
  CHECK_CALL(alloc_pages(node, Cpu{1}, Order{0}, gfp_kernel), "get_page_from_freelist", none,
             Order{0});
  CHECK_CALL(free_pages(node, cpu0, Pfn{0}, Order{0}), "free_pages", Pfn{0}, Order{0});
  const Pfn pfn = alloc_pages(node, cpu0, Order{0}, gfp_kernel).page.value();
  CHECK_CALL(free_pages(node, cpu0, pfn, Order{1}), "free_pages", pfn, Order{1});
}

}  // namespace
}  // namespace pageblock::test::reported_call_cases
