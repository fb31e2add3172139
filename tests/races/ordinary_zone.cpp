// SPDX-License-Identifier: MIT
// What an ordinary zone's functions compile to: nothing of the explorer of interleavings.
#include "pageblock/pageblock.hpp"

using namespace pageblock;

namespace ordinary {

template <const Semantics& version>
struct Config : DefaultConfig {
  static constexpr Semantics semantics = version;
};

}  // namespace ordinary

template <typename Config>
void use(Zone<Config>& zone) {
  for (const unsigned order : {0U, 9U}) {
    const auto page = alloc_pages(zone, Cpu{0}, Order{order}, MigrateType::movable);
    if (page) free_pages(zone, Cpu{0}, page->pfn(), Order{order});
  }
  if (alloc_contig_range(zone, Cpu{0}, Pfn{512}, Pfn{1024}, MigrateType::movable) == ok) {
    free_contig_range(zone, Cpu{0}, Pfn{512}, 512);
  }
  if (start_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable) == ok) {
    static_cast<void>(test_pages_isolated(zone, Pfn{0}, Pfn{512}));
    static_cast<void>(undo_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable));
  }
}

void use_all(Zone<ordinary::Config<kernel::v3_6>>& v3_6, Zone<ordinary::Config<kernel::v6_1>>& v6_1,
             Zone<ordinary::Config<kernel::v6_12>>& v6_12);
void use_all(Zone<ordinary::Config<kernel::v3_6>>& v3_6, Zone<ordinary::Config<kernel::v6_1>>& v6_1,
             Zone<ordinary::Config<kernel::v6_12>>& v6_12) {
  use(v3_6);
  use(v6_1);
  use(v6_12);
}
