// SPDX-License-Identifier: MIT
/// Reads from /proc/iomem where there is memory.
///
/// Layer:  io.
/// Kernel: r_show() (kernel/resource.c); walk_system_ram_range() asks the same table.
///
/// The kernel marks what the firmware keeps inside a zone as reserved, and some kernels show no
/// difference between a hole and a page without flags. Only this file tells them apart.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Returns the whole pages of "System RAM", sorted and merged; nothing if all addresses are 0,
/// which is what the kernel shows to a reader who is not root. Throws ParseError.
[[nodiscard]] inline std::vector<PfnRange> parse_iomem(const InputFile& file) {
  constexpr std::uint64_t page_size = 4096;
  constexpr std::string_view separator = " : ";
  std::vector<PfnRange> ram;
  LineReader reader{file};
  while (reader.next_line()) {
    const std::size_t colon = reader.line().find(separator);
    if (colon == std::string_view::npos) reader.fail("expected '<start>-<end> : <name>'");
    // Memory that a driver brings stands below the driver's own line, as "System RAM (virtio_mem)".
    const bool is_ram = reader.line().substr(colon + separator.size()).starts_with("System RAM");
    const std::string_view range = reader.word();
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) reader.fail("expected '<start>-<end> : <name>'");
    const std::uint64_t first = reader.to_number(range.substr(0, dash), "start", 16);
    const std::uint64_t last = reader.to_number(range.substr(dash + 1), "end", 16);
    if (last < first) reader.fail("the range ends before it begins");
    if (!is_ram || last == 0) continue;
    // A page that is only partly memory is none.
    const std::uint64_t start = first / page_size + (first % page_size != 0 ? 1 : 0);
    const std::uint64_t end = last / page_size + (last % page_size == page_size - 1 ? 1 : 0);
    if (start < end) ram.push_back({Pfn{start}, Pfn{end}});
  }
  return detail::merged(std::move(ram));
}

}  // namespace pageblock
