// SPDX-License-Identifier: MIT
#include "model/program.hpp"
#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test {

TEST_CASE("drain_all_pages does as the model", "[model]") {
  ZoneLayout layout;
  layout.spanned_pages = 2;
  Zone<ModelConfig<5, 3>> zone{layout};
  zone.set_pageset(2, 2);
  CHECK(alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable) == Pfn{0});
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 1);
  CHECK(zone.nr_free(Order{0}) == 1);
  CHECK(free_list(zone, 0, MigrateType::movable) == Pfns{1});
  CHECK(zone.pcp(Cpu{0}).count == 0);
  CHECK(pcp_list(zone, Cpu{0}, MigrateType::movable) == Pfns{});
  CHECK(zone.page(Pfn{1}).is_buddy() == true);
  CHECK(zone.page(Pfn{1}).page_private() == 0);
}

}  // namespace pageblock::test
