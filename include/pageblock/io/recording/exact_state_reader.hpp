// SPDX-License-Identifier: MIT
/// Reads *.state files.
///
/// Layer:  io.
/// Kernel: none; a program that reads a halted machine's memory from outside writes them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/recording/exact_zone_numbers.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {
namespace detail {

/// Reads one file. Counts that a file says twice have to agree.
class ExactStateReader {
 public:
  explicit ExactStateReader(const InputFile& file) : file_{file}, reader_{file} {}

  [[nodiscard]] ExactState read() {
    constexpr std::string_view header = "# realkernel state, format 1; label ";
    reader_.next_line();
    if (!reader_.line().starts_with(header)) {
      reader_.fail(fmt::format("expected '{}<label>'", header));
    }
    state_.label = reader_.line().substr(header.size());
    while (reader_.next_line()) {
      if (reader_.line().starts_with('#')) continue;
      read_record();
      if (!reader_.word().empty()) reader_.fail("expected the end of the line");
    }
    check_whole();
    return std::move(state_);
  }

 private:
  void read_record() {
    const std::string_view record = reader_.word();
    if (record == "max_pfn") {
      state_.max_pfn = Pfn{number(record)};
    } else if (record == "ncpu") {
      state_.nr_cpus = small(record, 8192);
      if (state_.nr_cpus == 0) reader_.fail("a machine has a CPU");
    } else if (record == "trace") {
      read_trace_buffer();
    } else if (record == "zone") {
      read_zone();
    } else if (record == "area") {
      read_area();
    } else if (record == "list") {
      read_list();
    } else if (record == "listed_free") {
      read_listed_free();
    } else if (record == "pcp") {
      read_pcp();
    } else if (record == "pcplist") {
      read_pcp_list();
    } else if (record == "section") {
      read_section();
    } else if (record == "zstat") {
      read_zone_statistics();
    } else {
      reader_.fail(fmt::format("'{}' is no record of this format", record));
    }
  }

  // A decimal number, or a hexadecimal one with 0x.
  std::uint64_t number(std::string_view what) {
    std::string_view word = reader_.word();
    const bool is_hex = word.starts_with("0x");
    if (is_hex) word.remove_prefix(2);
    return reader_.to_number(word, what, is_hex ? 16 : 10);
  }
  unsigned small(std::string_view what, unsigned max) {
    const std::uint64_t value = number(what);
    if (value > max) reader_.fail(fmt::format("{} {} is above {}", what, value, max));
    return static_cast<unsigned>(value);
  }
  void expect(std::string_view key) {
    if (reader_.word() != key) reader_.fail(fmt::format("expected '{}'", key));
  }
  std::uint64_t field(std::string_view key) {
    expect(key);
    return number(key);
  }
  unsigned migratetype(std::string_view what) { return small(what, max_migratetype); }
  Cpu cpu() {
    expect("cpu");
    return Cpu{small("cpu", std::max(state_.nr_cpus, 1U) - 1)};
  }
  // CPUs come in their order.
  template <typename PerCpu>
  Cpu next_cpu(const std::vector<PerCpu>& above) {
    const Cpu next = cpu();
    if (next.id() != above.size()) reader_.fail(fmt::format("cpu {} is not the next one", next));
    return next;
  }

  void read_trace_buffer() {
    state_.trace_buffers.push_back({.cpu = next_cpu(state_.trace_buffers),
                                    .entries = field("entries"),
                                    .overrun = field("overrun"),
                                    .commit_overrun = field("commit_overrun"),
                                    .dropped = field("dropped"),
                                    .read = field("read")});
  }

  void read_zone() {
    ExactZone zone;
    zone.line = reader_.number();
    zone.type = static_cast<ZoneType>(small("zone", max_nr_zones - 1));
    if (!state_.zones.empty() && zone.type <= state_.zones.back().type) {
      reader_.fail("zones must stand in the order of their numbers");
    }
    zone.name = reader_.word();
    ExactZoneNumbers numbers;
    for (std::string_view key = reader_.word(); !key.empty(); key = reader_.word()) {
      if (key == "lowmem_reserve") {
        read_lowmem_reserve(zone);
      } else if (ExactZoneNumbers::has(key)) {
        numbers.take(zone, key, number(key));
      } else {
        reader_.fail(fmt::format("a zone has no '{}'", key));
      }
    }
    const std::string_view missing = numbers.missing();
    if (!missing.empty()) reader_.fail(fmt::format("the zone lacks '{}'", missing));
    if (zone.lowmem_reserve.empty()) reader_.fail("the zone lacks 'lowmem_reserve'");
    state_.zones.push_back(std::move(zone));
    has_all_lists_ = false;
  }

