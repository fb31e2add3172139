// SPDX-License-Identifier: MIT
/// How much of a zone is free in whole pageblocks.
///
/// Layer:  mm.
/// Kernel: NR_FREE_PAGES_BLOCKS (include/linux/mmzone.h), v6.15.
#pragma once

#include <cstdint>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns the free pages in chunks of a pageblock and more that are not isolated.
/// Locking: the caller holds zone.lock, or nobody else uses the zone. Cost: in proportion to orders; the kernel
/// keeps a counter.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t nr_free_pages_blocks(const Zone<Config>& zone) requires(
    Config::semantics.counts_free_blocks) {
  std::uint64_t pages = 0;
  for (Order order{Zone<Config>::pageblock_order}; order <= Zone<Config>::top_order; ++order) {
    for (const MigrateType type : Config::semantics.migratetypes) {
      if (type == MigrateType::isolate) continue;
      pages += std::uint64_t{zone.free_area().nr_free(order, type)} << order.value();
    }
  }
  return pages;
}

}  // namespace pageblock
