// SPDX-License-Identifier: MIT
/// Reads *.pages files: the page descriptors of a machine that stood still, in runs of equal ones.
///
/// Layer:  io.
/// Kernel: struct page of v6.1 and later.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The bits of a descriptor's flags: v6.1's numbers on x86-64, as masks. Files of later kernels are read
/// as if they had these.
namespace page_flag {
inline constexpr std::uint32_t bit(unsigned number) { return std::uint32_t{1} << number; }
inline constexpr std::uint32_t locked = bit(0);
inline constexpr std::uint32_t referenced = bit(1);
inline constexpr std::uint32_t uptodate = bit(2);
inline constexpr std::uint32_t dirty = bit(3);
inline constexpr std::uint32_t lru = bit(4);
inline constexpr std::uint32_t active = bit(5);
inline constexpr std::uint32_t workingset = bit(6);
inline constexpr std::uint32_t waiters = bit(7);
inline constexpr std::uint32_t error = bit(8);
inline constexpr std::uint32_t slab = bit(9);
inline constexpr std::uint32_t owner_private = bit(10);
inline constexpr std::uint32_t arch = bit(11);
inline constexpr std::uint32_t reserved = bit(12);
inline constexpr std::uint32_t private_data = bit(13);
inline constexpr std::uint32_t private_2 = bit(14);
inline constexpr std::uint32_t writeback = bit(15);
inline constexpr std::uint32_t head = bit(16);
inline constexpr std::uint32_t mapped_to_disk = bit(17);  ///< anonymous: exclusive
inline constexpr std::uint32_t reclaim = bit(18);         ///< movable without LRU: isolated
inline constexpr std::uint32_t swap_backed = bit(19);
inline constexpr std::uint32_t unevictable = bit(20);
inline constexpr std::uint32_t mlocked = bit(21);
/// What is in a descriptor that nothing has initialised.
inline constexpr std::uint32_t uninitialised = 0xffffff;
}  // namespace page_flag

/// Whose numbers the flags of a file have.
enum class PageFlagNumbers : std::uint8_t {
  v6_1,
  v6_12,  ///< Slab is a type instead, and others have moved.
  v7_2    ///< Dropbehind is new, and movable pages of drivers have a flag of their own.
};

/// What the kernel notes in a descriptor instead of how often the page is mapped.
enum class PageType : std::uint8_t {
  none,
  buddy,
  table,
  offline,
  // Types since v6.12 at the latest.
  guard,
  hugetlb,
  slab,
  zsmalloc,
  unaccepted,
  large_kmalloc
};

/// Who a page belongs to.
enum class PageMapping : std::uint8_t { none, anonymous, file_or_owner, movable, ksm, tail };

/// Pages in a row whose descriptors are equal.
struct PageRun {
  PfnRange range;
  std::uint32_t flags = 0;  ///< the low 24 bits
  std::int32_t refcount = 0;
  std::int32_t mapcount = -1;  ///< the raw counter; -1 is not mapped; not for pages with a type
  PageType type = PageType::none;
  std::optional<Order> order;  ///< of a free chunk or of a compound page, at its head
  /// The node's and the zone's bits, as they stand in the flag word. A page outside of all zones
  /// may have any.
  unsigned zone_bits = 0;
  PageMapping mapping = PageMapping::none;

  /// Returns the zone on the first node, or nothing if the page is on none of its zones.
  [[nodiscard]] std::optional<ZoneType> zone() const {
    if (zone_bits >= max_nr_zones) return std::nullopt;
    return static_cast<ZoneType>(zone_bits);
  }
  [[nodiscard]] bool is_initialised() const { return flags != page_flag::uninitialised; }
};

/// All runs of a file, lowest first. Between two of them there may be no memory.
class PageRuns {
 public:
  explicit PageRuns(std::vector<PageRun> runs) : runs_{std::move(runs)} {}

  [[nodiscard]] const std::vector<PageRun>& runs() const { return runs_; }

  /// Returns the run that a page is in, or null if it has no descriptor.
  [[nodiscard]] const PageRun* find(Pfn pfn) const {
    const auto behind = std::ranges::upper_bound(
        runs_, pfn, {}, [](const PageRun& run) { return run.range.start; });
    if (behind == runs_.begin()) return nullptr;
    const PageRun& run = *std::prev(behind);
    return run.range.contains(pfn) ? &run : nullptr;
  }

 private:
  std::vector<PageRun> runs_;
};

namespace detail {

/// Reads the words of one line, "pfn run flags refcount mapcount type order zone mapping".
class PageRunReader {
 public:
  PageRunReader(LineReader& reader, PageFlagNumbers numbers) : reader_{reader}, numbers_{numbers} {}

