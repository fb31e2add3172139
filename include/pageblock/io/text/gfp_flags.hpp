/// Reads the gfp flags that the kernel prints with a request.
///
/// Layer:  io.
/// Kernel: show_gfp_flags() (include/trace/events/mmflags.h).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {
namespace detail {

namespace gfp_bit {
inline constexpr unsigned movable = 0x01;
inline constexpr unsigned reclaimable = 0x02;
inline constexpr unsigned dma = 0x04;
inline constexpr unsigned dma32 = 0x08;
inline constexpr unsigned highmem = 0x10;
inline constexpr unsigned high = 0x20;
inline constexpr unsigned direct_reclaim = 0x40;
inline constexpr unsigned kswapd_reclaim = 0x80;
inline constexpr unsigned nomemalloc = 0x100;
inline constexpr unsigned reclaim = direct_reclaim | kswapd_reclaim;
}  // namespace gfp_bit

// Returns the bits that matter of a name. Other flags of one bit have none; combinations must be
// known.
[[nodiscard]] inline unsigned gfp_bits(std::string_view name) {
  using namespace gfp_bit;
  static constexpr std::array<std::pair<std::string_view, unsigned>, 22> names{{
      {"GFP_KERNEL", reclaim},
      {"GFP_KERNEL_ACCOUNT", reclaim},
      {"GFP_NOFS", reclaim},
      {"GFP_NOIO", reclaim},
      {"GFP_USER", reclaim},
      {"GFP_HIGHUSER", reclaim | highmem},
      {"GFP_HIGHUSER_MOVABLE", reclaim | highmem | movable},
      {"GFP_TRANSHUGE", direct_reclaim | highmem | movable | nomemalloc},
      {"GFP_TRANSHUGE_LIGHT", highmem | movable | nomemalloc},
      {"GFP_ATOMIC", high | kswapd_reclaim},
      {"GFP_NOWAIT", kswapd_reclaim},
      {"GFP_DMA", dma},
      {"GFP_DMA32", dma32},
      {"__GFP_HIGHMEM", highmem},
      {"__GFP_MOVABLE", movable},
      {"__GFP_RECLAIMABLE", reclaimable},
      {"__GFP_HIGH", high},
      {"__GFP_DIRECT_RECLAIM", direct_reclaim},
      {"__GFP_KSWAPD_RECLAIM", kswapd_reclaim},
      {"__GFP_RECLAIM", reclaim},
      {"__GFP_NOMEMALLOC", nomemalloc},
      {"none", 0},
  }};
  for (const auto& [known, bits] : names) {
    if (name == known) return bits;
  }
  if (name.starts_with("__GFP_") || name.starts_with("0x")) return 0;
  throw ParseError{fmt::format("unknown gfp flags '{}'", name)};
}

}  // namespace detail

/// Reads "GFP_HIGHUSER_MOVABLE|__GFP_ZERO" and the like, as mm_page_alloc shows them. Flags of one
/// bit that decide no page are left out. Throws ParseError at a combination that it does not know.
[[nodiscard]] inline Gfp parse_gfp_flags(std::string_view text) {
  using namespace detail::gfp_bit;
  unsigned bits = 0;
  for (std::size_t end = 0; end != text.npos; text.remove_prefix(end == text.npos ? 0 : end + 1)) {
    end = text.find('|');
    bits |= detail::gfp_bits(text.substr(0, end));
  }
  const auto has = [bits](unsigned all) { return (bits & all) == all; };
  Gfp gfp{.high = has(high),
          .direct_reclaim = has(direct_reclaim),
          .kswapd_reclaim = has(kswapd_reclaim),
          .nomemalloc = has(nomemalloc)};
  if (has(reclaimable)) gfp.migratetype = MigrateType::reclaimable;
  if (has(movable)) gfp.migratetype = MigrateType::movable;
  if (has(highmem | movable)) gfp.highest_zone = ZoneType::movable;
  if (has(dma32)) gfp.highest_zone = ZoneType::dma32;
  if (has(dma)) gfp.highest_zone = ZoneType::dma;
  return gfp;
}

}  // namespace pageblock
