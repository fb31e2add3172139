// SPDX-License-Identifier: MIT
/// What whynot says about what it finds.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pageblock/base/count_text.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/gfp_flags.hpp"
#include "pageblock/io/text/kernel_version.hpp"

#include "common/json.hpp"
#include "whynot/findings.hpp"
#include "whynot/page_lookup.hpp"

namespace example {

/// What the user says besides, and what else was found: an answer may need it.
struct Question {
  /// The order that is asked about where the text does not say one.
  std::optional<pageblock::Order> order;
  std::optional<pageblock::GfpFlags> gfp;
  std::optional<pageblock::KernelVersion> kernel;
  const Findings* findings = nullptr;
  const PageLookup* pages = nullptr;
};

/// The answer to one thing that was found.
struct Answer {
  /// Without the place and the time, so that equal ones can be counted.
  Json json;
  /// One line: what happened.
  std::string title;
  /// What it comes to. Lines below the title; no line is longer than a screen is wide, if possible.
  std::string text;
  /// Equal for those that say the same, be it with other numbers.
  std::string likeness;
};

[[nodiscard]] Answer answer_to(const pageblock::AllocationReport& report, const Question& question);
[[nodiscard]] Answer answer_to(const pageblock::CmaReport& report, const Question& question);
[[nodiscard]] Answer answer_to(const BusyRange& busy, const Question& question);
[[nodiscard]] Answer answer_to(const pageblock::PageDump& dump, const Question& question);
[[nodiscard]] Answer answer_to(const pageblock::OfflineFailure& failure, const Question& question);
[[nodiscard]] Answer answer_to(const PageOwners& owners, const Question& question);

/// The tables of one kind are answered together: the last says how it is, all of them how it went.
template <typename Table>
struct Series {
  struct At {
    const Finding* where;
    const Table* table;
  };
  std::vector<At> tables;
};
[[nodiscard]] Answer answer_to(const Series<BuddyInfo>& series, const Question& question);
[[nodiscard]] Answer answer_to(const Series<pageblock::PageTypeInfo>& series,
                               const Question& question);
[[nodiscard]] Answer answer_to(const Series<ZoneTable>& series, const Question& question);

/// "2048 KiB", "1.5 GiB": so many pages of @p page_kbytes kB each.
[[nodiscard]] std::string size_text(std::uint64_t pages, std::uint64_t page_kbytes = 4);

using pageblock::count_text;

}  // namespace example