  void read_lowmem_reserve(ExactZone& zone) {
    std::string_view numbers = reader_.word();
    while (true) {
      const std::size_t comma = numbers.find(',');
      zone.lowmem_reserve.push_back(reader_.to_number(numbers.substr(0, comma), "lowmem_reserve"));
      if (comma == std::string_view::npos) return;
      numbers.remove_prefix(comma + 1);
    }
  }

  // Records below a zone repeat its number.
  ExactZone& this_zone() {
    const std::uint64_t index = number("zone");
    if (state_.zones.empty() || index != static_cast<std::uint64_t>(state_.zones.back().type)) {
      reader_.fail(fmt::format("zone {} is not the zone above", index));
    }
    return state_.zones.back();
  }

  ExactZone& zone_with_lists() {
    if (has_all_lists_) reader_.fail("'listed_free' stands above");
    return this_zone();
  }

  void read_area() {
    ExactZone& zone = zone_with_lists();
    const std::uint64_t order = number("order");
    if (order != zone.nr_free.size() || order > max_order) {
      reader_.fail(fmt::format("order {} is not the next one", order));
    }
    zone.nr_free.push_back(field("nr_free"));
  }

  void read_list() {
    ExactZone& zone = zone_with_lists();
    ExactFreeList list{
        .order = Order{small("order", max_order)}, .migratetype = migratetype("type"), .pfns = {}};
    if (list.order.value() + 1 != zone.nr_free.size()) {
      reader_.fail("the list does not stand below the area of its order");
    }
    if (zone.free_list(list.order, list.migratetype) != nullptr) {
      reader_.fail("the list stands here twice");
    }
    const std::uint64_t count = number("count");
    for (std::string_view word = reader_.word(); !word.empty(); word = reader_.word()) {
      list.pfns.push_back(chunk(zone, word, list.order));
    }
    check_count(count, list.pfns.size());
    zone.free_lists.push_back(std::move(list));
  }

  void read_listed_free() {
    ExactZone& zone = this_zone();
    zone.listed_free = number("listed_free");
    has_all_lists_ = true;
    std::vector<std::uint64_t> listed(zone.nr_free.size());
    std::uint64_t pages = 0;
    for (const ExactFreeList& list : zone.free_lists) {
      listed[list.order.value()] += list.pfns.size();
      pages += list.pfns.size() * list.order.nr_pages();
    }
    for (std::size_t order = 0; order < listed.size(); ++order) {
      if (listed[order] != zone.nr_free[order]) {
        reader_.fail(fmt::format("order {} has {} free chunks, but {} are listed", order,
                                 zone.nr_free[order], listed[order]));
      }
    }
    if (pages != zone.listed_free) {
      reader_.fail(fmt::format("{} free pages are listed, not {}", pages, zone.listed_free));
    }
    if (zone.nr_isolate_pageblock == 0 && pages != zone.nr_free_pages) {
      reader_.fail(fmt::format("{} free pages are listed, but the zone has {} and none isolated",
                               pages, zone.nr_free_pages));
    }
  }

  void read_pcp() {
    ExactZone& zone = this_zone();
    if (!has_all_lists_) reader_.fail("no 'listed_free' above");
    ExactPcp pcp{.cpu = next_cpu(zone.pcps),
                 .line = reader_.number(),
                 .address = field("va"),
                 .count = field("count"),
                 .high = field("high"),
                 .batch = field("batch"),
                 .lists = {}};
    if (zone.tunes_lists) {
      pcp.high_min = field("high_min");
      pcp.high_max = field("high_max");
      pcp.flags = field("flags");
      pcp.alloc_factor = field("alloc_factor");
      pcp.free_count = field("free_count");
    } else {
      pcp.free_factor = field("free_factor");
    }
    pcp.expire = field("expire");
    zone.pcps.push_back(std::move(pcp));
  }

  // What a CPU has not told the zone of its free pages.
  void read_zone_statistics() {
    this_zone();
    static_cast<void>(cpu());
    static_cast<void>(field("threshold"));
    for (const std::string_view key : {"free", "free_cma"}) {
      expect(key);
      const std::string_view word = reader_.word();
      static_cast<void>(reader_.to_number(word.substr(word.starts_with('-') ? 1 : 0), key));
    }
  }

  void read_pcp_list() {
    ExactZone& zone = this_zone();
    const Cpu of = cpu();
    if (zone.pcps.empty() || of != zone.pcps.back().cpu) {
      reader_.fail(fmt::format("cpu {} is not that of the per-CPU set above", of));
    }
    ExactPcp& pcp = zone.pcps.back();
    ExactPcpList list;
    expect("index");
    list.index = small("index", max_pcp_lists - 1);
    if (!pcp.lists.empty() && list.index <= pcp.lists.back().index) {
      reader_.fail("per-CPU lists must stand in the order of their indexes");
    }
    expect("order");
    list.order = Order{small("order", max_order)};
    expect("mt");
    list.type = reader_.word();
    const std::uint64_t count = number("count");
    for (std::string_view word = reader_.word(); !word.empty(); word = reader_.word()) {
      const std::size_t slash = std::min(word.find('/'), word.size() - 1);
      const std::uint64_t type = reader_.to_number(word.substr(slash + 1), "the page's type");
      if (type > max_migratetype) reader_.fail(fmt::format("'{}' has no such type", word));
      list.pages.push_back(
          {chunk(zone, word.substr(0, slash), list.order), static_cast<unsigned>(type)});
    }
    check_count(count, list.pages.size());
    pcp.lists.push_back(std::move(list));
  }

