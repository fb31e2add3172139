// SPDX-License-Identifier: MIT
/// What empty_memory is asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/io/picture/time_line.hpp"

namespace example {

/// A page that is not like the others: "0x2006=pinned:5".
struct SpecialPage {
  pageblock::Pfn pfn{};
  /// What it is beside its kind and what hinders it.
  enum class Is { movable, kernel, reserved, driver } is = Is::movable;
  pageblock::StubbornPages::Stubborn stubborn{};
};

/// Who wants the memory.
enum class Want { contig, offline, contig_pages };

/// A machine, and what is tried on it.
struct Request {
  std::string kernel = "v6.1";
  std::uint64_t memory = 16384;  ///< pages of Normal, from 0
  std::uint64_t movable = 0;     ///< pages of Movable, behind it
  Want want = Want::contig;
  pageblock::PfnRange range{};  ///< for contig_pages, how many pages
  std::uint64_t in_use = 0;     ///< pages on LRU lists, from the range's start
  std::vector<SpecialPage> pages{};
  std::uint64_t rounds = 16;
  bool notifier_objects = false;
};

/// What came of it.
struct Answer {
  pageblock::Attempt attempt;
  std::string log{};  ///< a line of the kernel's, if it writes one
  std::uint64_t nr_free = 0;
  double seconds = 0;
};

/// Returns the pages that a text names. Throws UsageError.
[[nodiscard]] SpecialPage parse_special_page(std::string_view text);

/// Returns "START+PAGES" as a range. Throws UsageError.
[[nodiscard]] pageblock::PfnRange parse_range(std::string_view text);

/// Tries it. Events of the zones become steps of @p line, if there is one. Throws UsageError if the
/// request names pages that are not there.
[[nodiscard]] Answer run(const Request& request, pageblock::TimeLine* line = nullptr);

}  // namespace example
