// SPDX-License-Identifier: MIT
/// Reads what the kernel's log says of contiguous allocations that fail.
///
/// Layer:  io.
/// Kernel: cma_alloc(), cma_debug_show_areas() (mm/cma.c), alloc_contig_range() (mm/page_alloc.c),
///         before v3.16 dma_alloc_from_contiguous() (drivers/base/dma-contiguous.c).
#pragma once

#include <algorithm>
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
  std::uint64_t nr_pages = 0;  ///< How many pages were asked for.
  /// 12: no place, 16: all places were busy, 4: interrupted.
  unsigned error = 0;
};

/// Reads a line of the kernel log; returns nothing if it tells no failure of CMA.
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
  std::vector<CmaRun> runs;  ///< The free runs that the log lists.
  std::uint64_t free = 0;    ///< Free pages of the area, as the log counts them.
  /// 0 if it was cut off.
  std::uint64_t total = 0;
};

namespace detail {

/// Returns the map in @p text, from behind "number of available pages:"; ';' begins a further range
/// of the area. Throws ParseError if it makes no sense.
[[nodiscard]] inline CmaMap parse_cma_map(const InputFile& file, std::size_t line,
                                          std::string_view rest) {
  CmaMap map;
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  std::uint64_t sum = 0;
  std::uint64_t base = 0;  // no run goes from one range into the next
  for (std::size_t start = rest.find_first_of("0123456789;"); start != rest.npos;
       start = rest.find_first_of("0123456789;")) {
    if (rest.substr(0, start).find("=>") != rest.npos) break;
    rest.remove_prefix(start);
    if (rest.starts_with(';')) {
      rest.remove_prefix(1);
      if (!map.runs.empty()) base += 4 * most;
      continue;
    }
    const auto count = detail::take_number(rest);
    if (!count || !rest.starts_with('@')) break;
    rest.remove_prefix(1);
    const auto position = detail::take_number(rest);
    if (!position) break;
    if (*count > most || *position > most) {
      throw file.error_at_line(line, "a run of more pages than any machine has");
    }
    if (!map.runs.empty() && base + *position <= map.runs.back().start) {
      throw file.error_at_line(line, fmt::format("the run at {} stands behind that at {}",
                                                 *position, map.runs.back().start - base));
    }
    map.runs.push_back({base + *position, *count});
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

}  // namespace detail

/// A place that was tried: "memory range at ffffea000f0a0000 is busy, retrying".
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

/// A failed allocation with what the log says around it.
struct CmaReport {
  CmaFailure failure;           ///< The line that says so.
  std::optional<CmaMap> map{};  ///< The area's free runs, if the kernel printed them.
  /// The places that were tried just before, as far as they are named; and how many there were.
  std::vector<PagePointer> busy{};
  std::uint64_t nr_busy = 0;  ///< How many places were tried and found busy.
  std::string stamp{};        ///< The time stamp of the failure, as it is there.
  std::size_t line = 0;       ///< Where the failure stands, from 1.
};

/// Collects them line by line.
class CmaReportReader {
 public:
  /// The file must outlive the reader.
  explicit CmaReportReader(const InputFile& file) : file_{&file} {}

  /// Takes a line, and returns whether it is about a CMA allocation. Throws ParseError at a map that
  /// makes no sense.
  bool take(const LogLine& line) {
    constexpr std::string_view map_words = "number of available pages:";
    constexpr std::size_t most_named = 16;
    if (const auto busy = parse_cma_busy(line.text)) {
      if (busy_.size() < most_named) busy_.push_back(*busy);
      ++nr_busy_;
      return true;
    }
    if (auto failure = parse_cma_failure(line.text)) {
      finish_map();
      reports_.push_back({std::move(*failure),
                          {},
                          std::exchange(busy_, {}),
                          std::exchange(nr_busy_, 0),
                          std::string{line.stamp},
                          line.number});
      return true;
    }
    if (const std::size_t at = line.text.find(map_words); at != line.text.npos) {
      finish_map();
      map_line_ = line.number;
      return add_to_map(line.text.substr(at + map_words.size()));
    }
    // A long map is broken by consoles and mail.
    if (map_line_ == 0) return false;
    std::string_view more = line.text;
    if (more.starts_with("cma: ")) more.remove_prefix(5);
    const bool goes_on = more.find_first_not_of("0123456789@+=> ") == more.npos ||
                         more.find("=>") != more.npos || more.starts_with("range ");
    if (!more.empty() && goes_on) return add_to_map(more);
    finish_map();
    return false;
  }

  /// Returns the failures in the order of the log. Throws ParseError.
  [[nodiscard]] std::vector<CmaReport> finish() {
    finish_map();
    return std::move(reports_);
  }

 private:
  bool add_to_map(std::string_view text) {
    // "range 0: 6@122+..." (v6.15) has one bitmap for each range; their positions start anew.
    if (text.starts_with("range ")) {
      text.remove_prefix(std::min(text.find(':') + 1, text.size()));
      map_ += ';';
    }
    map_ += text;
    if (map_.find("=>") != map_.npos) finish_map();
    return true;
  }

  void finish_map() {
    if (map_line_ == 0) return;
    const std::size_t line = std::exchange(map_line_, 0);
    CmaMap map = detail::parse_cma_map(*file_, line, std::exchange(map_, {}));
    if (!reports_.empty() && !reports_.back().map) reports_.back().map = std::move(map);
  }

  const InputFile* file_;
  std::vector<CmaReport> reports_;
  std::vector<PagePointer> busy_;
  std::uint64_t nr_busy_ = 0;
  std::size_t map_line_ = 0;
  std::string map_;
};

}  // namespace pageblock
