// SPDX-License-Identifier: MIT
// expect: GivesBackTypeUntilV6_16
// expect: GivesBackTypeUntilV6_16
// expect: GivesBackTypeUntilV6_16
// expect: GivesBackTypeUntilV6_16
#include "pageblock/clients/contig.hpp"

#ifndef MUST_FAIL
#define MUST_FAIL 0
#endif

// Since v6.17 blocks keep their own types: nobody says which they get.
struct Config : pageblock::DefaultConfig {
  static constexpr pageblock::Semantics semantics = pageblock::kernel::v7_2;
};

using namespace pageblock;

void isolate(Zone<Config>& zone) {
#if MUST_FAIL == 1
  start_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable);
#elif MUST_FAIL == 2
  undo_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable);
#elif MUST_FAIL == 3
  unset_migratetype_isolate(zone, Pfn{0}, MigrateType::movable);
#elif MUST_FAIL == 4
  static_cast<void>(alloc_contig_range(zone, Cpu{0}, Pfn{0}, Pfn{512}, MigrateType::movable));
#else
  start_isolate_page_range(zone, Pfn{0}, Pfn{512}, IsolateMode::other);
  undo_isolate_page_range(zone, Pfn{0}, Pfn{512});
#endif
}
