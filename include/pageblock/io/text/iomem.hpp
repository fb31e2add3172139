// SPDX-License-Identifier: MIT
/// Reads from /proc/iomem where there is memory.
///
/// Layer:  io.
/// Kernel: r_show() (kernel/resource.c); walk_system_ram_range() asks the same table.
///
/// The kernel marks what the firmware keeps inside a zone as reserved, and some kernels show no
/// difference between a hole and a page without flags. Only this file tells them apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Memory as /proc/iomem lists it, in whole pages, sorted and merged.
struct SystemRam {
  std::vector<PfnRange> ranges;  ///< In order.
  /// What of it a virtio-mem device has brought. PageOffline pages there are the device's.
  std::vector<PfnRange> virtio_mem;
};

/// Returns the pages of "System RAM"; nothing if all addresses are 0, which is what the kernel shows
/// to a reader who is not root. Lines that are not of this format, such as a prompt, are passed over
/// and told to @p skipped. Pages have @p page_size bytes. Throws ParseError, also if no line is of
/// this format.
[[nodiscard]] inline SystemRam parse_system_ram(const InputFile& file,
                                                std::uint64_t page_size = 4096,
                                                SkippedLines* skipped = nullptr) {
  constexpr std::string_view separator = " : ";
  constexpr std::string_view expected = "expected '<start>-<end> : <name>'";
  constexpr std::string_view digits = "0123456789abcdefABCDEF";
  SystemRam ram;
  SkippedLines others;
  bool has_line = false;
  LineReader reader{file};
  while (reader.next_line()) {
    const std::string_view text = reader.text();
    if (text.empty()) continue;
    const std::size_t colon = text.find(separator);
    const std::string_view range = reader.word();
    const std::size_t dash = range.find('-');
    // What begins as two addresses is meant as a line of the table.
    const bool is_range =
        dash != 0 && dash != std::string_view::npos && range.find_first_not_of(digits) == dash;
    if (!is_range && (colon == std::string_view::npos || colon != range.size())) {
      others.add(reader.number());
      continue;
    }
    if (dash == std::string_view::npos || colon == std::string_view::npos) reader.fail(expected);
    has_line = true;
    // Memory that a driver brings stands below the driver's own line, as "System RAM (virtio_mem)".
    const std::string_view name = text.substr(colon + separator.size());
    const std::uint64_t first = reader.to_number(range.substr(0, dash), "start", 16);
    const std::uint64_t last = reader.to_number(range.substr(dash + 1), "end", 16);
    if (last < first) reader.fail("the range ends before it begins");
    if (!name.starts_with("System RAM") || last == 0) continue;
    // A page that is only partly memory is none.
    const std::uint64_t start = first / page_size + (first % page_size != 0 ? 1 : 0);
    const std::uint64_t end = last / page_size + (last % page_size == page_size - 1 ? 1 : 0);
    if (start >= end) continue;
    ram.ranges.push_back({Pfn{start}, Pfn{end}});
    if (name.find("virtio_mem") != std::string_view::npos) {
      ram.virtio_mem.push_back(ram.ranges.back());
    }
  }
  if (!has_line) throw file.error_at_line(1, expected);
  ram.ranges = detail::merged(std::move(ram.ranges));
  ram.virtio_mem = detail::merged(std::move(ram.virtio_mem));
  if (skipped != nullptr) *skipped = std::move(others);
  return ram;
}

/// The same without the devices: only where there is memory.
[[nodiscard]] inline std::vector<PfnRange> parse_iomem(const InputFile& file,
                                                       std::uint64_t page_size = 4096) {
  return parse_system_ram(file, page_size).ranges;
}

}  // namespace pageblock
