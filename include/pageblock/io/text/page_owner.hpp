// SPDX-License-Identifier: MIT
/// Reads /sys/kernel/debug/page_owner: who allocated each page, added up by stack.
///
/// Layer:  io.
/// Kernel: print_page_owner() (mm/page_owner.c), and tools/mm/page_owner_sort.c, which counts alike
///         stacks itself and leaves out the pfn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/text/log_line.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// Allocations from one place in the kernel, in blocks of one type.
struct PageOwnerGroup {
  /// "Unmovable", "Movable", ...; empty where the text does not say it.
  std::string block_type;
  std::string page_type;  ///< The migratetype that was asked for, as the kernel names it.
  /// The functions of the stack without offsets, innermost first.
  std::vector<std::string> stack;
  std::string gfp;  ///< The flags of the request, as they stand there.
  /// The name of a process that did it, if there is one.
  std::string comm;
  std::uint64_t nr_allocations = 0;  ///< How many allocations.
  std::uint64_t nr_pages = 0;        ///< How many pages they have.
  std::uint64_t first_pfn = 0;       ///< The lowest page.
  std::uint64_t last_pfn = 0;        ///< The highest page.
};

/// Collects the records of a dump line by line.
class PageOwnerReader {
 public:
  /// The file must outlive the reader.
  explicit PageOwnerReader(const InputFile& file) : file_{&file} {}

  /// Takes a line, and returns whether it is part of a record. Throws ParseError at what no kernel
  /// prints.
  bool take(const LogLine& line) {
    const std::string_view text = line.text;
    if (text.starts_with("Page allocated via order ")) {
      finish_record();
      begin(line);
      return true;
    }
    // "12 times, 48 pages:" of page_owner_sort.
    if (const auto times = times_of(text)) {
      finish_record();
      times_ = *times;
      return true;
    }
    if (!record_) return false;
    if (text.empty()) {
      finish_record();
      return true;
    }
    if (text.starts_with("PFN ")) return take_pfn(line);
    if (text.starts_with("Charged ") || text.starts_with("Page has been migrated")) return true;
    const std::size_t offset = text.find("+0x");
    if (offset == text.npos) {
      finish_record();
      return false;
    }
    std::string_view frame = text.substr(0, offset);
    if (const std::size_t blank = frame.rfind(' '); blank != frame.npos) {
      frame.remove_prefix(blank + 1);
    }
    key_.append(frame).push_back('\n');
    return true;
  }

  /// Returns the groups, those with the most pages first.
  [[nodiscard]] std::vector<PageOwnerGroup> finish() {
    finish_record();
    std::vector<PageOwnerGroup> groups;
    for (auto& [key, group] : groups_) {
      std::string_view stack = key;
      for (int types = 0; types < 2; ++types) stack.remove_prefix(stack.find('\n') + 1);
      while (!stack.empty()) {
        const std::size_t end = stack.find('\n');
        group.stack.emplace_back(stack.substr(0, end));
        stack.remove_prefix(end + 1);
      }
      groups.push_back(std::move(group));
    }
    groups_.clear();
    detail::sort_stably(groups, [](const PageOwnerGroup& group) { return ~group.nr_pages; });
    return groups;
  }

 private:
  struct Record {
    std::uint64_t order = 0;
    std::string_view gfp;
    std::string_view comm;
    std::optional<std::uint64_t> pfn;
    std::string_view block_type;
    std::string_view page_type;
  };

  void begin(const LogLine& line) {
    constexpr std::uint64_t most_order = 31;
    const std::string_view text = line.text;
    Record record;
    const auto order = detail::number_behind(text, "order ");
    if (!order || *order > most_order) {
      throw file_->error_at_line(line.number, "expected 'Page allocated via order <number>'");
    }
    record.order = *order;
    if (const std::size_t mask = text.find("mask "); mask != text.npos) {
      record.gfp = text.substr(mask + 5);
      const std::size_t open = record.gfp.find('(');
      const std::size_t close = record.gfp.find(')');
      record.gfp = open != text.npos && close != text.npos
                       ? record.gfp.substr(open + 1, close - open - 1)
                       : record.gfp.substr(0, record.gfp.find_first_of(", "));
    }
    if (const std::size_t tgid = text.find("tgid "); tgid != text.npos) {
      const std::size_t open = text.find('(', tgid);
      const std::size_t close = text.find("), ts", tgid);
      if (open != text.npos && close != text.npos && open < close) {
        record.comm = text.substr(open + 1, close - open - 1);
      }
    }
    record_ = record;
    key_.clear();
  }

  // "PFN 4096 type Unmovable Block 8 type Movable Flags 0x..."; before v4.7 the block's type is a
  // number, which is left out.
  bool take_pfn(const LogLine& line) {
    detail::Words words{line.text};
    words.next();
    std::string_view number = words.next();
    const bool is_hex = number.starts_with("0x");
    if (is_hex) number.remove_prefix(2);
    const auto pfn = detail::take_number(number, is_hex ? 16 : 10);
    if (!pfn || !number.empty()) {
      throw file_->error_at_line(line.number, "expected 'PFN <number> type <name> Block ...'");
    }
    record_->pfn = pfn;
    bool is_block = false;
    for (std::string_view word = words.next(); !word.empty() && word != "Flags";
         word = words.next()) {
      if (word == "Block") is_block = true;
      if (word != "type") continue;
      const std::string_view type = words.next();
      if (type.empty() || detail::is_digit(type.front())) continue;
      (is_block ? record_->block_type : record_->page_type) = type;
    }
    return true;
  }

  [[nodiscard]] static std::optional<std::uint64_t> times_of(std::string_view text) {
    const auto times = detail::take_number(text);
    return times && text.starts_with(" times, ") && text.find(" pages") != text.npos ? times
                                                                                     : std::nullopt;
  }

  void finish_record() {
    if (!record_) return;
    const Record& record = *record_;
    std::string key;
    key.append(record.block_type).push_back('\n');
    key.append(record.page_type).push_back('\n');
    key += key_;
    PageOwnerGroup& group = groups_[std::move(key)];
    if (group.nr_allocations == 0) {
      group.block_type = record.block_type;
      group.page_type = record.page_type;
      group.gfp = record.gfp;
      group.first_pfn = record.pfn.value_or(0);
      group.last_pfn = group.first_pfn;
    }
    if (group.comm.empty()) group.comm = record.comm;
    group.nr_allocations += times_;
    group.nr_pages += times_ << record.order;
    if (record.pfn) {
      group.first_pfn = std::min(group.first_pfn, *record.pfn);
      group.last_pfn = std::max(group.last_pfn, *record.pfn);
    }
    record_.reset();
    times_ = 1;
  }

  const InputFile* file_;
  std::map<std::string, PageOwnerGroup, std::less<>> groups_;
  std::optional<Record> record_;
  std::uint64_t times_ = 1;
  std::string key_;
};

}  // namespace pageblock
