// SPDX-License-Identifier: MIT
/// Zones that behave as v6.12's.
#pragma once

#include <string>
#include <variant>

#include <fmt/format.h>

#include "pageblock/base/kernels.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

#include "support/recording_tracer.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test {

/// A machine's usual ones, with pageblocks of 512 pages; what happens can be written down.
struct V6_12Config : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_12;
  using Lock = NullLock;
  using Tracer = RecordingTracer;
};
using V6_12Zone = Zone<V6_12Config>;

/// Blocks of 32 pages, chunks of 1 to 64: some orders are on no per-CPU list.
struct SmallV6_12Config : TinyConfig {
  static constexpr unsigned max_order = 7;
  static constexpr unsigned pageblock_order = 5;
  static constexpr Semantics semantics = kernel::v6_12;
};
using SmallV6_12Zone = Zone<SmallV6_12Config>;

/// Returns one letter for each pageblock: Unmovable, rEclaimable, Movable, Cma, Isolate, Highatomic.
template <ZoneConfig Config>
[[nodiscard]] std::string labels(const Zone<Config>& zone) {
  std::string letters;
  for (std::size_t i = 0; i < zone.pageblock_flags().size(); ++i) {
    letters += "UEMRCIH"[index_of(zone.pageblock_flags()[i])];
  }
  return letters;
}

/// Returns what was allocated and freed under the zone's lock or its CPU's, in a few letters each: "free
/// 8/3" is order 3 at 8.
[[nodiscard]] inline std::string story(const Events& events) {
  std::string text;
  const auto add = [&text](const char* what, Pfn pfn, Order order) {
    text += fmt::format("{}{} {}/{}", text.empty() ? "" : ", ", what, pfn, order);
  };
  for (const Event& event : events) {
    if (const auto* free = std::get_if<trace::MmPageFree>(&event)) {
      add("free", free->pfn, free->order);
    } else if (const auto* batched = std::get_if<trace::MmPageFreeBatched>(&event)) {
      add("batched", batched->pfn, Order{0});
    } else if (const auto* to_lists = std::get_if<trace::MmPageFreeZoneLocked>(&event)) {
      add("to lists", to_lists->pfn, to_lists->order);
    } else if (const auto* locked = std::get_if<trace::MmPageAllocZoneLocked>(&event)) {
      add("locked", locked->pfn, locked->order);
    } else if (const auto* other = std::get_if<trace::MmPageAllocExtfrag>(&event)) {
      add(other->change_ownership ? "claimed" : "stolen", other->pfn, other->fallback_order);
    }
  }
  return text;
}

}  // namespace pageblock::test