  Pfn chunk(const ExactZone& zone, std::string_view word, Order order) {
    const Pfn pfn{reader_.to_number(word, "pfn", 16)};
    if (!pfn.is_aligned(order)) reader_.fail(fmt::format("{:#x} is no chunk's start", pfn));
    if (!zone.range().contains(pfn) || zone.range().end - pfn < order.nr_pages()) {
      reader_.fail(fmt::format("{:#x} is not in zone {}", pfn, zone.name));
    }
    return pfn;
  }
  void check_count(std::uint64_t said, std::size_t listed) {
    if (said != listed) reader_.fail(fmt::format("{} pfns are listed, not {}", listed, said));
  }

  void read_section() {
    ExactSection section;
    section.number = number("section");
    section.start_pfn = Pfn{field("start_pfn")};
    if (!state_.sections.empty() && section.start_pfn <= state_.sections.back().start_pfn) {
      reader_.fail("sections must stand in the order of their pfns");
    }
    section.flags = field("flags");
    expect("online");
    section.is_online = small("online", 1) == 1;
    expect("subsections");
    section.subsections = reader_.to_number(reader_.word(), "subsections", 16);
    expect("blocks");
    for (const char digit : digits("9")) {
      section.migratetypes.push_back(static_cast<std::uint8_t>(digit - '0'));
    }
    expect("skip");
    for (const char digit : digits("1")) section.skip.push_back(digit == '1');
    if (section.skip.size() != section.migratetypes.size()) {
      reader_.fail(fmt::format("{} blocks have a type, but {} a skip bit",
                               section.migratetypes.size(), section.skip.size()));
    }
    // v6.18 keeps the type of an isolated block.
    const std::string_view key = reader_.word();
    if (!key.empty()) {
      if (key != "orig") reader_.fail("expected the end of the line");
      for (const char digit : digits("9")) {
        section.own_types.push_back(static_cast<std::uint8_t>(digit - '0'));
      }
      if (section.own_types.size() != section.migratetypes.size()) {
        reader_.fail(fmt::format("{} blocks have a type, but {} one of their own",
                                 section.migratetypes.size(), section.own_types.size()));
      }
    }
    state_.sections.push_back(std::move(section));
  }
  // Takes a word of digits up to the given one.
  std::string_view digits(std::string_view last) {
    const std::string_view word = reader_.word();
    const auto is_digit = [&](char byte) { return byte >= '0' && byte <= last.front(); };
    if (word.empty() || !std::ranges::all_of(word, is_digit)) {
      reader_.fail(fmt::format("expected a digit from 0 to {} for each block", last));
    }
    return word;
  }

  void check_whole() const {
    if (state_.zones.empty()) throw file_.error("no zone is listed");
    if (state_.sections.empty()) throw file_.error("no section is listed");
    for (const ExactZone& zone : state_.zones) {
      const auto fail = [&](std::size_t line, std::string_view fault) {
        throw file_.error_at_line(line, fmt::format("zone {} {}", zone.name, fault));
      };
      if (zone.nr_free.empty()) fail(zone.line, "has no areas");
      if (zone.pcps.size() != state_.nr_cpus) {
        fail(zone.line,
             fmt::format("has {} per-CPU sets for {} CPUs", zone.pcps.size(), state_.nr_cpus));
      }
      for (const ExactPcp& pcp : zone.pcps) {
        std::uint64_t pages = 0;
        for (const auto& list : pcp.lists) pages += list.pages.size() * list.order.nr_pages();
        if (pages != pcp.count) {
          fail(pcp.line,
               fmt::format("cpu {} has {} pages, but {} are listed", pcp.cpu, pcp.count, pages));
        }
      }
    }
  }

  static constexpr unsigned max_order = 31;
  static constexpr unsigned max_migratetype = 9;
  static constexpr unsigned max_pcp_lists = 64;

  const InputFile& file_;
  LineReader reader_;
  ExactState state_;
  bool has_all_lists_ = false;  // of the zone that is read
};

}  // namespace detail

/// Reads a *.state file. Throws ParseError, which names file and line, also where counts and lists
/// do not agree.
[[nodiscard]] inline ExactState parse_exact_state(const InputFile& file) {
  return detail::ExactStateReader{file}.read();
}

}  // namespace pageblock
