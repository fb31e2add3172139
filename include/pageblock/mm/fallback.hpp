// SPDX-License-Identifier: MIT
/// Requests to the buddy lists: own type first, then other types' memory, then the reserve.
///
/// Layer:  mm.
/// Kernel: __rmqueue() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/mm/claim_or_small.hpp"
#include "pageblock/mm/claim_then_steal.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/rmqueue_smallest.hpp"
#include "pageblock/mm/steal_largest.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

/// Takes 2^order pages off the buddy lists for a request of @p type, one of pcp_types. The pages
/// have count 0; unless the kernel counts each chunk that is taken, the counters are the caller's. v6.1
/// lets those with alloc_flags::cma prefer CMA blocks while more than half of what is free is there; its
/// event comes here, with the list's type. @p served is what served the last request under this lock.
/// Kernel: __rmqueue().
template <ZoneConfig Config>
inline OptionalPfn rmqueue(Zone<Config>& zone, Order order, MigrateType type,
                           [[maybe_unused]] unsigned flags, [[maybe_unused]] Served& served) {
  zone.assert_locked();
  constexpr StealRule rule = Config::semantics.steal_rule;
  if constexpr (rule == StealRule::largest) {
    if (const auto pfn = take_smallest(zone, order, type)) [[likely]]
      return pfn;
    return rmqueue_largest(zone, order, type);
  } else {
    if (has_free_cma_for(zone, flags) && zone.nr_free_cma_pages() > zone.nr_free_pages() / 2) {
      if (const auto pfn = take_smallest(zone, order, MigrateType::cma)) return pfn;
    }
    if constexpr (rule == StealRule::claim_or_small) {
      return rmqueue_or_move(zone, order, type, flags);
    } else {
      return rmqueue_by_served(zone, order, type, flags, served);
    }
  }
}

/// The same for a single request.
template <ZoneConfig Config>
inline OptionalPfn rmqueue(Zone<Config>& zone, Order order, MigrateType type, unsigned flags = 0) {
  Served served = Served::own;
  return rmqueue(zone, order, type, flags, served);
}

}  // namespace pageblock::detail