  [[nodiscard]] PageRun read() {
    PageRun run;
    run.range.start = Pfn{reader_.number_of("pfn", 16)};
    const std::uint64_t nr_pages = reader_.number_of("run");
    if (run.range.start > Pfn{max_pages} || nr_pages == 0 || nr_pages > max_pages) {
      reader_.fail("the run has no pages, or more than there can be");
    }
    run.range.end = run.range.start + nr_pages;
    run.flags =
        flags_of(static_cast<std::uint32_t>(within(reader_.number_of("flags", 16), 0xffffff)));
    run.refcount = counter("refcount", reader_.word());
    const std::string_view mapcount = reader_.word();
    run.type = one_of(types, "type");
    // The counter's place has the type's bits, in hexadecimal.
    if (run.type == PageType::none) {
      run.mapcount = counter("mapcount", mapcount);
    } else if (mapcount.size() != 8) {
      reader_.fail(fmt::format("'{}' is no number for 'mapcount' of a page with a type", mapcount));
    } else {
      static_cast<void>(reader_.to_number(mapcount, "mapcount", 16));
    }
    const std::string_view order = reader_.word();
    if (order != "-") {
      run.order = Order{static_cast<unsigned>(within(reader_.to_number(order, "order"), 63))};
    }
    run.zone_bits = static_cast<unsigned>(within(reader_.number_of("zone"), 0xffff));
    run.mapping = one_of(mappings, "mapping");
    const bool is_of_driver = run.type == PageType::offline || run.type == PageType::zsmalloc;
    if (numbers_ == PageFlagNumbers::v7_2 && is_of_driver && run.mapping == PageMapping::none &&
        (run.flags & page_flag::uptodate) != 0) {
      run.mapping = PageMapping::movable;  // PG_movable_ops has uptodate's place
    }
    if (!reader_.word().empty()) reader_.fail("expected the end of the line");
    return run;
  }

 private:
  static constexpr std::uint64_t max_pages = std::uint64_t{1} << 52;
  static constexpr std::array types{
      std::pair{std::string_view{"-"}, PageType::none},
      std::pair{std::string_view{"buddy"}, PageType::buddy},
      std::pair{std::string_view{"table"}, PageType::table},
      std::pair{std::string_view{"offline"}, PageType::offline},
      std::pair{std::string_view{"guard"}, PageType::guard},
      std::pair{std::string_view{"hugetlb"}, PageType::hugetlb},
      std::pair{std::string_view{"slab"}, PageType::slab},
      std::pair{std::string_view{"zsmalloc"}, PageType::zsmalloc},
      std::pair{std::string_view{"unaccepted"}, PageType::unaccepted},
      std::pair{std::string_view{"large_kmalloc"}, PageType::large_kmalloc}};
  static constexpr std::array mappings{std::pair{std::string_view{"-"}, PageMapping::none},
                                       std::pair{std::string_view{"A"}, PageMapping::anonymous},
                                       std::pair{std::string_view{"F"}, PageMapping::file_or_owner},
                                       std::pair{std::string_view{"M"}, PageMapping::movable},
                                       std::pair{std::string_view{"K"}, PageMapping::ksm},
                                       std::pair{std::string_view{"T"}, PageMapping::tail}};

  // v6.12's numbers 0 to 19, of which v7.2 has moved the last; what follows has none in v6.1.
  [[nodiscard]] std::uint32_t flags_of(std::uint32_t raw) const {
    using namespace page_flag;
    if (numbers_ == PageFlagNumbers::v6_1 || raw == uninitialised) return raw;
    constexpr std::array masks{locked,        writeback,      referenced,  uptodate,   dirty,
                               lru,           head,           waiters,     active,     workingset,
                               owner_private, mapped_to_disk, arch,        reserved,   private_data,
                               private_2,     reclaim,        swap_backed, unevictable};
    const auto nr_of_mlocked =
        static_cast<unsigned>(numbers_ == PageFlagNumbers::v6_12 ? masks.size() : masks.size() + 1);
    std::uint32_t flags = (raw & bit(nr_of_mlocked)) != 0 ? mlocked : 0;
    for (unsigned number = 0; number < masks.size(); ++number) {
      if ((raw & bit(number)) != 0) flags |= masks[number];
    }
    return flags;
  }

  template <typename T, std::size_t n>
  [[nodiscard]] T one_of(const std::array<std::pair<std::string_view, T>, n>& table,
                         std::string_view what) {
    const std::string_view word = reader_.word();
    for (const auto& [name, value] : table) {
      if (name == word) return value;
    }
    reader_.fail(fmt::format("'{}' is no {}", word, what));
  }
  [[nodiscard]] std::uint64_t within(std::uint64_t value, std::uint64_t max) const {
    if (value > max) reader_.fail(fmt::format("{} is above {}", value, max));
    return value;
  }
  [[nodiscard]] std::int32_t counter(std::string_view what, std::string_view word) const {
    const bool is_negative = word.starts_with('-');
    const std::uint64_t value = reader_.to_number(is_negative ? word.substr(1) : word, what);
    const auto magnitude = static_cast<std::int32_t>(within(value, 0x7fffffff));
    return is_negative ? -magnitude : magnitude;
  }

  LineReader& reader_;
  PageFlagNumbers numbers_;
};

}  // namespace detail

/// Reads a *.pages file. Throws ParseError, which names file and line.
[[nodiscard]] inline PageRuns parse_page_runs(const InputFile& file,
                                              PageFlagNumbers numbers = PageFlagNumbers::v6_1) {
  constexpr std::string_view header = "# pfn run flags refcount mapcount type order zone mapping";
  std::vector<PageRun> runs;
  LineReader reader{file};
  reader.next_line();
  if (!reader.line().starts_with(header)) reader.fail(fmt::format("expected '{}'", header));
  while (reader.next_line()) {
    const PageRun run = detail::PageRunReader{reader, numbers}.read();
    if (!runs.empty() && run.range.start < runs.back().range.end) {
      reader.fail("the run begins before the last one ends");
    }
    runs.push_back(run);
  }
  return PageRuns{std::move(runs)};
}

}  // namespace pageblock
