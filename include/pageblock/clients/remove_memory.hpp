// SPDX-License-Identifier: MIT
/// Removing memory of several blocks, all or nothing.
///
/// Layer:  clients.
/// Kernel: offline_and_remove_memory() (mm/memory_hotplug.c, v5.8).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/fake_offline.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/online_pages.hpp"
#include "pageblock/clients/virtio_mem_settings.hpp"
#include "pageblock/mm/node.hpp"

namespace pageblock {

/// Takes the memory blocks of @p range offline, the lowest first, in whatever zones they are; the first that stays
/// ends it, and those that went come online again in the zones that they were in. Blocks that are offline already
/// are passed over. @p attempt gets a candidate for each block that was tried.
/// Requires: the range is whole memory blocks of @p block_pages.
/// Returns, locking: as offline_pages().
template <ZoneConfig Config, PageMovability Pages = AllMove>
[[nodiscard]] Status offline_and_remove_memory(Node<Config>& node, const PfnRange& range,
                                               std::uint64_t block_pages, Pages&& pages,
                                               const HotplugOptions& options, Attempt& attempt) {
  bug_on(block_pages == 0 || range.nr_pages() % block_pages != 0,
         "the range is not whole memory blocks");
  std::vector<std::pair<PfnRange, ZoneType>> gone;
  for (Pfn pfn = range.start; pfn < range.end; pfn += block_pages) {
    const PfnRange block{pfn, pfn + block_pages};
    const Zone<Config>* const zone = node.zone_of(pfn);
    if (zone == nullptr) continue;
    const ZoneType type = zone->type();
    Attempt part;
    const Status ret = offline_with_driver_pages(node, block, pages, options, &part);
    detail::append_candidates(attempt, std::move(part));
    if (ret != ok) {
      for (const auto& [back, was] : gone) {
        static_cast<void>(online_pages(node, was, back.start, back.nr_pages(), options));
      }
      return ret;
    }
    gone.emplace_back(block, type);
  }
  return ok;
}

}  // namespace pageblock
