// SPDX-License-Identifier: MIT
/// Reads /proc/zoneinfo: where the zones lie and what the kernel counts in them.
///
/// Layer:  io.
/// Kernel: zoneinfo_show_print() (mm/vmstat.c). Kernels insert lines, so lines are known by key.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The counts of one CPU's page lists of a zone.
struct PerCpuInfo {
  std::uint64_t cpu = 0;    ///< The CPU's number.
  std::uint64_t count = 0;  ///< Pages on its lists.
  std::uint64_t high = 0;   ///< The number at which frees drain.
  std::uint64_t batch = 0;  ///< How many pages move at once.
};

/// A zone as /proc/zoneinfo describes it, in pages.
struct ZoneInfo {
  ZoneName name;  ///< Which zone of which node.
  /// Nothing for zone Device, whose pages the page allocator does not have.
  std::optional<ZoneType> type;
  /// Not printed of a zone without present pages; 0 then.
  Pfn start_pfn{};
  std::uint64_t spanned = 0;  ///< Pages from the first to the last.
  std::uint64_t present = 0;  ///< Pages that are memory.
  /// Printed since v3.8. Until then `present` is only an estimate of it: what the memory map takes
  /// is subtracted, and a zone may have more free pages than that.
  std::optional<std::uint64_t> managed;
  std::uint64_t free = 0;  ///< NR_FREE_PAGES.
  Watermarks watermarks;   ///< In pages.
  /// The lowmem reserves, in pages, by the zone that a request prefers.
  std::vector<std::uint64_t> protection;
  std::vector<PerCpuInfo> per_cpu;  ///< One for each CPU that is listed.
  /// The line that begins the zone.
  std::size_t line = 0;

  /// Returns the pages that it spans.
  [[nodiscard]] PfnRange range() const { return {start_pfn, start_pfn + spanned}; }

  /// Returns whether it has pages. Device memory widens a zone's span and is never present; and a
  /// zone may have been emptied.
  [[nodiscard]] bool is_populated() const { return present != 0; }

  /// Returns the pages on all CPUs' lists together.
  [[nodiscard]] std::uint64_t per_cpu_count() const {
    std::uint64_t sum = 0;
    for (const PerCpuInfo& cpu : per_cpu) sum += cpu.count;
    return sum;
  }
};

namespace detail {

/// Collects the lines of one zone.
class ZoneInfoBuilder {
 public:
  ZoneInfoBuilder(const InputFile& file, ZoneName name, std::size_t line) : file_{file} {
    zone_.name = std::move(name);
    zone_.line = line;
  }

  /// Returns false if the line is nothing of a zone's.
  bool read_line(LineReader& reader) {
    const bool is_known = is_of_a_zone(reader);
    const std::string_view key = reader.word();
    if (key == "pages") {
      if (reader.word() == "free") free_ = reader.number_of("pages free");
    } else if (key == "spanned") {
      spanned_ = reader.number_of(key);
    } else if (key == "present") {
      present_ = reader.number_of(key);
    } else if (key == "managed") {
      zone_.managed = reader.number_of(key);
    } else if (key == "min") {
      zone_.watermarks.min = reader.number_of(key);
    } else if (key == "low") {
      zone_.watermarks.low = reader.number_of(key);
    } else if (key == "high") {
      zone_.watermarks.high = reader.number_of(key);
    } else if (key == "start_pfn:") {
      start_pfn_ = reader.number_of(key);
    } else if (key == "protection:") {
      read_protection(reader);
    } else if (key == "cpu:") {
      zone_.per_cpu.emplace_back().cpu = reader.number_of(key);
    } else if (key == "count:") {
      last_cpu(reader).count = reader.number_of(key);
    } else if (key == "high:") {
      last_cpu(reader).high = reader.number_of(key);
    } else if (key == "batch:") {
      last_cpu(reader).batch = reader.number_of(key);
    } else {
      return is_known;
    }
    return true;
  }

  /// Returns the zone, or nothing if it has no memory.
  [[nodiscard]] std::optional<ZoneInfo> finish() {
    zone_.spanned = demand(spanned_, "spanned");
    if (zone_.spanned == 0) return std::nullopt;
    zone_.present = demand(present_, "present");
    zone_.free = demand(free_, "pages free");
    // The kernel ends its description here if no page is present.
    zone_.start_pfn = Pfn{zone_.is_populated() ? demand(start_pfn_, "start_pfn") : 0};
    zone_.type = type_of(zone_.name.zone);
    constexpr std::uint64_t most_pages = std::uint64_t{1} << 32;
    constexpr std::uint64_t last_pfn = std::uint64_t{1} << 52;
    if (zone_.spanned > most_pages) complain("spans more than 2^32 pages");
    if (zone_.start_pfn > Pfn{last_pfn}) complain("starts beyond any address");
    check_at_most(zone_.present, "present", zone_.spanned, "spanned");
    check_at_most(zone_.managed.value_or(0), "managed", zone_.present, "present");
    if (zone_.managed) {
      check_at_most(zone_.free, "free", zone_.present, "present");
    } else {
      check_at_most(zone_.free, "free", zone_.spanned, "spanned");
    }
    return std::move(zone_);
  }

