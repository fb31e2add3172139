/// Reads what the kernel's log says of contiguous allocations that fail.
///
/// Layer:  io.
/// Kernel: cma_alloc(), cma_debug_show_areas() (mm/cma.c), alloc_contig_range() (mm/page_alloc.c),
///         before v3.16 dma_alloc_from_contiguous() (drivers/base/dma-contiguous.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/cma_places.hpp"
#include "pageblock/io/text/log_line.hpp"
#include "pageblock/io/text/page_pointer.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// "cma: cma_alloc: <area>: alloc failed, req-size: 256 pages, ret: -12"
struct CmaFailure {
  /// Since v5.14.
  std::string area;
  std::uint64_t nr_pages = 0;
  /// 12: no place, 16: all places were busy, 4: interrupted.
  unsigned error = 0;
};

[[nodiscard]] inline std::optional<CmaFailure> parse_cma_failure(std::string_view text) {
  constexpr std::string_view words = "alloc failed, req-size:";
  const std::size_t at = text.find(words);
  if (at == text.npos) return std::nullopt;
  const std::string_view behind = text.substr(at);
  const auto pages = detail::number_behind(behind, "req-size: ");
  const auto error = detail::number_behind(behind, "ret: -");
  if (!pages || !error || *error > 4095) return std::nullopt;
  CmaFailure failure{{}, *pages, static_cast<unsigned>(*error)};
  std::string_view before = text.substr(0, at);
  while (before.ends_with(' ') || before.ends_with(':')) before.remove_suffix(1);
  const std::size_t name = before.rfind(": ");
  before = name == before.npos ? before : before.substr(name + 2);
  if (before != "cma_alloc" && before != "cma" && !before.ends_with("_alloc()")) {
    failure.area = before;
  }
  return failure;
}

/// "number of available pages: 6@122+9@151=> 15 free of 2048 total pages" (v4.11, with
/// CONFIG_CMA_DEBUG): the pages of an area that nobody has reserved.
struct CmaMap {
  std::vector<CmaRun> runs;
  std::uint64_t free = 0;
  /// Before v4.20 "of 2048 total pages" too; 0 if it was cut off.
  std::uint64_t total = 0;
};

/// Returns the map in a line; nothing of other lines. Throws ParseError if it makes no sense.
[[nodiscard]] inline std::optional<CmaMap> parse_cma_map(const InputFile& file,
                                                         const LogLine& line) {
  constexpr std::string_view words = "number of available pages:";
  const std::size_t at = line.text.find(words);
  if (at == line.text.npos) return std::nullopt;
  std::string_view rest = line.text.substr(at + words.size());
  CmaMap map;
  std::uint64_t sum = 0;
  for (std::size_t start = rest.find_first_of("0123456789"); start != rest.npos;
       start = rest.find_first_of("0123456789")) {
    if (rest.substr(0, start).find("=>") != rest.npos) break;
    rest.remove_prefix(start);
    const auto count = detail::take_number(rest);
    if (!count || !rest.starts_with('@')) break;
    rest.remove_prefix(1);
    const auto position = detail::take_number(rest);
    if (!position) break;
    constexpr std::uint64_t most = std::uint64_t{1} << 40;
    if (*count > most || *position > most) {
      throw file.error_at_line(line.number, "a run of more pages than any machine has");
    }
    if (!map.runs.empty() && *position <= map.runs.back().start) {
      throw file.error_at_line(line.number, fmt::format("the run at {} stands behind that at {}",
                                                        *position, map.runs.back().start));
    }
    map.runs.push_back({*position, *count});
    sum += *count;
  }
  map.free = detail::number_behind(rest, "=> ").value_or(sum);
  map.total = detail::number_behind(rest, " free of ").value_or(0);
  // Counts are in pages, positions in bits, which may stand for several pages each.
  const auto overlaps = [&](unsigned shift) {
    for (std::size_t i = 0; i < map.runs.size(); ++i) {
      const std::uint64_t end = (map.runs[i].start << shift) + map.runs[i].count;
      if (i + 1 < map.runs.size() && end >= map.runs[i + 1].start << shift) return true;
    }
    return false;
  };
  unsigned shift = 0;
  while (shift < 12 && overlaps(shift)) ++shift;
  for (CmaRun& run : map.runs) run.start <<= shift;
  return map;
}

/// "memory range at ffffea000f0a0000 is busy, retrying": a place that was tried.
[[nodiscard]] inline std::optional<PagePointer> parse_cma_busy(std::string_view text) {
  constexpr std::string_view words = "memory range at ";
  const std::size_t at = text.find(words);
  if (at == text.npos || text.find(" is busy", at) == text.npos) return std::nullopt;
  std::string_view rest = text.substr(at + words.size());
  PagePointer pointer;
  if (rest.starts_with("pfn ")) {
    rest.remove_prefix(4);
    if (const auto pfn = detail::number_behind(rest, "0x", 16)) pointer.pfn = Pfn{*pfn};
    pointer.is_pfn_printed = pointer.pfn.has_value();
    return pointer;
  }
  return page_pointer(rest.substr(0, rest.find(' ')));
}

/// "alloc_contig_range: [3c2800, 3c2900) PFNs busy", and until v4.6 "alloc_contig_range
/// test_pages_isolated(3c2800, 3c2900) failed".
[[nodiscard]] inline std::optional<PfnRange> parse_pfns_busy(std::string_view text) {
  std::size_t open = text.npos;
  if (text.find("PFNs busy") != text.npos) {
    open = text.find('[');
  } else if (const std::size_t test = text.find("test_pages_isolated(");
             test != text.npos && text.find("failed", test) != text.npos) {
    open = text.find('(', test);
  }
  if (open == text.npos) return std::nullopt;
  std::string_view rest = text.substr(open + 1);
  const auto number = [&rest]() {
    if (rest.starts_with("0x")) rest.remove_prefix(2);
    return detail::take_number(rest, 16);
  };
  const auto start = number();
  if (!start || !rest.starts_with(", ")) return std::nullopt;
  rest.remove_prefix(2);
  const auto end = number();
  if (!end || *end <= *start) return std::nullopt;
  return PfnRange{Pfn{*start}, Pfn{*end}};
}

}  // namespace pageblock
