// SPDX-License-Identifier: MIT
/// Reads the gfp flags that the kernel prints with a request, by name or as a number.
///
/// Layer:  io.
/// Kernel: show_gfp_flags() (include/trace/events/mmflags.h), ___GFP_* (include/linux/gfp_types.h).
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/io/text/gfp_numbers.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The flags of a request, as far as they decide what it gets.
class GfpFlags {
 public:
  /// The flags whose bits of gfp_bit are in @p bits.
  constexpr explicit GfpFlags(unsigned bits = 0) : bits_{bits} {}

  /// Returns whether all of some bits of gfp_bit are set.
  [[nodiscard]] constexpr bool has(unsigned all) const { return (bits_ & all) == all; }

  /// Returns what the library's requests say with them.
  [[nodiscard]] constexpr Gfp gfp() const {
    using namespace gfp_bit;
    // Urgent requests that cannot wait say __GFP_ATOMIC in the kernels that have it.
    Gfp gfp{.high = has(high),
            .atomic = has(high) && !has(direct_reclaim),
            .direct_reclaim = has(direct_reclaim),
            .kswapd_reclaim = has(kswapd_reclaim),
            .memalloc = has(memalloc),
            .nomemalloc = has(nomemalloc)};
    if (has(reclaimable)) gfp.migratetype = MigrateType::reclaimable;
    if (has(movable)) gfp.migratetype = MigrateType::movable;
    if (has(highmem | movable)) gfp.highest_zone = ZoneType::movable;
    if (has(dma32)) gfp.highest_zone = ZoneType::dma32;
    if (has(dma)) gfp.highest_zone = ZoneType::dma;
    return gfp;
  }

  /// Returns names for flags that a kernel printed as a number only, such as "GFP_ATOMIC" or
  /// "GFP_NOFS|__GFP_MOVABLE". What decides nothing here is left out.
  [[nodiscard]] std::string names() const {
    using namespace gfp_bit;
    unsigned rest = bits_;
    std::string text;
    const auto take = [&](unsigned bits, std::string_view name) {
      if ((rest & bits) != bits) return false;
      rest &= ~bits;
      text += fmt::format("{}{}", text.empty() ? "" : "|", name);
      return true;
    };
    constexpr unsigned kernel = reclaim | io | fs;
    if (!take(kernel | highmem | movable, "GFP_HIGHUSER_MOVABLE") &&
        !take(kernel | highmem, "GFP_HIGHUSER") && !take(kernel, "GFP_KERNEL") &&
        !take(reclaim | io, "GFP_NOFS") && !take(reclaim, "GFP_NOIO") &&
        !(!has(direct_reclaim) && take(kswapd_reclaim | high, "GFP_ATOMIC")) &&
        !(!has(direct_reclaim) && take(kswapd_reclaim, "GFP_NOWAIT"))) {
      take(direct_reclaim, "__GFP_DIRECT_RECLAIM");
    }
    take(dma, "GFP_DMA");
    take(dma32, "GFP_DMA32");
    take(highmem, "__GFP_HIGHMEM");
    take(movable, "__GFP_MOVABLE");
    take(reclaimable, "__GFP_RECLAIMABLE");
    take(high, "__GFP_HIGH");
    take(memalloc, "__GFP_MEMALLOC");
    take(nomemalloc, "__GFP_NOMEMALLOC");
    take(this_node, "__GFP_THISNODE");
    return text.empty() ? "none" : text;
  }

  friend constexpr bool operator==(GfpFlags, GfpFlags) = default;

 private:
  unsigned bits_;
};

