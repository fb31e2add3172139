// SPDX-License-Identifier: MIT
/// Writes what the kernel's log says of a CMA area, as people paste it: cma_log.hpp reads it again.
///
/// Layer:  io.
/// Kernel: cma_declare_contiguous(), cma_alloc(), cma_debug_show_areas() (mm/cma.c); before v3.16
///         dma_declare_contiguous().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/cma_area.hpp"
#include "pageblock/clients/cma_places.hpp"

namespace pageblock {

namespace detail {

[[nodiscard]] constexpr bool is_at_least(const Semantics& kernel, int major, int minor) {
  return std::pair{kernel.major, kernel.minor} >= std::pair{major, minor};
}

// "4@572+7@585": pages, and the bit where they begin.
[[nodiscard]] inline std::string cma_map_of(const CmaArea& area, std::size_t range) {
  std::string text;
  for (const CmaRun& run : area.available_runs(range)) {
    text += fmt::format("{}{}@{}", text.empty() ? "" : "+", run.count,
                        run.start >> area.order_per_bit().value());
  }
  return text;
}

}  // namespace detail

/// Returns what a kernel says at boot when it has reserved an area, with a line end.
[[nodiscard]] inline std::string cma_reserved_line(const CmaArea& area, const Semantics& kernel) {
  constexpr unsigned pages_per_mib = 256;
  constexpr unsigned page_size = 4096;
  const std::uint64_t mib = area.nr_pages() / pages_per_mib;
  const std::uint64_t base = area.span().start.value() * page_size;
  if (!detail::is_at_least(kernel, 3, 16)) {
    return fmt::format("CMA: reserved {} MiB at {:08x}\n", mib, base);
  }
  if (area.ranges().size() > 1) {
    return fmt::format("cma: Reserved {} MiB in {} ranges\n", mib, area.ranges().size());
  }
  const bool names_node = kernel.major == 6 && detail::is_at_least(kernel, 6, 12);
  return fmt::format("cma: Reserved {} MiB at {:#018x}{}\n", mib, base,
                     names_node ? " on node -1" : "");
}

/// Returns what a kernel says at boot when an area that was reserved cannot be used, with a line end: nothing in
/// v3.6.
[[nodiscard]] inline std::string cma_not_activated_line(const CmaArea& area,
                                                        const Semantics& kernel) {
  if (!detail::is_at_least(kernel, 3, 16)) return {};
  return fmt::format("cma: CMA area {} could not be activated\n", area.name());
}

/// Returns what a kernel says when a contiguous range is not free after all (a tracer sees what was tested, as
/// trace::TestPagesIsolated), with a line end: nothing since v4.6, but for debugging.
[[nodiscard]] inline std::string contig_test_line(const PfnRange& tested, const Semantics& kernel) {
  if (detail::is_at_least(kernel, 4, 6)) return {};
  return fmt::format("alloc_contig_range test_pages_isolated({:x}, {:x}) failed\n",
                     tested.start.value(), tested.end.value());
}

/// Returns what a kernel says when an allocation of @p nr_pages fails, with line ends: nothing in v3.6
/// (but for debugging). The map of what nobody has comes with v6.12, before with CONFIG_CMA_DEBUG.
[[nodiscard]] inline std::string cma_failure_lines(const CmaArea& area, const Semantics& kernel,
                                                   std::uint64_t nr_pages, Status status,
                                                   bool cma_debug = false) {
  if (!detail::is_at_least(kernel, 5, 14)) return {};
  std::string text = fmt::format("cma: cma_alloc: {}: alloc failed, req-size: {} pages, ret: {}\n",
                                 area.name(), nr_pages, status.to_errno());
  if (!cma_debug && !detail::is_at_least(kernel, 6, 12)) return text;
  text += "cma: number of available pages: ";
  if (area.ranges().size() == 1) {
    text += detail::cma_map_of(area, 0);
  } else {
    for (std::size_t range = 0; range < area.ranges().size(); ++range) {
      text += fmt::format("\ncma: range {}: {}", range, detail::cma_map_of(area, range));
    }
    text += '\n';
  }
  return text + fmt::format("=> {} free of {} total pages\n", area.nr_available(), area.nr_pages());
}

}  // namespace pageblock
