// SPDX-License-Identifier: MIT
#include "pageblock/mm/page.hpp"

#include <type_traits>

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::page_cases {

// page     0..15     16       17..19          20       21..
// is       a chunk   in use   reserved        LRU      free
static TinyZone all_kinds() {
  return TinyZone{{
      .spanned_pages = 32,
      .reserved = {{Pfn{17}, Pfn{20}}},
      .in_use = {{.range = {Pfn{16}, Pfn{17}}, .count = 3},
                 {.range = {Pfn{20}, Pfn{21}}, .count = 1, .lru = true}},
  }};
}

TEST_CASE("Page tells what the memory map knows", "[page]") {
  const TinyZone zone = all_kinds();
  const auto head = zone.page(Pfn{0});
  CHECK(head.is_buddy());
  CHECK(head.order() == Order{4});
  CHECK(head.list_type() == MigrateType::movable);
  CHECK(head.page_private() == 4);
  CHECK(head.count() == 0);
  CHECK(!zone.page(Pfn{1}).is_buddy());
  CHECK(zone.page(Pfn{16}).count() == 3);
  CHECK(!zone.page(Pfn{16}).is_lru());
  CHECK(zone.page(Pfn{18}).is_reserved());
  CHECK(zone.page(Pfn{18}).count() == 1);
  CHECK(zone.page(Pfn{20}).is_lru());
}

TEST_CASE("Page is a handle: its zone and its pfn", "[page]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<Page<TinyConfig>>);
  const TinyZone zone{pages(32)};
  const TinyZone other{pages(32)};
  const auto page = zone.page(Pfn{5});
  CHECK(page.pfn() == Pfn{5});
  CHECK(&page.zone() == &zone);
  CHECK(page == zone.page(Pfn{5}));
  CHECK(!(page == zone.page(Pfn{6})));
  CHECK(!(page == other.page(Pfn{5})));
}

TEST_CASE("Page can be given wherever a pfn is asked for", "[page]") {
  const TinyZone zone{pages(32)};
  const Pfn pfn = zone.page(Pfn{5});
  CHECK(pfn == Pfn{5});
  CHECK(zone.is_valid(zone.page(Pfn{5})));
}

TEST_CASE("page of a zone reports a pfn that is no page of it", "[page]") {
  const TinyZone zone{{.start_pfn = Pfn{16}, .spanned_pages = 16, .holes = {{Pfn{20}, Pfn{24}}}}};
  CHECK_VIOLATION(zone.page(Pfn{15}), "no such page");
  CHECK_VIOLATION(zone.page(Pfn{20}), "no such page");
  CHECK_VIOLATION(zone.page(Pfn{32}), "no such page");
  CHECK_VIOLATION(zone.page(Pfn{1} + (std::uint64_t{1} << 40)), "no such page");
}

TEST_CASE("to_string of a page says what it is", "[page]") {
  const TinyZone zone = all_kinds();
  CHECK(to_string(zone.page(Pfn{0})) == "page 0: head of a free chunk of order 4, Movable");
  CHECK(to_string(zone.page(Pfn{1})) == "page 1: count 0");
  CHECK(to_string(zone.page(Pfn{16})) == "page 16: in use, count 3");
  CHECK(to_string(zone.page(Pfn{17})) == "page 17: in use, count 1, reserved");
  CHECK(to_string(zone.page(Pfn{20})) == "page 20: in use, count 1, lru");
  CHECK(fmt::format("{:.>20}", zone.page(Pfn{1})) == ".....page 1: count 0");
}

}  // namespace pageblock::test::page_cases
