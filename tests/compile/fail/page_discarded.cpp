// SPDX-License-Identifier: MIT
// expect: ignoring return
#include "pageblock/mm/page_alloc.hpp"

#pragma GCC diagnostic error "-Wunused-result"

void user(pageblock::Zone<>& zone) {
  using namespace pageblock;
  static_cast<void>(alloc_pages(zone, Cpu{0}, Order{1}, MigrateType::movable));
#ifdef MUST_FAIL
  alloc_pages(zone, Cpu{0}, Order{1}, MigrateType::movable);
#endif
}