namespace detail {

// Returns the bits that matter of a name. Other flags of one bit have none; combinations must be
// known. Before v4.6 traces name single flags without the underscores.
[[nodiscard]] inline std::optional<unsigned> gfp_bits(std::string_view name) {
  using namespace gfp_bit;
  constexpr unsigned kernel = reclaim | io | fs;
  static constexpr std::array<std::pair<std::string_view, unsigned>, 32> names{{
      {"GFP_KERNEL", kernel},
      {"GFP_KERNEL_ACCOUNT", kernel},
      {"GFP_NOFS", reclaim | io},
      {"GFP_NOIO", reclaim},
      {"GFP_USER", kernel},
      {"GFP_TEMPORARY", kernel | reclaimable},
      {"GFP_HIGHUSER", kernel | highmem},
      {"GFP_HIGHUSER_MOVABLE", kernel | highmem | movable},
      {"GFP_TRANSHUGE", direct_reclaim | io | fs | highmem | movable | nomemalloc},
      {"GFP_TRANSHUGE_LIGHT", io | fs | highmem | movable | nomemalloc},
      {"GFP_ATOMIC", high | kswapd_reclaim},
      {"GFP_NOWAIT", kswapd_reclaim},
      {"GFP_DMA", dma},
      {"GFP_DMA32", dma32},
      {"GFP_HIGH", high},
      {"GFP_WAIT", reclaim},
      {"GFP_MOVABLE", movable},
      {"GFP_RECLAIMABLE", reclaimable},
      {"GFP_NOMEMALLOC", nomemalloc},
      {"GFP_MEMALLOC", memalloc},
      {"GFP_THISNODE", this_node},
      {"__GFP_IO", io},
      {"__GFP_FS", fs},
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
  if (name == "__GFP_MEMALLOC") return memalloc;
  if (name == "__GFP_THISNODE") return this_node;
  if (name.starts_with("__GFP_")) return 0;
  if (name.starts_with("0x")) {  // bits that the kernel has no name for
    std::uint64_t unnamed = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + 2, end, unnamed, 16);
    if (error == std::errc{} && stop == end) return 0;
  }
  constexpr std::array<std::string_view, 12> without_bits{
      "GFP_IO",      "GFP_FS",   "GFP_COLD", "GFP_NOWARN",  "GFP_REPEAT",     "GFP_NOFAIL",
      "GFP_NORETRY", "GFP_COMP", "GFP_ZERO", "GFP_NOTRACK", "GFP_OTHER_NODE", "GFP_HARDWALL"};
  for (const std::string_view known : without_bits) {
    if (name == known) return 0;
  }
  if (name == "GFP_NO_KSWAPD") return 0;
  return std::nullopt;
}

}  // namespace detail

/// Reads "GFP_HIGHUSER_MOVABLE|__GFP_ZERO" and the like, or a number such as "0x2080020", whose
/// meaning depends on the kernel: without @p printer it is taken for the kernel that it fits best.
/// Flags of one bit that decide nothing are left out. Throws ParseError at a combination that it
/// does not know.
[[nodiscard]] inline GfpFlags read_gfp_flags(std::string_view text,
                                             std::optional<KernelVersion> printer = {}) {
  const bool is_hex = text.starts_with("0x");
  const std::string_view digits = text.substr(is_hex ? 2 : 0);
  std::uint64_t number = 0;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
  if (error == std::errc{} && stop == digits.data() + digits.size()) {
    return GfpFlags{gfp_bits_of_number(number, printer)};
  }
  unsigned bits = 0;
  for (std::size_t end = 0; end != text.npos; text.remove_prefix(end == text.npos ? 0 : end + 1)) {
    end = text.find('|');
    const auto of_name = detail::gfp_bits(text.substr(0, end));
    if (!of_name) throw ParseError{fmt::format("unknown gfp flags '{}'", text.substr(0, end))};
    bits |= *of_name;
  }
  return GfpFlags{bits};
}

/// The same, as the library's requests have it.
[[nodiscard]] inline Gfp parse_gfp_flags(std::string_view text,
                                         std::optional<KernelVersion> printer = {}) {
  return read_gfp_flags(text, printer).gfp();
}

}  // namespace pageblock
