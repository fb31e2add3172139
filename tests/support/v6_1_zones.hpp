// SPDX-License-Identifier: MIT
/// Small zones that behave as v6.1's.
#pragma once

#include <cstdint>
#include <vector>

#include "pageblock/base/kernels.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

#include "support/recording_tracer.hpp"
#include "support/zones.hpp"

namespace pageblock::test {

/// Blocks of 8 pages, chunks of 1 to 16; per-CPU lists hold chunks of 1 to 8.
struct TinyV6_1Config : TracedConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};
using TinyV6_1Zone = Zone<TinyV6_1Config>;
using TinyV6_1Node = Node<TinyV6_1Config>;

/// Blocks of 32 pages, chunks of 1 to 64: some orders are on no per-CPU list.
struct SmallV6_1Config : TinyConfig {
  static constexpr unsigned max_order = 7;
  static constexpr unsigned pageblock_order = 5;
  static constexpr Semantics semantics = kernel::v6_1;
};

/// A machine's usual ones, with pageblocks of 512 pages.
struct V6_1Config : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

/// Returns the layout of 32 free pages of a zone, one behind the other: DMA has 0 to 31, DMA32 32
/// to 63, and so on.
[[nodiscard]] inline ZoneLayout tiny_layout(ZoneType type) {
  return {
      .type = type, .start_pfn = Pfn{32 * static_cast<std::uint64_t>(type)}, .spanned_pages = 32};
}

/// Returns a node of such zones.
[[nodiscard]] inline TinyV6_1Node tiny_node(const std::vector<ZoneType>& types) {
  std::vector<TinyV6_1Zone> zones;
  for (const ZoneType type : types) zones.emplace_back(tiny_layout(type));
  return TinyV6_1Node{std::move(zones)};
}

}  // namespace pageblock::test
