// SPDX-License-Identifier: MIT
// expect: IsolatesForModeSinceV6_17
// expect: IsolatesForModeSinceV6_17
#include "pageblock/clients/contig.hpp"

#ifndef MUST_FAIL
#define MUST_FAIL 0
#endif

// Until v6.16 there are no modes.
struct Config : pageblock::DefaultConfig {
  static constexpr pageblock::Semantics semantics = pageblock::kernel::v6_12;
};

using namespace pageblock;

void isolate(Zone<Config>& zone) {
#if MUST_FAIL == 1
  start_isolate_page_range(zone, Pfn{0}, Pfn{512}, IsolateMode::other);
#elif MUST_FAIL == 2
  undo_isolate_page_range(zone, Pfn{0}, Pfn{512});
#else
  start_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable);
  undo_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable);
#endif
}