 private:
  // A counter is a name and a number, and these words stand alone or before one.
  [[nodiscard]] static bool is_of_a_zone(LineReader line) {
    if (line.is_blank()) return true;
    constexpr std::array<std::string_view, 4> heads{"per-node stats", "pagesets",
                                                    "vm stats threshold:", "per-zone stats"};
    if (std::ranges::any_of(heads, [&](std::string_view head) { return line.take(head); })) {
      return true;
    }
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_:";
    constexpr std::string_view digits = "-0123456789";
    const std::string_view key = line.word();
    const std::string_view number = line.word();
    return key.find_first_not_of(letters) == std::string_view::npos && !number.empty() &&
           number.find_first_not_of(digits) == std::string_view::npos && line.is_blank();
  }

  PerCpuInfo& last_cpu(LineReader& reader) {
    if (zone_.per_cpu.empty()) reader.fail("a per-CPU value before any 'cpu:'");
    return zone_.per_cpu.back();
  }

  void read_protection(LineReader& reader) {
    zone_.protection.clear();
    for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
      if (word.starts_with('(')) word.remove_prefix(1);
      if (word.ends_with(',') || word.ends_with(')')) word.remove_suffix(1);
      if (!word.empty()) zone_.protection.push_back(reader.to_number(word, "protection:"));
    }
  }

  [[nodiscard]] std::optional<ZoneType> type_of(std::string_view name) const {
    constexpr std::array<std::pair<std::string_view, ZoneType>, 5> types{
        {{"DMA", ZoneType::dma},
         {"DMA32", ZoneType::dma32},
         {"Normal", ZoneType::normal},
         {"HighMem", ZoneType::normal},
         {"Movable", ZoneType::movable}}};
    for (const auto& [known, type] : types) {
      if (name == known) return type;
    }
    if (name != "Device") complain("has a name that no kernel gives");
    return std::nullopt;
  }

  [[nodiscard]] std::uint64_t demand(std::optional<std::uint64_t> value,
                                     std::string_view key) const {
    if (!value) complain(fmt::format("has no line '{}'", key));
    return *value;
  }
  void check_at_most(std::uint64_t less, std::string_view key, std::uint64_t more,
                     std::string_view other) const {
    if (less > more) {
      complain(fmt::format("has {} {} pages, but {} {}", less, key, more, other));
    }
  }
  [[noreturn]] void complain(std::string_view fault) const {
    throw file_.error_at_line(zone_.line, fmt::format("zone {} {}", zone_.name, fault));
  }

  const InputFile& file_;
  ZoneInfo zone_;
  std::optional<std::uint64_t> free_;
  std::optional<std::uint64_t> spanned_;
  std::optional<std::uint64_t> present_;
  std::optional<std::uint64_t> start_pfn_;
};

}  // namespace detail

/// Returns the zones that span pages, lowest first; those without present pages come last. Their
/// spans may overlap: whose a page is then, the list of memory blocks says. Lines that are nothing
/// of this format, such as a prompt, are passed over and told to @p skipped. Throws ParseError.
[[nodiscard]] inline std::vector<ZoneInfo> parse_zoneinfo(const InputFile& file,
                                                          SkippedLines* skipped = nullptr) {
  std::vector<ZoneInfo> zones;
  SkippedLines others;
  std::optional<detail::ZoneInfoBuilder> builder;
  const auto finish = [&] {
    if (!builder) return;
    if (auto zone = builder->finish()) zones.push_back(std::move(*zone));
  };
  LineReader reader{file};
  while (reader.next_line()) {
    if (begins_zone(reader)) {
      finish();
      ZoneName name = read_zone_name(reader);
      if (std::ranges::count(zones, name, &ZoneInfo::name) != 0) {
        reader.fail(fmt::format("zone {} again", name));
      }
      builder.emplace(file, std::move(name), reader.number());
    } else if (builder ? !builder->read_line(reader) : !reader.is_blank()) {
      others.add(reader.number());
    }
  }
  if (!builder) throw file.error_at_line(1, "expected 'Node <number>, zone <name>'");
  finish();
  if (zones.empty()) throw file.error("no zone has memory");
  detail::sort_stably(zones, [](const ZoneInfo& zone) {
    return std::pair{!zone.is_populated(), zone.start_pfn};
  });
  if (skipped != nullptr) *skipped = std::move(others);
  return zones;
}

}  // namespace pageblock
